"""When a session that works is to be followed by another, and how far its successor is.

A session ends at a time that is known. Before that a successor is opened beside it, at a moment when nobody
waits for anything, and takes over at such a moment. This module knows times and moments; who opens it and
hangs it up is :mod:`edge_agent.core.successor`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.errors import IllegalTransition

READY_LIMIT_S = 2.0
"""So long a successor may wait for an idle moment while its predecessor has time left. Two sessions may cost
twice; a successor that is given up is asked for again at the next idle moment."""

LEAST_RENEWAL_S = 1.0
"""A successor that was given up, or failed, is not asked for again sooner than this."""


@dataclass(frozen=True, slots=True)
class RenewalSettings:
    """When a session is renewed.

    ``due_share`` and ``latest_share`` are shares of the session's life, 0 to 1: from the first on the next
    idle moment is used, from the second on no moment is waited for to open the successor (it still takes over
    at an idle one, or when its predecessor ends). ``max_age_s`` makes it due at that age in any case, and
    ``max_context_tokens`` when a response was billed for more input than that; None: never for that reason.
    """

    due_share: float = 0.8
    latest_share: float = 0.95
    max_age_s: float | None = None
    max_context_tokens: int | None = None


class RenewalState(enum.Enum):
    """How far the successor is."""

    NONE = "none"
    OPENING = "opening"
    READY = "ready"


TRANSITIONS: dict[RenewalState, dict[RenewalState, str]] = {
    RenewalState.NONE: {RenewalState.OPENING: "due, and a moment to begin"},
    RenewalState.OPENING: {
        RenewalState.READY: "the server acknowledged the successor",
        RenewalState.NONE: "it failed, or is the only session now",
    },
    RenewalState.READY: {RenewalState.NONE: "it took over, ended, or waited too long"},
}
"""The legal moves and what makes them; any other is a bug."""


class Urgency(enum.IntEnum):
    """How much a successor is wanted."""

    NOT_YET = 0
    AT_IDLE = 1
    AT_ONCE = 2


class Renewal:
    """The successor of one session at a time.

    ``new_delays`` makes an endless series of waiting times in seconds between failures.
    """

    def __init__(self, settings: RenewalSettings, new_delays: Callable[[], Iterator[float]]) -> None:
        self._settings = settings
        self._new_delays = new_delays
        self._delays = new_delays()
        self.state = RenewalState.NONE
        self.urgency = Urgency.NOT_YET
        self._due_at = math.inf
        self._latest_at = math.inf
        self._not_before = -math.inf
        self._give_up_at = math.inf

    def begin(self, lifetime_s: float | None, now: float) -> None:
        """Another session begins, which lives for ``lifetime_s`` (None: for ever); what was is forgotten."""
        self.forget()
        life_s = math.inf if lifetime_s is None else max(0.0, lifetime_s)
        age_s = math.inf if self._settings.max_age_s is None else self._settings.max_age_s
        self._due_at = now + min(life_s * self._settings.due_share, age_s)
        self._latest_at = max(self._due_at, now + life_s * self._settings.latest_share)
        self._delays = self._new_delays()
        self.tick(now)

    def forget(self) -> None:
        """There is no session to be followed."""
        if self.state is not RenewalState.NONE:
            self._set_state(RenewalState.NONE)
        self.urgency = Urgency.NOT_YET
        self._due_at = self._latest_at = self._give_up_at = math.inf
        self._not_before = -math.inf

    def saw_context(self, input_tokens: int, now: float) -> None:
        """A response was billed for so many tokens of input: what the session holds."""
        limit = self._settings.max_context_tokens
        if limit is not None and input_tokens > limit:
            self._due_at = min(self._due_at, now)
            self.tick(now)

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        at = math.inf
        if self.urgency is Urgency.NOT_YET:
            at = max(self._due_at, self._not_before)
        elif self.urgency is Urgency.AT_IDLE:
            at = max(self._latest_at, self._not_before)
        if self.state is RenewalState.READY:
            at = min(at, self._give_up_at)
        return at if math.isfinite(at) else None

    def tick(self, now: float) -> bool:
        """Let time pass. Return whether the successor has waited too long and is to be given up."""
        if now >= self._latest_at and now >= self._not_before:
            self.urgency = Urgency.AT_ONCE
        elif now >= self._due_at and now >= self._not_before:
            self.urgency = max(self.urgency, Urgency.AT_IDLE)
        if self.state is not RenewalState.READY or now < self._give_up_at:
            return False
        self._give_up_at = math.inf
        return self.urgency is not Urgency.AT_ONCE

    def is_wanted(self, *, is_idle: bool) -> bool:
        """Whether a successor is to be opened at this moment."""
        least = Urgency.AT_IDLE if is_idle else Urgency.AT_ONCE
        return self.state is RenewalState.NONE and self.urgency >= least

    @property
    def has_successor(self) -> bool:
        """Whether there is one, ready or not."""
        return self.state is not RenewalState.NONE

    def hold_back(self, until: float) -> None:
        """No successor may be opened before ``until``."""
        self.urgency = Urgency.NOT_YET
        self._not_before = until

    def opening(self) -> None:
        """The successor is being opened."""
        self._set_state(RenewalState.OPENING)

    def ready(self, now: float) -> None:
        """The successor can take over."""
        self._set_state(RenewalState.READY)
        self._give_up_at = now + READY_LIMIT_S

    def failed(self, least_s: float, now: float) -> float:
        """The successor could not be opened, or has ended. Return in how many seconds another may be tried:
        ``least_s`` or more."""
        wait_s = max(next(self._delays), least_s, LEAST_RENEWAL_S)
        self._put_off(now + wait_s)
        return wait_s

    def given_up(self, now: float) -> None:
        """The successor was closed, because it found no moment to take over."""
        self._put_off(now + LEAST_RENEWAL_S)

    def _put_off(self, until: float) -> None:
        self._set_state(RenewalState.NONE)
        self.urgency = Urgency.NOT_YET
        self._give_up_at = math.inf
        self._not_before = until

    def _set_state(self, new: RenewalState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"renewal: {self.state.value} -> {new.value}")
        self.state = new
