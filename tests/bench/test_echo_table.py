from __future__ import annotations

import pytest

from edge_agent.bench.echo_scene import Case
from edge_agent.bench.echo_table import CASES, REQUIRED, STACKS, rows

SHORT = Case("echo after 60 ms", delay_s=0.060, far_only_s=8.0)


def test_every_stack_is_measured_in_every_case() -> None:
    found = rows((SHORT,))
    assert [row["stack"] for row in found] == list(STACKS)
    assert {row["case"] for row in found} == {SHORT.name}
    assert len({frozenset(row) for row in found}) == 1, "all rows have the same keys"


def test_ours_meets_what_is_required() -> None:
    ours = rows((SHORT,))[0]
    assert ours["stack"] == "edge-agent"
    for key, required in REQUIRED.items():
        found = ours[key]
        assert isinstance(found, float)
        assert found < required if key == "near_end_loss_db" else found > required, key


def test_what_is_not_installed_is_not_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise OSError("not here")

    monkeypatch.setattr("edge_agent.bench.echo_table.STACKS", {"absent": missing})
    (row,) = rows((SHORT,))
    assert {key for key, value in row.items() if value is not None} == {"case", "stack"}


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
