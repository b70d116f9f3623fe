"""The session beside the session in use: opened while that one goes on, to take over from it.

:mod:`~edge_agent.core.renewal` says when one is wanted because a session ends, :mod:`~edge_agent.core.ways`
when there is a better way. Who has taken over is a session like any other: :mod:`~edge_agent.core.link`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.core.commands import CloseLink, Command, OpenLink
from edge_agent.core.faults import Fault, Reaction
from edge_agent.core.policy import rule_for
from edge_agent.core.renewal import Renewal
from edge_agent.core.ways import FIRST_WAY, Way, Ways


@dataclass(slots=True)
class Heir:
    """One session that is to follow; ``session_id`` and what is below are known once it is up."""

    epoch: int
    way: Way
    session_id: str = ""
    lifetime_s: float | None = None
    up_at: float | None = None

    def left_s(self, now: float) -> float | None:
        """How much of its life is left, in seconds; None: not known."""
        if self.lifetime_s is None or self.up_at is None:
            return None
        return self.lifetime_s - (now - self.up_at)


class Successor:
    """At most one heir of the session in use, whose beginning :meth:`follow` tells.

    ``epochs`` gives the numbers of sessions, and is shared with whoever opens others.
    """

    def __init__(self, ways: Ways, renewal: Renewal, epochs: Iterator[int]) -> None:
        self._ways = ways
        self._renewal = renewal
        self._epochs = epochs
        self._heir: Heir | None = None
        self._followed = FIRST_WAY
        self._looked_at = float("-inf")

    @property
    def way(self) -> Way | None:
        """By which way the heir is opened, or None if there is none."""
        return None if self._heir is None else self._heir.way

    @property
    def is_ready(self) -> bool:
        """Whether there is one that can take over."""
        return self._heir is not None and self._heir.up_at is not None

    def has(self, epoch: int) -> bool:
        """Whether ``epoch`` is the heir."""
        return self._heir is not None and self._heir.epoch == epoch

    def next_deadline(self) -> float | None:
        """When :meth:`tick` or :meth:`open` has something to do while a session is in use, or None."""
        better_at = self._ways.better_at(self._followed, self._looked_at)
        is_to_come = better_at is not None and better_at > self._looked_at
        deadlines = (self._renewal.next_deadline(), better_at if is_to_come else None)
        return min((at for at in deadlines if at is not None), default=None)

    # -- the session in use ------------------------------------------------------------------------

    def follow(self, way: Way, lifetime_s: float | None, now: float) -> None:
        """A session that came by ``way`` is in use from now on, and ends after ``lifetime_s`` (None: not
        known)."""
        self._followed = way
        self._renewal.begin(lifetime_s, now)

    def forget(self) -> None:
        """There is no session in use, and no heir."""
        self._renewal.forget()

    def saw_context(self, input_tokens: int, now: float) -> None:
        """A response of the session in use was billed for so many tokens of input."""
        self._renewal.saw_context(input_tokens, now)

    # -- its heir ----------------------------------------------------------------------------------

    def open(self, now: float, *, is_idle: bool) -> list[Command]:
        """Open an heir if one is wanted at this moment, idle or not: in time, or by a better way."""
        self._looked_at = now
        if self._renewal.has_successor:
            return []
        better = self._ways.better_than(self._followed, now) if is_idle else None
        if better is None and not self._renewal.is_wanted(is_idle=is_idle):
            return []
        way = better or self._followed
        if not self._ways.affords(way, now):
            return []
        allowed_at = self._ways.allowed_at(way, planned=better is None)
        if allowed_at > now:
            self._renewal.hold_back(allowed_at)
            return []
        self._renewal.opening()
        self._ways.opening(way, now, planned=better is None)
        self._heir = Heir(next(self._epochs), way)
        return [OpenLink(self._heir.epoch, way)]

    def up(self, session_id: str, lifetime_s: float | None, now: float) -> None:
        """The heir can take over."""
        assert self._heir is not None
        self._renewal.ready(now)
        self._ways.opened(self._heir.way, now)
        self._heir.session_id, self._heir.lifetime_s = session_id, lifetime_s
        self._heir.up_at = now

    def down(self, fault: Fault, now: float) -> float:
        """The heir failed or ended; return in how many seconds another one is tried at the earliest.

        The session in use goes on. What only a person can mend it will meet itself.
        """
        assert self._heir is not None
        way, self._heir = self._heir.way, None
        self._ways.failed(way, fault, now, beside=self._followed)
        rule = rule_for(fault)
        if way == self._followed:
            is_parked = rule.reaction is Reaction.STOP_AND_TELL
            least_s = (
                rule.delay.wait_s(1, 0.0, fault.retry_after_s) if is_parked or rule.delay.least_s else 0.0
            )
            return self._renewal.failed(least_s, now)
        self._renewal.given_up(now)
        return max(0.0, (self._ways.better_at(self._followed, now) or now) - now)

    def tick(self, now: float) -> list[Command]:
        """Give up an heir that has waited too long."""
        if not self._renewal.tick(now):
            return []
        if self._heir is not None and self._heir.way != self._followed:
            self._ways.put_off(self._heir.way, now)
        close = self.close(now)
        self._renewal.given_up(now)
        return close

    def take(self) -> Heir | None:
        """Return the heir, which is one no more, or None."""
        heir, self._heir = self._heir, None
        return heir

    def close(self, now: float) -> list[Command]:
        """Hang up the heir, if there is one."""
        heir = self.take()
        if heir is None:
            return []
        if heir.way.endpoint != self._followed.endpoint:
            self._ways.closed(heir.way, now)
        return [CloseLink(heir.epoch)]

    def is_concerned_by(self, fault: Fault) -> bool:
        """Whether ``fault`` of the session in use is one of the heir's endpoint, which a person must mend."""
        is_beyond_us = rule_for(fault).reaction is Reaction.STOP_AND_TELL
        return is_beyond_us and self._heir is not None and self._heir.way.endpoint == self._followed.endpoint
