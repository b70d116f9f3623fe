from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.server.scenario import (
    FailResponse,
    HttpStatus,
    Redirect,
    SendMessage,
    Stage,
    StopMedia,
    Vanish,
    load_scenario,
    parse_scenario,
)
from edge_agent.server.settings import USAGE, CannotServe


def stage(*faults: dict[str, object]) -> Stage:
    return Stage(parse_scenario(json.dumps({"faults": faults}).encode()))


def test_a_fault_is_taken_as_often_as_its_times_say() -> None:
    made = stage({"fault": "fail_response", "times": 2})
    assert made.take(FailResponse)
    assert made.take(FailResponse)
    assert made.take(FailResponse) is None
    assert made.taken == [2]


def test_a_fault_without_times_stays() -> None:
    made = stage({"fault": "fail_response"})
    assert all(made.take(FailResponse) for _ in range(10))


def test_faults_of_one_kind_are_taken_one_after_the_other() -> None:
    made = stage(
        {"fault": "http_status", "status": 429, "times": 1},
        {"fault": "http_status", "status": 503, "times": 1},
    )
    taken = [made.take_for_request("call") for _ in range(3)]
    assert [fault.status if isinstance(fault, HttpStatus) else None for fault in taken] == [429, 503, None]


def test_requests_for_tokens_and_for_calls_have_their_own_faults() -> None:
    made = stage({"fault": "redirect", "location": "http://x/", "on": "token"})
    assert made.take_for_request("call") is None
    assert isinstance(made.take_for_request("token"), Redirect)


def test_timed_faults_are_taken_all_at_once() -> None:
    made = stage(
        {"fault": "vanish", "after_s": 3, "times": 1}, {"fault": "stop_media"}, {"fault": "send_error"}
    )
    assert [type(fault).__name__ for fault in made.take_timed()] == ["Vanish", "StopMedia", "SendError"]
    assert [type(fault).__name__ for fault in made.take_timed()] == ["StopMedia", "SendError"]
    assert made.take(Vanish) is None
    assert made.take(StopMedia)


def test_another_scenario_leaves_nothing_of_the_old_one() -> None:
    made = stage({"fault": "vanish"})
    made.take(Vanish)
    made.play(parse_scenario(b"{}"))
    assert made.take(Vanish) is None
    assert made.taken == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"faults": [{"fault": "explode"}]}', r"\$\.faults\[0\]\.fault"),
        (b'{"faults": [{"fault": "vanish", "after": 1}]}', "unknown field `after`"),
        (b'{"faults": [{"fault": "vanish", "after_s": -1}]}', r"after_s"),
        (b'{"faults": [{"fault": "http_status", "status": 200}]}', "status"),
        (b'{"faults": [{"fault": "vanish", "times": 0}]}', "times"),
        (b"faults", "malformed"),
    ],
)
def test_a_bad_scenario_names_the_place(text: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_scenario(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.yaml", "faults:\n  - fault: send_message\n    kind: deep\n    after_s: 1.5\n"),
        ("s.json", '{"faults": [{"fault": "send_message", "kind": "deep", "after_s": 1.5}]}'),
    ],
)
def test_scenarios_come_from_yaml_and_json_files(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert load_scenario(path).faults == (SendMessage(kind="deep", after_s=1.5),)


@pytest.mark.parametrize("text", ["faults: [", "faults: 3", "- 1", "\x00", "faults:\n- fault: explode\n"])
def test_a_bad_file_is_one_line_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(CannotServe, match=r"bad\.yaml") as refused:
        load_scenario(path)
    assert refused.value.exit_code == USAGE
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match=r"none\.yaml: can't read the scenario: No such file"):
        load_scenario(tmp_path / "none.yaml")
