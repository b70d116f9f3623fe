from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.bench.errors import BenchError
from edge_agent.bench.options import ALL_CASES, QUICK_CASES, STACKS, BenchOptions, options_of


def options(**given: Any) -> BenchOptions:
    nothing: dict[str, Any] = dict.fromkeys(("rounds", "cases", "stacks", "write_docs"))
    return options_of(**{"json": False, "quick": False, **nothing, **given})


def test_everything_is_measured_three_times_by_default() -> None:
    assert options() == BenchOptions(command="edge-agent bench --write-docs")
    assert (options().rounds, options().cases, options().stacks) == (3, ALL_CASES, STACKS)


def test_quick_is_less_of_it_once() -> None:
    assert (options(quick=True).rounds, options(quick=True).cases) == (1, QUICK_CASES)
    assert set(QUICK_CASES) < set(ALL_CASES)
    assert options(quick=True, rounds=2, cases="none").rounds == 2


def test_names_keep_the_order_of_the_tables() -> None:
    assert options(stacks="libwebrtc, edge-agent").stacks == ("edge-agent", "libwebrtc")


@pytest.mark.parametrize(
    ("given", "option"), [({"cases": "nonsense"}, "--cases"), ({"stacks": ""}, "--stacks")]
)
def test_an_unknown_name_is_refused_with_those_that_there_are(given: dict[str, object], option: str) -> None:
    with pytest.raises(BenchError, match=f"{option}: expected some of .*(none|aiortc)"):
        options(**given)


def test_the_command_that_made_a_document_can_be_typed_again() -> None:
    made = options(quick=True, cases="none", write_docs=Path("docs"))
    assert made.command == "edge-agent bench --write-docs --quick --cases none"
