"""The result as plain values, and as Markdown. Pure; what was not measured is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

NOTHING = "-"
"""In a table: not measured."""

DELAYS = ("median", "p95", "after")

SHOWN = (
    ("delay_ms", "delay ms"),
    ("p95", "p95"),
    ("after", "after"),
    ("gap_ms", "hole ms"),
    ("recovery_s", "back after s"),
    ("tail_ms", "tail ms"),
    ("concealed_share", "concealed"),
    ("lost_share", "lost"),
    ("pesq", "PESQ"),
    ("stoi", "STOI"),
    ("cpu_share", "CPU"),
    ("rss_mib", "RSS MiB"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One stack in one case: medians over ``rounds``; ``spread`` has smallest and largest where they count.

    ``delay_ms`` is the delay from sending to playing: median and 95th percentile within a round, and
    ``after``, the median of its last third. ``gap_ms`` is the longest silent hole in speech, ``recovery_s``
    the time from the end of a disturbance until the delay is back, ``tail_ms`` the delay of the last words
    before a pause. Shares are of one, ``cpu_share`` of one core.
    """

    case: str
    stack: str
    rounds: int
    delay_ms: Mapping[str, float | None] = field(default_factory=lambda: dict.fromkeys(DELAYS))
    concealed_share: float | None = None
    lost_share: float | None = None
    pesq: float | None = None
    stoi: float | None = None
    cpu_share: float | None = None
    rss_mib: float | None = None
    pss_mib: float | None = None
    gap_ms: float | None = None
    recovery_s: float | None = None
    tail_ms: float | None = None
    delay_range_ms: float | None = None
    corrections_per_min: float | None = None
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run found."""

    machine: Mapping[str, object]
    rows: Sequence[Row]
    barge_in_ms: Mapping[str, float | int | None]
    echo: Sequence[Mapping[str, object]]
    missing: Mapping[str, str] = field(default_factory=dict)
    """What could not be measured here -> what to install."""
    readings: Mapping[str, int] = field(default_factory=dict)
    """How many were ``repeated`` as the machine's host disturbed them, and how many kept ``disturbed``."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "machine": dict(self.machine),
            "rows": [asdict(row) for row in self.rows],
            "barge_in_ms": dict(self.barge_in_ms),
            "echo": [dict(row) for row in self.echo],
            "missing": dict(self.missing),
            "readings": dict(self.readings),
        }


def row_of(case: str, stack: str, rounds: Sequence[Mapping[str, float | None]]) -> Row:
    """Return the medians of several rounds' figures, which go by the names of :class:`Row`'s fields and
    ``delay_median_ms``, ``delay_p95_ms``, ``delay_after_ms``."""
    names = sorted({name for figures in rounds for name in figures})
    values = {
        name: [found for figures in rounds if (found := figures.get(name)) is not None] for name in names
    }
    middle = {name: median(found) if found else None for name, found in values.items()}
    delay_ms = {name: middle.pop(f"delay_{name}_ms", None) for name in DELAYS}
    # A stack that came back in some rounds only has not shown that it comes back.
    if 0 < len(values.get("recovery_s", ())) < len(rounds):
        middle["recovery_s"] = None
    spread = {name: (min(found), max(found)) for name, found in values.items() if len(found) > 1}
    return Row(case, stack, len(rounds), delay_ms, spread=spread, **middle)


def as_markdown(report: Report) -> str:
    """Return the tables."""
    lines = ["| case | stack | " + " | ".join(title for _, title in SHOWN) + " |"]
    lines.append("|---|---|" + "---:|" * len(SHOWN))
    lines += [_line(row) for row in report.rows if row.rounds or row.stack in report.missing]
    count = report.barge_in_ms.get("n")
    if count:
        found = ", ".join(f"{name} {_number(report.barge_in_ms[name])} ms" for name in ("p50", "p95", "max"))
        lines += [
            "",
            f"Barge-in, from the event's arrival to the last sound at the device: {found} (n = {count}).",
        ]
    drifts = [row for row in report.rows if row.delay_range_ms is not None]
    lines += [""] if drifts else []
    lines += [
        f"{row.case}: the delay stays within {_number(row.delay_range_ms)} ms; "
        f"{_number(row.corrections_per_min)} audible corrections a minute."
        for row in drifts
    ]
    if report.echo:
        lines += ["", *_echo_lines(report.echo)]
    lines += [f"\n{name} was not measured: {advice}" for name, advice in report.missing.items()]
    lines += _disturbance_lines(report.readings)
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    values = asdict(row) | {
        "delay_ms": row.delay_ms["median"],
        "p95": row.delay_ms["p95"],
        "after": row.delay_ms["after"],
    }
    cells = [_share(values[name]) if name.endswith("_share") else _number(values[name]) for name, _ in SHOWN]
    return f"| {row.case} | {row.stack} | " + " | ".join(cells) + " |"


def _echo_lines(echo: Sequence[Mapping[str, object]]) -> list[str]:
    names = list(dict.fromkeys(name for row in echo for name in row))
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|" + "---|" * len(names)]
    return lines + ["| " + " | ".join(_text(row.get(name)) for name in names) + " |" for row in echo]


def _disturbance_lines(readings: Mapping[str, int]) -> list[str]:
    if not readings.get("repeated"):
        return []
    return [
        "",
        "Because this machine's host took processor time from it, readings were made again: "
        f"{readings['repeated']}; kept though they were disturbed: {readings['disturbed']}.",
    ]


def _text(value: object) -> str:
    return _number(value) if isinstance(value, float) else NOTHING if value is None else str(value)


def _number(value: float | int | None) -> str:
    """Return three digits that count, at most one of them behind the point for what is larger than ten."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"
