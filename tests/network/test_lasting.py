"""A conversation over a network that fails in every way: it goes on, in time, at a cost that is known."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.network.cases import Figures
from tests.network.measure import EXACT, found
from tests.network.wires import what_is_missing

ALLOWANCE_S = 4.0
"""On top of every limit, for a machine that is busy with other tests."""

COUNTS = frozenset({*EXACT, "heard otherwise", "new sessions"})
"""Figures that are no seconds."""

AT_ONCE = 2
"""Cases that run beside each other: nearly all of their time is waiting."""

SHORT = ("outage of 3 s", "server killed", "address changed", "media stops")
ASKED = ("outage of 3 s, quiet", "outage of 3 s, thinking", "server killed, asking")
LONG = ("outage of 40 s",)
"""The others are measured by hand: python -m tests.network.measure."""


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Future[Figures]]]:
    """Begin all cases; each test waits for its own."""
    if what_is_missing():
        pytest.skip(what_is_missing())
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {name: threads.submit(found(name)[1]) for name in (*LONG, *SHORT, *ASKED)}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", [*SHORT, *LONG, *ASKED])
def test_conversation_goes_on(name: str, measured: dict[str, Future[Figures]]) -> None:
    figures = measured[name].result()
    for figure, limit in found(name)[0].items():
        allowed = limit if figure in COUNTS else limit + ALLOWANCE_S
        assert figures[figure] <= allowed, (figure, figures)
        assert figures[figure] >= limit or figure not in EXACT, (figure, figures)
