"""docs/local-server.md lists every fault with its settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from edge_agent.server.scenario import AnyFault, Fault

TEXT = (Path(__file__).parents[2] / "docs" / "local-server.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT, re.MULTILINE))
FAULTS = get_args(AnyFault)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_is_listed_with_its_settings(fault: type[Fault]) -> None:
    tag = fault.__struct_config__.tag
    assert isinstance(tag, str)
    listed = set(re.findall(r"`(\w+)`", ROWS[tag].rpartition("|")[2]))
    assert listed == set(fault.__struct_fields__) - {"times"}


def test_no_other_fault_is_listed() -> None:
    assert {name for name in ROWS if name} == {fault.__struct_config__.tag for fault in FAULTS}
