"""What a person may ask of the bench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.bench.errors import BenchError
from edge_agent.bench.impairments import CASES

STACKS = ("edge-agent", "aiortc", "libwebrtc", "webrtcbin")
"""In the order of the tables."""

DRIFT_CASES = {"drift+100ppm": 100.0, "drift-100ppm": -100.0}
"""Simulated cases: by how much the loudspeaker's clock is slower than the sender's."""

SESSION_CASES = ("session", "session-aec")
OTHER_CASES = ("barge-in", "echo")
ALL_CASES = (*(case.name for case in CASES), *DRIFT_CASES, *SESSION_CASES, *OTHER_CASES)
QUICK_CASES = ("none", "loss-5", "barge-in")

DEFAULT_ROUNDS = 3
BARGE_INS = 20
QUICK_BARGE_INS = 3


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """``cases`` and ``stacks`` are names; ``quick`` measures little, once; ``write_docs`` is the folder that
    gets performance.md and its plots, None for none."""

    json: bool = False
    rounds: int = DEFAULT_ROUNDS
    cases: tuple[str, ...] = ALL_CASES
    stacks: tuple[str, ...] = STACKS
    barge_ins: int = BARGE_INS
    write_docs: Path | None = None
    command: str = "edge-agent bench"
    """What was typed, for the document."""


def options_of(
    *,
    json: bool,
    quick: bool,
    rounds: int | None,
    cases: str | None,
    stacks: str | None,
    write_docs: Path | None,
) -> BenchOptions:
    """Translate the command line. Raises BenchError for a case or a stack that there is not."""
    return BenchOptions(
        json=json,
        rounds=rounds or (1 if quick else DEFAULT_ROUNDS),
        cases=QUICK_CASES if quick and cases is None else _chosen(cases, ALL_CASES, "--cases"),
        stacks=_chosen(stacks, STACKS, "--stacks"),
        barge_ins=QUICK_BARGE_INS if quick else BARGE_INS,
        write_docs=write_docs,
        command=_command(quick, rounds, cases, stacks),
    )


def _command(quick: bool, rounds: int | None, cases: str | None, stacks: str | None) -> str:
    given = {"--rounds": rounds, "--cases": cases, "--stacks": stacks}
    words = ["edge-agent bench --write-docs", *(["--quick"] if quick else [])]
    return " ".join([*words, *(f"{name} {value}" for name, value in given.items() if value is not None)])


def _chosen(names: str | None, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Return the names in a list with commas, in the order of ``known``; all for None. Raises BenchError."""
    if names is None:
        return known
    wanted = {name.strip() for name in names.split(",")}
    unknown = sorted(wanted - set(known))
    if unknown:
        raise BenchError(f"{option}: expected some of {', '.join(known)}, got {', '.join(unknown)}")
    return tuple(name for name in known if name in wanted)
