"""Whether the device listens to the room, and whether a session is wanted at all.

Asleep, it waits for something that is found on the device itself: its wake word, a voice, or a button. It
knows neither links nor sounds; what wakes it and what is going on is told.
"""

from __future__ import annotations

import enum
import math

from edge_agent.core.commands import Listening
from edge_agent.core.settings import AttentionSettings, Mode
from edge_agent.errors import IllegalTransition

UNMET_LIMIT_S = 30.0
"""Called for so long without a session, it gives up: what was said is older than what is held of it, and
nobody waits for an answer any more."""


LEAST_WARM_S = 2.0
"""Mode button: a session is kept at least so long. A press opens it, and only after the release, and the time
for a second tap, is it known whether that began a conversation."""


class AttentionState(enum.Enum):
    """Whether the room is listened to."""

    AWAKE = "awake"
    ASLEEP = "asleep"


TRANSITIONS: dict[AttentionState, dict[AttentionState, str]] = {
    AttentionState.AWAKE: {AttentionState.ASLEEP: "nobody has spoken for a while, or a button"},
    AttentionState.ASLEEP: {AttentionState.AWAKE: "the wake word, a voice, or a button"},
}
"""The legal moves and what makes them; any other is a bug."""


class Attention:
    """Decides when the device is awake.

    In mode button it is awake while a conversation is on or the talk button is held; in mode wake-word from
    the word until nobody has said anything for a while; in mode always-on always, unless it may sleep.
    """

    def __init__(self, mode: Mode, settings: AttentionSettings) -> None:
        self._mode = mode
        self._settings = settings
        starts_awake = mode is Mode.ALWAYS_ON
        self.state = AttentionState.AWAKE if starts_awake else AttentionState.ASLEEP
        self.was_busy = False
        """Whether anybody has had a turn since it awoke."""
        self._had_session = False
        self._quiet_since: float | None = None
        self._warm_until: float | None = None
        self._heard_word_at = -math.inf

    @property
    def is_awake(self) -> bool:
        """Whether the room is listened to."""
        return self.state is AttentionState.AWAKE

    @property
    def listens_for(self) -> Listening:
        """What is listened for on the device itself, so that it can wake."""
        if self.is_awake:
            return Listening.NOTHING
        by_mode = {Mode.WAKE_WORD: Listening.WORD, Mode.ALWAYS_ON: Listening.VOICE}
        return by_mode.get(self._mode, Listening.NOTHING)

    @property
    def wants_session(self) -> bool:
        """Whether a session is to be held: awake, and for a while after that."""
        return self.is_awake or self._keep_warm_s is None or self._warm_until is not None

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return self._bedtime if self.is_awake else self._warm_until

    def hear_word(self, now: float) -> bool:
        """Wake at the wake word; returns whether it has, which it does not within the refractory time."""
        if self.is_awake or now < self._heard_word_at + self._settings.refractory_s:
            return False
        self._heard_word_at = now
        return self.wake(now)

    def wake(self, now: float) -> bool:
        """Wake at a voice or a button; returns whether that changed anything."""
        if self.is_awake:
            return False
        self._set_state(AttentionState.AWAKE)
        self.was_busy = False
        self._quiet_since = now
        self._warm_until = None
        return True

    def sleep(self, now: float) -> bool:
        """Sleep: somebody wishes it, or a conversation is over. Returns whether that changed anything."""
        if not self.is_awake:
            return False
        self._set_state(AttentionState.ASLEEP)
        self._warm_until = now + self._keep_warm_s if self._keep_warm_s else None
        return True

    def see(self, *, has_session: bool, is_busy: bool, now: float) -> None:
        """Follow what goes on: whether there is a session, and whether it is anybody's turn."""
        begins_anew = has_session is not self._had_session
        self._had_session = has_session
        self.was_busy = self.was_busy or is_busy
        if is_busy:
            self._quiet_since = None
        elif self._quiet_since is None or begins_anew:
            self._quiet_since = now

    def tick(self, now: float) -> bool:
        """Fall asleep, or let the session go, if it is time; returns whether it has fallen asleep."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return False
        self._warm_until = None
        return self.sleep(now)

    @property
    def _keep_warm_s(self) -> float | None:
        keep_warm_s = self._settings.keep_warm_s
        match self._mode:
            case Mode.ALWAYS_ON:
                return 0.0
            case Mode.BUTTON if keep_warm_s is not None:
                return max(LEAST_WARM_S, keep_warm_s)
            case _:
                return keep_warm_s

    @property
    def _bedtime(self) -> float | None:
        limit_s = self._settings.awake_for_s
        if limit_s is None or self._quiet_since is None:
            return None
        if self._had_session:
            return self._quiet_since + limit_s
        # A device that always listens and has lost its session goes on trying, and shows it.
        is_called = self._mode is not Mode.ALWAYS_ON
        return self._quiet_since + max(limit_s, UNMET_LIMIT_S) if is_called else None

    def _set_state(self, new: AttentionState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"attention: {self.state.value} -> {new.value}")
        self.state = new
