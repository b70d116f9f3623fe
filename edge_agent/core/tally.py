"""What was used, as numbers that add up; and how they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

MOST = 2**53
"""Larger counts are no counts: every JSON implementation agrees on numbers up to here (RFC 8259 section
6)."""


@dataclass(slots=True)
class Tally:
    """What one endpoint was used for in some time. ``micros`` is money in millionths of its unit."""

    micros: int = 0
    sessions: int = 0
    responses: int = 0
    open_ms: int = 0
    transcribed_ms: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    """Counts by the names of :class:`~edge_agent.core.prices.TokenKind`."""

    def add(self, other: Tally) -> None:
        """Add what ``other`` counts."""
        self.micros += other.micros
        self.sessions += other.sessions
        self.responses += other.responses
        self.open_ms += other.open_ms
        self.transcribed_ms += other.transcribed_ms
        for kind, count in other.tokens.items():
            self.tokens[kind] = self.tokens.get(kind, 0) + count

    def written(self) -> dict[str, object]:
        """Return what is not zero, as it is written down."""
        values = {one.name: getattr(self, one.name) for one in fields(self)} | {"tokens": dict(self.tokens)}
        return {name: value for name, value in values.items() if value}


def total(tallies: Mapping[str, Tally]) -> Tally:
    """Return the sum of several endpoints' tallies."""
    found = Tally()
    for tally in tallies.values():
        found.add(tally)
    return found


def read_tally(written: object) -> Tally:
    """Return what :meth:`Tally.written` wrote down. Raises ValueError for anything else."""
    values = read_mapping(written)
    tokens = {kind: read_count(count) for kind, count in read_mapping(values.pop("tokens", {})).items()}
    counts = {one.name for one in fields(Tally)} - {"tokens"}
    if values.keys() - counts:
        raise ValueError(f"unknown counts: {', '.join(sorted(values.keys() - counts))}")
    return Tally(tokens=tokens, **{name: read_count(count) for name, count in values.items()})


def read_mapping(written: object) -> dict[str, object]:
    """Return a copy of a JSON object. Raises ValueError for anything else."""
    if not isinstance(written, dict):
        raise ValueError(f"expected an object, got {type(written).__name__}")
    return dict(written)


def read_count(written: object) -> int:
    """Return a whole number from 0 on. Raises ValueError for anything else."""
    if type(written) is not int or not 0 <= written <= MOST:
        raise ValueError(f"expected a whole number from 0 to {MOST}, got {written!r:.40}")
    return written
