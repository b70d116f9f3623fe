"""What may be spent, and whether what is wanted fits in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.core.ledger import Ledger
from edge_agent.core.periods import Period
from edge_agent.core.prices import MICROS, Prices
from edge_agent.core.tally import Tally

RENEWED_EVERY_MS = 5 * 60_000
"""How often an open session's minutes are booked: an SD card is written to no more often for it."""

ORPHAN_MS = 75_000
"""What of a lease is left when it is renewed. A session whose device lost its power is charged until the
server notices, which takes half a minute or a whole one."""

LEASE_MS = RENEWED_EVERY_MS + ORPHAN_MS
"""An open session's minutes are booked ahead by this, so a crash over-counts by so much at most."""

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class MoneyLimit:
    """How much money a period may take, in micro-units; None for no limit.

    At ``soft`` a person is warned. ``hard`` is not exceeded.
    """

    soft: int | None = None
    hard: int | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What one endpoint costs. ``worst_response`` is the most that one answer may, in micro-units."""

    endpoint: str
    prices: Prices = field(default_factory=Prices)
    worst_response: int = 0

    @property
    def to_begin(self) -> int:
        """What has to be left for a session: its opening, its first lease and an answer.

        And what a lease outlives its renewal by: a session that was closed because its next lease did not fit
        in is not followed by another at once.
        """
        return self.to_open + self.prices.of_open_ms(ORPHAN_MS) + self.worst_response

    @property
    def to_open(self) -> int:
        """What opening a session and its first lease cost."""
        return self.prices.per_session + self.prices.of_open_ms(LEASE_MS)


@dataclass(frozen=True, slots=True)
class Limits:
    """All that a budget is made of; None for no limit. ``money`` has the longest period first."""

    currency: str = ""
    money: Mapping[Period, MoneyLimit] = field(default_factory=dict)
    sessions_per_hour: int | None = None
    sessions_per_day: int | None = None
    responses_per_minute: int | None = None
    responses_per_day: int | None = None
    open_hours_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing more may be used, in words; it is told once in each ``period``."""

    words: str
    period: Period
    for_s: float | None = None
    """When it is over, if that is sooner than the period."""

    @property
    def until(self) -> str:
        """When it is over, in words."""
        return f"the next {self.period.value}" if self.for_s is None else f"{self.for_s:.0f} s from now"


def refusal(ledger: Ledger, limits: Limits, costs: Costs, needed: int, *, opens: bool) -> Refusal | None:
    """Return why ``needed`` micro-units more may not be spent at an endpoint, None if they may.

    ``opens``: a session is to be opened; that a session is open already uses no more sessions.
    """
    for period, limit in limits.money.items():
        spent = ledger.spent_micros(period)
        if limit.hard is not None and costs.prices.are_known and spent + needed > limit.hard:
            words = (
                f"{money(spent, limits.currency)} of {money(limit.hard, limits.currency)} for this "
                f"{period.value} are spent or held, and {money(needed, limits.currency)} more may be needed"
            )
            return Refusal(words, period)
    counts: tuple[tuple[Period, str, float, float | None], ...] = (
        (Period.DAY, "responses", ledger.used(Period.DAY).responses, limits.responses_per_day),
        (Period.DAY, "hours of open sessions", _open_hours(ledger), limits.open_hours_per_day),
    )
    if opens:
        counts += (
            (Period.DAY, "sessions", ledger.used(Period.DAY).sessions, limits.sessions_per_day),
            (Period.HOUR, "sessions", ledger.used(Period.HOUR).sessions, limits.sessions_per_hour),
        )
    for period, what, count, most in counts:
        if most is not None and count >= most:
            return Refusal(f"{most:g} {what} are the limit for one {period.value}", period)
    return None


def reached_soft(ledger: Ledger, limits: Limits) -> list[Period]:
    """Return the periods in which as much was spent as a person wants to be warned of."""
    return [
        period
        for period, limit in limits.money.items()
        if limit.soft is not None and ledger.used(period).micros >= limit.soft
    ]


def cautious(limits: Limits) -> Tally:
    """Return what is taken as spent when the books are lost.

    As much as a person wants to be warned of, or half of the smallest limit: there is something left to talk
    with, and not everything anew.
    """
    soft = [limit.soft for limit in limits.money.values() if limit.soft is not None]
    hard = [limit.hard // 2 for limit in limits.money.values() if limit.hard is not None]
    return Tally(micros=min(soft or hard, default=0))


def money(micros: int, currency: str) -> str:
    """Return an amount in words: at least two digits after the point, and at most the six that there are."""
    whole, rest = divmod(abs(micros), MICROS)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole}.{digits} {currency}".rstrip()


def _open_hours(ledger: Ledger) -> float:
    return ledger.used(Period.DAY).open_ms / MS_PER_HOUR
