"""The books: what was used by hour, day and month, and what is held for what is under way.

It knows no prices and no limits, and no file: :meth:`Ledger.text` is what has to be kept. What is held counts
as spent until it is settled; of a run that ended without a word it is booked as spent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.core.periods import OLDEST, Calendar, Period
from edge_agent.core.tally import Tally, read_count, read_mapping, read_tally, total

VERSION = 1
"""Of the text's form. A text of another version is not read."""

KEPT = {Period.HOUR: 3, Period.DAY: 10, Period.MONTH: 13}
"""So many periods of each kind are remembered, the newest first: enough for a clock that is put back, and
for a look at the last week and year."""

LOST = "lost-books"
"""The name under which is booked what may have been spent before the books were lost."""

LATEST_CLOCK_S = 10**11
"""Seconds since 1970; in the year 5138 there are other troubles."""

LONGEST_TEXT = 262_144
"""Characters; thirteen months of sixteen endpoints are a quarter of this."""

Book = dict[str, dict[str, Tally]]
"""Periods by name, and in each the endpoints by name."""


class LedgerBroken(ValueError):
    """A text is no ledger; the message says where it stops making sense."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Money held for what ``endpoint`` may yet charge, in micro-units."""

    endpoint: str
    micros: int


class Ledger:
    """The books of one device. ``name_hour`` calls an hour by name, see :class:`Calendar`."""

    def __init__(self, name_hour: Callable[[float], str]) -> None:
        self._name_hour = name_hour
        self._calendar = Calendar(name_hour)
        self._books: dict[Period, Book] = {period: {} for period in Period}
        self._holds: dict[int, Hold] = {}
        self._told: dict[str, str] = {}

    @classmethod
    def read(cls, text: str, name_hour: Callable[[float], str]) -> Ledger:
        """Return the ledger that :meth:`text` wrote down. Raises LedgerBroken for anything else."""
        ledger = cls(name_hour)
        try:
            ledger._read(text)
        except (ValueError, RecursionError) as error:
            raise LedgerBroken(str(error)) from error
        return ledger

    # -- time --------------------------------------------------------------------------------------

    def begin(self, wall_s: float, now: float) -> None:
        """A run begins; the clock shows ``wall_s``. What an earlier run held is booked as spent."""
        self.look(wall_s, now)
        for hold in self._holds.values():
            self.book(hold.endpoint, Tally(micros=hold.micros))
        self._holds.clear()

    def look(self, wall_s: float, now: float) -> None:
        """The clock shows ``wall_s``; the books are only looked at."""
        self._turn(self._calendar.begin(wall_s, now))

    def see_clock(self, wall_s: float, now: float) -> None:
        """The clock shows ``wall_s``."""
        self._turn(self._calendar.read(wall_s, now))

    def advance(self, now: float) -> None:
        """Time has gone on to ``now``."""
        self._calendar.advance(now)
        self._turn(was_put_back=False)

    def name(self, period: Period) -> str:
        """The name of the period in effect."""
        return self._calendar.name(period)

    # -- what is asked -----------------------------------------------------------------------------

    def used(self, period: Period) -> Tally:
        """Return what all endpoints were used for in the period in effect."""
        return total(self.by_endpoint(period))

    def by_endpoint(self, period: Period) -> dict[str, Tally]:
        """Return what each endpoint was used for in the period in effect."""
        return self._books[period].get(self.name(period), {})

    @property
    def held_micros(self) -> int:
        """What is held, in micro-units."""
        return sum(hold.micros for hold in self._holds.values())

    def spent_micros(self, period: Period) -> int:
        """Return what was spent in the period in effect, with what is held."""
        return self.used(period).micros + self.held_micros

    def is_told(self, what: str, period: Period) -> bool:
        """Whether :meth:`note_told` was called for ``what`` in the period in effect."""
        return self._told.get(what) == self.name(period)

    # -- what is booked ----------------------------------------------------------------------------

    def book(self, endpoint: str, used: Tally) -> None:
        """Book what ``endpoint`` was used for, in the periods in effect."""
        for period, book in self._books.items():
            book.setdefault(self.name(period), {}).setdefault(endpoint, Tally()).add(used)

    def hold(self, key: int, endpoint: str, micros: int) -> None:
        """Hold so much, instead of what is held under ``key``; nothing for 0."""
        if micros:
            self._holds[key] = Hold(endpoint, micros)
        else:
            self._holds.pop(key, None)

    def note_told(self, what: str, period: Period) -> None:
        """A person was told ``what`` about the period in effect."""
        self._told[what] = self.name(period)

    # -- what is kept ------------------------------------------------------------------------------

    def text(self, now: float) -> str:
        """Return everything as one text of JSON."""
        clock = {"version": VERSION, "clock_s": math.floor(self._calendar.held_s(now))}
        return json.dumps({**clock, **self.content()}, separators=(",", ":")) + "\n"

    def content(self) -> dict[str, object]:
        """Return what has to be kept when it changes: all but the time."""
        return {
            "left_s": None if self._calendar.left_s is None else math.floor(self._calendar.left_s),
            "held": sorted([hold.endpoint, hold.micros] for hold in self._holds.values()),
            "told": dict(self._told),
            "books": {
                period.value: {
                    name: {endpoint: tally.written() for endpoint, tally in sorted(tallies.items())}
                    for name, tallies in sorted(book.items())
                }
                for period, book in self._books.items()
            },
        }

    def _read(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"expected at most {LONGEST_TEXT} characters, got {len(text)}")
        written = read_mapping(json.loads(text))
        if written.get("version") != VERSION:
            raise ValueError(f"expected version {VERSION}, got {written.get('version')!r:.40}")
        left_s = written.get("left_s")
        self._calendar = Calendar(
            self._name_hour,
            _read_clock(written.get("clock_s")),
            None if left_s is None else _read_clock(left_s),
        )
        self._holds = dict(enumerate(_read_hold(hold) for hold in _read_list(written.get("held"))))
        self._told = {what: str(name) for what, name in read_mapping(written.get("told")).items()}
        books = read_mapping(written.get("books"))
        self._books = {period: _read_book(books.get(period.value)) for period in Period}

    # -- periods -----------------------------------------------------------------------------------

    def _turn(self, was_put_back: bool) -> None:
        """Put into the periods in effect what was booked in periods that never were, and forget old ones."""
        for period, book in self._books.items():
            current = self.name(period)
            for name in list(book):
                never_was = name < OLDEST <= current or (was_put_back and name > current)
                if name != current and never_was:
                    for endpoint, tally in book.pop(name).items():
                        book.setdefault(current, {}).setdefault(endpoint, Tally()).add(tally)
            kept = sorted({*book, current})[-KEPT[period] :]
            for name in book.keys() - kept - {current}:
                del book[name]


def _read_list(written: object) -> list[object]:
    if not isinstance(written, list):
        raise ValueError(f"expected a list, got {type(written).__name__}")
    return written


def _read_clock(written: object) -> float:
    if read_count(written) > LATEST_CLOCK_S:
        raise ValueError(f"expected a time up to {LATEST_CLOCK_S}, got {written}")
    return float(read_count(written))


def _read_hold(written: object) -> Hold:
    match written:
        case [str() as endpoint, micros]:
            return Hold(endpoint, read_count(micros))
    raise ValueError(f"expected an endpoint and an amount, got {written!r:.40}")


def _read_book(written: object) -> Book:
    return {
        name: {endpoint: read_tally(tally) for endpoint, tally in read_mapping(tallies).items()}
        for name, tallies in read_mapping(written).items()
    }
