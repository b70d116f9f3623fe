from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from edge_agent.bench.quiet import PROC_STAT, ProcessorTime, Quiet, Reading

STAT = """\
cpu  100 20 30 4000 5 6 7 80 9000 9
cpu0 50 10 15 2000 2 3 4 40 4500 5
intr 1
"""
WAITS_TICKS = 1000


def test_what_the_host_took_is_the_eighth_number_and_guests_count_once() -> None:
    assert ProcessorTime.of(STAT) == ProcessorTime(stolen=80, total=4248)


def test_the_kernel_of_this_machine_is_understood() -> None:
    assert PROC_STAT.exists()
    first = ProcessorTime.now()
    assert 0 <= first.stolen <= first.total
    assert 0.0 <= ProcessorTime.now().stolen_share_since(first) <= 1.0


def test_no_time_at_all_is_not_disturbed() -> None:
    now = ProcessorTime(stolen=3, total=100)
    assert now.stolen_share_since(now) == 0.0


def read_all(stolen_ticks: Mapping[str, Sequence[int]]) -> tuple[list[str], list[str], Quiet]:
    """Return what was kept and said, and the counts; of each try of a name so many ticks are stolen."""
    kept: list[str] = []
    said: list[str] = []
    time = [ProcessorTime(stolen=50, total=10_000)]
    tries = dict.fromkeys(stolen_ticks, 0)

    async def measure(name: str) -> str:
        stolen = stolen_ticks[name][tries[name]]
        time[0] = ProcessorTime(time[0].stolen + stolen, time[0].total + WAITS_TICKS)
        tries[name] += 1
        return f"{name}{tries[name]}"

    async def keep(found: str) -> None:
        kept.append(found)

    quiet = Quiet(said.append, lambda: time[0])
    asyncio.run(quiet.read_all(Reading(name, partial(measure, name), keep) for name in stolen_ticks))
    return kept, said, quiet


@pytest.mark.parametrize(
    ("stolen_ticks", "kept", "repeated", "disturbed"),
    [
        ((0,), "a1", 0, 0),
        ((5,), "a1", 0, 0),  # half a percent
        ((6, 0), "a2", 1, 0),
        ((200, 6, 1), "a3", 2, 0),
        ((200, 6, 140), "a3", 2, 1),
    ],
)
def test_what_the_host_disturbed_is_read_again_and_counted(
    stolen_ticks: Sequence[int], kept: str, repeated: int, disturbed: int
) -> None:
    found, said, quiet = read_all({"a": stolen_ticks})
    assert found == [kept]
    assert quiet.as_dict() == {"repeated": repeated, "disturbed": disturbed}
    assert sum("host took away" in text for text in said) == repeated


def test_what_is_read_again_waits_until_all_others_were_read() -> None:
    found, said, _ = read_all({"a": (90, 70, 0), "b": (0,), "c": (80, 0)})
    assert found == ["b1", "c2", "a3"]
    assert [text for text in said if "to follow" in text] == [
        "a; 2 to follow",
        "b; 2 to follow",  # a is to be read again
        "c; 1 to follow",
        "a; 1 to follow",
        "c; 1 to follow",
        "a; 0 to follow",
    ]
