"""Which hour, day and month it is, for money: follows a clock that may be wrong, and never gives a period
twice.

It knows neither time zones nor months: who makes it says what an hour is called. Between two looks at the
clock time goes on by the monotonic clock, and so it does while the clock shows a time that can't be.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

JUMP_S = 300.0
"""A clock that is further from where it should be has been set; less is drift, or a suspended machine's
slip."""

SETTLE_S = 120.0
"""A clock that was set is believed when it has gone on from there for so long: a wrong time that is put right
sooner counts for nothing."""

PROVEN_S = 24 * 3600.0
"""A clock that was set ahead and not put back for so long was right."""


class Period(enum.Enum):
    """A span of time with a limit of its own."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


NAME_LENGTH = {Period.HOUR: 13, Period.DAY: 10, Period.MONTH: 7}
"""Hours are called ``2026-11-25T22``: the name of the day and of the month is the beginning of the hour's,
and names sort as time goes."""

OLDEST = "2026"
"""Years before this program existed are what a clock shows that was never set."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the clock said, and when: seconds since 1970, monotonic seconds."""

    wall_s: float
    now: float

    def reckoned(self, now: float) -> float:
        """What a clock that went on from here says at ``now``."""
        return self.wall_s + now - self.now


class Calendar:
    """The periods that are in effect.

    ``name_hour`` calls an hour by name, from seconds since 1970. ``held_s`` and ``left_s`` are those of an
    earlier run's calendar, None for none: how far it was, and from where a clock was set ahead that may still
    be put back.
    """

    def __init__(
        self, name_hour: Callable[[float], str], held_s: float | None = None, left_s: float | None = None
    ) -> None:
        self._name_hour = name_hour
        self._held_s = held_s
        self.left_s = left_s
        self._base = _Reading(held_s or 0.0, 0.0)
        self._rumour: _Reading | None = None
        self._ahead_since: float | None = None
        self._was_put_back = False
        self.hour = name_hour(held_s) if held_s is not None else ""
        """The name of the hour in effect; "" before the clock was ever read."""

    def held_s(self, now: float) -> float:
        """Seconds since 1970, as far as they are believed at ``now``."""
        return self._base.reckoned(now)

    def name(self, period: Period) -> str:
        """The name of the period in effect."""
        return self.hour[: NAME_LENGTH[period]]

    def begin(self, wall_s: float, now: float) -> bool:
        """A run begins: nobody knows for how long the device was off, so a later time is believed.

        Returns whether the clock was put back, see :meth:`read`.
        """
        self._base = _Reading(wall_s if self._held_s is None else max(wall_s, self._held_s), now)
        if self._held_s is not None and wall_s > self._held_s + JUMP_S:
            self._note_ahead(self._held_s, now)
        was_wrong = self._held_s is not None and wall_s < self._held_s - JUMP_S and self._may_return(wall_s)
        if was_wrong:
            self._put_back(wall_s, now)
        self.advance(now)
        return was_wrong

    def read(self, wall_s: float, now: float) -> bool:
        """The clock shows ``wall_s``. Returns whether it was put back to where it had been set ahead from.

        Then the periods in effect are earlier ones, and what was booked in later ones belongs to them.
        """
        ahead_s = wall_s - self._base.reckoned(now)
        if abs(ahead_s) <= JUMP_S:
            self._rumour = None
            if ahead_s > 0:
                self._base = _Reading(wall_s, now)
        elif self._is_settled(wall_s, now):
            return self._believe(wall_s, ahead_s, now)
        self.advance(now)
        return False

    def advance(self, now: float) -> None:
        """Time has gone on; an hour follows, or the same is in effect."""
        self.hour = max(self.hour, self._name_hour(self._base.reckoned(now)))
        if self._ahead_since is not None and now - self._ahead_since >= PROVEN_S:
            self.left_s = self._ahead_since = None

    def _is_settled(self, wall_s: float, now: float) -> bool:
        """Whether the clock has gone on from where it jumped to for long enough."""
        rumour = self._rumour
        if rumour is None or abs(wall_s - rumour.reckoned(now)) > JUMP_S:
            self._rumour = _Reading(wall_s, now)
            return False
        return now - rumour.now >= SETTLE_S

    def _believe(self, wall_s: float, ahead_s: float, now: float) -> bool:
        self._rumour = None
        is_return = ahead_s < 0 and self._may_return(wall_s)
        if is_return:
            self._put_back(wall_s, now)
        elif ahead_s > 0 and not self._was_put_back:
            self._note_ahead(self._base.reckoned(now), now)
            self._base = _Reading(wall_s, now)
        self.advance(now)
        return is_return

    def _note_ahead(self, from_s: float, now: float) -> None:
        self.left_s = from_s if self.left_s is None else min(self.left_s, from_s)
        self._ahead_since = now

    def _may_return(self, wall_s: float) -> bool:
        return self.left_s is not None and wall_s >= self.left_s - JUMP_S

    def _put_back(self, wall_s: float, now: float) -> None:
        """Go back. It is not believed again in this run: a clock that goes to and fro would free money."""
        self._base = _Reading(wall_s, now)
        self.hour = self._name_hour(wall_s)
        self.left_s = self._ahead_since = None
        self._was_put_back = True
