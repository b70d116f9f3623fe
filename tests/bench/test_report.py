from __future__ import annotations

import json

from edge_agent.bench.report import Report, Row, as_markdown, row_of

ROUNDS: list[dict[str, float | None]] = [
    {"delay_median_ms": 10.0, "delay_p95_ms": 20.0, "delay_after_ms": 9.0, "pesq": 3.0, "recovery_s": 1.0},
    {"delay_median_ms": 12.0, "delay_p95_ms": 22.0, "delay_after_ms": 9.0, "pesq": None, "recovery_s": None},
    {"delay_median_ms": 30.0, "delay_p95_ms": 24.0, "delay_after_ms": 9.0, "pesq": 4.0, "recovery_s": 2.0},
]

MACHINE = {"cores": 2, "versions": {"python": "3.11"}}
NO_BARGE_IN = {"p50": None, "p95": None, "max": None, "n": 0}


def report(*rows: Row) -> Report:
    return Report(MACHINE, rows, NO_BARGE_IN, [], {"webrtcbin": "apt-get install it"})


def test_a_row_is_the_median_of_its_rounds_with_their_spread() -> None:
    row = row_of("none", "libwebrtc", ROUNDS)
    assert row.rounds == 3
    assert row.delay_ms == {"median": 12.0, "p95": 22.0, "after": 9.0}
    assert row.pesq == 3.5
    assert row.spread["delay_median_ms"] == (10.0, 30.0)
    assert row.cpu_share is None


def test_what_came_back_in_some_rounds_only_has_not_come_back() -> None:
    assert row_of("single-loss", "libwebrtc", ROUNDS).recovery_s is None
    assert row_of("single-loss", "libwebrtc", ROUNDS[::2]).recovery_s == 1.5


def test_the_report_is_one_json_object_of_the_promised_form() -> None:
    shown = json.loads(json.dumps(report(row_of("none", "edge-agent", ROUNDS)).as_json()))
    assert {"machine", "rows", "barge_in_ms", "echo"} <= shown.keys()
    (row,) = shown["rows"]
    assert {
        *("case", "stack", "rounds", "delay_ms", "concealed_share", "lost_share", "pesq", "stoi"),
        *("cpu_share", "rss_mib"),
    } <= row.keys()
    assert row["delay_ms"].keys() == {"median", "p95", "after"}


def test_what_was_not_measured_is_null_and_said() -> None:
    made = report(Row("none", "webrtcbin", 0))
    (row,) = json.loads(json.dumps(made.as_json()))["rows"]
    assert row["delay_ms"] == {"median": None, "p95": None, "after": None}
    assert row["pesq"] is None
    text = as_markdown(made)
    assert "| none | webrtcbin | - | - |" in text
    assert "webrtcbin was not measured: apt-get install it" in text


def test_readings_that_were_made_again_are_told() -> None:
    made = Report(MACHINE, [], NO_BARGE_IN, [], readings={"repeated": 7, "disturbed": 2})
    assert made.as_json()["readings"] == {"repeated": 7, "disturbed": 2}
    text = as_markdown(made)
    assert "readings were made again: 7; kept though they were disturbed: 2." in text
    assert "made again" not in as_markdown(
        Report(MACHINE, [], NO_BARGE_IN, [], readings={"repeated": 0, "disturbed": 0})
    )


def test_a_case_that_is_not_for_a_stack_has_no_line_in_the_table() -> None:
    made = report(Row("session-aec", "aiortc", 0))
    assert len(json.loads(json.dumps(made.as_json()))["rows"]) == 1
    assert "session-aec" not in as_markdown(made)


def test_the_table_has_a_line_for_each_row_and_shares_in_percent() -> None:
    row = row_of("loss-5", "edge-agent", [{"delay_median_ms": 6.123, "concealed_share": 0.0512}])
    lines = as_markdown(report(row)).splitlines()
    assert lines[0].startswith("| case | stack | delay ms |")
    assert lines[2].startswith("| loss-5 | edge-agent | 6.12 |")
    assert "| 5.1 % |" in lines[2]


def test_barge_in_and_echo_are_told() -> None:
    made = Report(
        MACHINE, [], {"p50": 9.5, "p95": 12.0, "max": 14.0, "n": 20}, [{"case": "room", "erle_db": 34.2}]
    )
    text = as_markdown(made)
    assert "p50 9.50 ms, p95 12.0 ms, max 14.0 ms (n = 20)" in text
    assert "| case | erle db |" in text
    assert "| room | 34.2 |" in text
