"""`edge-agent budget`: what was used in this hour, this day and this month, and what is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.bookkeeper import FILE_NAME, name_hour, read_text
from edge_agent.core.ledger import Ledger, LedgerBroken
from edge_agent.core.limits import Limits, MoneyLimit, money
from edge_agent.core.periods import Period
from edge_agent.core.tally import Tally
from edge_agent.errors import LedgerError
from edge_agent.state import SERVICE_FOLDER, state_folder

TITLES = {Period.HOUR: "this hour", Period.DAY: "today", Period.MONTH: "this month"}

NO_LIMIT = MoneyLimit()

JsonObject = dict[str, object]


def find_ledger(environment: Mapping[str, str]) -> Path:
    """Return where the ledger is: the service's if there is one, else this user's.

    Raises LedgerError if there is none, or nobody may see whether there is.
    """
    folders = [SERVICE_FOLDER, state_folder(environment)]
    if environment.get("STATE_DIRECTORY"):
        folders.reverse()
    places = [folder / FILE_NAME for folder in folders if folder is not None]
    for place in places:
        try:
            place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LedgerError(_unreadable(place, str(error.strerror))) from error
        return place
    looked = " and ".join(str(place) for place in places)
    raise LedgerError(f"no ledger at {looked}; the agent writes it with its first session")


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """What is in the ledger at ``path``, beside the limits."""

    path: Path
    ledger: Ledger
    limits: Limits

    @classmethod
    def read(cls, path: Path, limits: Limits) -> BudgetReport:
        """Read a ledger that another process may be writing. Raises LedgerError."""
        text, trouble = read_text(path)
        if text is None:
            raise LedgerError(_unreadable(path, trouble or "there is no such file"))
        try:
            ledger = Ledger.read(text, name_hour)
        except LedgerBroken as error:
            raise LedgerError(f"{path} is no ledger: {error}") from error
        ledger.look(time.time(), 0.0)
        return cls(path, ledger, limits)

    def as_json(self) -> JsonObject:
        """Return everything, amounts in millionths of the currency."""
        return {
            "file": str(self.path),
            "currency": self.limits.currency or None,
            "held_micros": self.ledger.held_micros,
            "periods": {period.value: self._period(period) for period in Period},
        }

    def as_text(self) -> str:
        """Return a table for a terminal."""
        rows = [["", *TITLES.values()], ["", *(self.ledger.name(period) for period in Period)]]
        rows += self._money_rows() + self._count_rows()
        names = sorted({name for period in Period for name in self.ledger.by_endpoint(period)})
        if len(names) > 1:
            rows += [[]] + [[f"spent: {name}", *self._spent_by(name)] for name in names]
        widths = [max(len(row[column]) for row in rows if row) + 3 for column in range(len(rows[0]))]
        lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows]
        return "\n".join([str(self.path), "", *(line.rstrip() for line in lines)]) + "\n"

    def _period(self, period: Period) -> JsonObject:
        limit, spent = self._limit(period), self.ledger.spent_micros(period)
        return {
            "name": self.ledger.name(period),
            "spent_micros": spent,
            "soft_micros": limit.soft,
            "hard_micros": limit.hard,
            "remaining_micros": None if limit.hard is None else max(0, limit.hard - spent),
            "used": self.ledger.used(period).written(),
            "endpoints": {name: used.written() for name, used in self.ledger.by_endpoint(period).items()},
        }

    def _limit(self, period: Period) -> MoneyLimit:
        return self.limits.money.get(period, NO_LIMIT)

    def _money_rows(self) -> list[list[str]]:
        limits = [self._limit(period) for period in Period]
        spent = [self.ledger.spent_micros(period) for period in Period]
        if not any(spent) and not any((limit.soft, limit.hard) != (None, None) for limit in limits):
            return [["spent", *["not counted: no prices"] * len(spent)]]
        left = [
            None if limit.hard is None else max(0, limit.hard - it)
            for limit, it in zip(limits, spent, strict=True)
        ]
        rows = [
            ["spent", *map(self._money, spent)],
            ["  of that held", *[self._money(self.ledger.held_micros)] * len(spent)],
            ["warning from", *(self._money(limit.soft) for limit in limits)],
            ["limit", *(self._money(limit.hard) for limit in limits)],
            ["remaining", *map(self._money, left)],
        ]
        return rows if self.ledger.held_micros else [rows[0], *rows[2:]]

    def _count_rows(self) -> list[list[str]]:
        used = [self.ledger.used(period) for period in Period]
        kinds = sorted({kind for tally in used for kind in tally.tokens})
        return [
            ["sessions", *(str(tally.sessions) for tally in used)],
            ["responses", *(str(tally.responses) for tally in used)],
            ["open for", *(_duration(tally.open_ms) for tally in used)],
            *(["tokens: " + kind.replace("_", " "), *_counts(used, kind)] for kind in kinds),
        ]

    def _spent_by(self, name: str) -> list[str]:
        return [self._money(self.ledger.by_endpoint(period).get(name, Tally()).micros) for period in Period]

    def _money(self, micros: int | None) -> str:
        return "-" if micros is None else money(micros, self.limits.currency)


def _counts(used: list[Tally], kind: str) -> list[str]:
    return [str(tally.tokens.get(kind, 0)) for tally in used]


def _duration(duration_ms: int) -> str:
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _unreadable(path: Path, trouble: str) -> str:
    return (
        f"{path} can't be read: {trouble}; run it as the agent's user or as root, or name another with --file"
    )
