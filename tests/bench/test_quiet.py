from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from edge_agent.bench.quiet import PROC_STAT, ProcessorTime, Quiet

STAT = """\
cpu  100 20 30 4000 5 6 7 80 9000 9
cpu0 50 10 15 2000 2 3 4 40 4500 5
intr 1
"""
WAITS_TICKS = 1000


def test_what_the_host_took_is_the_eighth_number_and_guests_count_once() -> None:
    assert ProcessorTime.of(STAT) == ProcessorTime(stolen=80, all=4248)


def test_the_kernel_of_this_machine_is_understood() -> None:
    assert PROC_STAT.exists()
    first = ProcessorTime.now()
    assert 0 <= first.stolen <= first.all
    assert 0.0 <= ProcessorTime.now().stolen_share_since(first) <= 1.0


def test_no_time_at_all_is_not_disturbed() -> None:
    now = ProcessorTime(stolen=3, all=100)
    assert now.stolen_share_since(now) == 0.0


@pytest.mark.parametrize(
    ("stolen_ticks", "result", "repeated", "disturbed"),
    [
        ((0,), 1, 0, 0),
        ((5,), 1, 0, 0),  # half a percent
        ((6, 0), 2, 1, 0),
        ((200, 6, 1), 3, 2, 0),
        ((200, 6, 140), 3, 2, 1),
    ],
)
def test_what_the_host_disturbed_is_read_again_and_counted(
    stolen_ticks: Sequence[int], result: int, repeated: int, disturbed: int
) -> None:
    said: list[str] = []
    time = [ProcessorTime(stolen=50, all=10_000)]
    readings = 0

    async def measure() -> int:
        nonlocal readings
        time[0] = ProcessorTime(time[0].stolen + stolen_ticks[readings], time[0].all + WAITS_TICKS)
        readings += 1
        return readings

    quiet = Quiet(said.append, lambda: time[0])
    assert asyncio.run(quiet.read(measure)) == result
    assert quiet.as_dict() == {"repeated": repeated, "disturbed": disturbed}
    assert len(said) == repeated
    assert all("host took away" in text for text in said)
