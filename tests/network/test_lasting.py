"""A conversation over a network that fails in every way: it goes on, in time, at a cost that is known."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.network.cases import CASES, Figures, run
from tests.network.wires import what_is_missing

ALLOWANCE_S = 4.0
"""On top of every limit, for a machine that is busy with other tests."""

AT_ONCE = 2
"""Cases that run beside each other: nearly all of their time is waiting."""

SHORT = ("outage of 3 s", "server killed", "address changed", "media stops")
LONG = ("outage of 40 s",)
"""The others are measured by hand: python -m tests.network.measure."""


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Future[Figures]]]:
    """Begin all cases; each test waits for its own."""
    if what_is_missing():
        pytest.skip(what_is_missing())
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {name: threads.submit(run, CASES[name]) for name in (*LONG, *SHORT)}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_conversation_goes_on(name: str, measured: dict[str, Future[Figures]]) -> None:
    figures = measured[name].result()
    for figure, limit in CASES[name].limits.items():
        allowed = limit if figure == "new sessions" else limit + ALLOWANCE_S
        assert figures[figure] <= allowed, (figure, figures)
