"""edge-agent installed on a board: what a person, the service manager and the journal see of it.

The tests share one board for each Debian, and leave it with the service running and in a session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from edge_agent.core.notices import Notice
from tests.board import service
from tests.board.board import Board, booted, wait_until
from tests.board.roots import BOARD, CACHE, SUITES, built_root
from tests.board.service import UNIT

MAX_EXPOSURE = 2.0
STOP_LIMIT_S = 5.0
RESTART_LIMIT_S = 60.0
"""Standstill, watchdog, the end of the old process and the start of the new one, on a busy machine."""

pytestmark = [pytest.mark.board, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", params=SUITES)
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board with the service installed and in a session."""
    root = built_root(request.param, BOARD)
    with booted(root, CACHE / "board" / request.param) as board:
        service.install(board)
        yield board


@pytest.fixture(autouse=True)
def in_session(board: Board) -> None:
    """Every test begins with a service that is in a session."""
    service.wait_until_in_session(board)


def test_nothing_on_the_system_failed_while_booting_and_installing(board: Board) -> None:
    failed = board.run("systemctl", "--failed", "--no-legend", "--plain").stdout
    assert failed == ""


def test_a_question_is_answered_through_real_sound_devices(board: Board) -> None:
    assert service.ANSWER in service.ask(board)


def test_what_is_lost_is_concealed_by_the_neural_network_of_a_newer_libopus(board: Board) -> None:
    version, is_neural, sounds_alike, is_made_up_alike, goes_on = service.concealment(board)
    assert is_neural is (version != "libopus 1.3.1")  # bookworm's
    assert is_made_up_alike is not is_neural
    assert (sounds_alike, goes_on) == (True, True)


def test_the_journal_tells_a_turn_in_structured_fields(board: Board) -> None:
    before = len(service.entries(board))
    service.ask(board)
    told = service.entries(board)[before:]
    states = [
        entry["EDGE_STATE"] for entry in told if entry.get("MESSAGE_ID") == Notice.STATE_CHANGED.message_id
    ]
    assert states == ["listening", "thinking", "speaking", "ready"]
    (answered,) = [entry for entry in told if entry.get("MESSAGE_ID") == Notice.TURN_ANSWERED.message_id]
    assert float(answered["EDGE_LATENCY_MS"]) > 0
    assert answered["EDGE_RESPONSE_ID"]
    assert all(entry["EDGE_EVENT"] for entry in told if "EDGE_STATE" in entry)
    assert {entry["SYSLOG_IDENTIFIER"] for entry in told} == {"edge-agent"}


def test_the_journal_names_the_session(board: Board) -> None:
    opened = board.journal(f"MESSAGE_ID={Notice.SESSION_OPENED.message_id}")
    assert opened[-1]["EDGE_SESSION_ID"]
    assert opened[-1]["PRIORITY"] == "6"
    assert opened[-1]["_TRANSPORT"] == "journal"


def test_the_catalog_explains_messages(board: Board) -> None:
    selection = f"MESSAGE_ID={Notice.SESSION_OPENED.message_id}"
    explained = board.run("journalctl", "--catalog", "--no-pager", "--lines=1", selection).stdout
    assert "Subject: A session with the server is open" in explained
    session_id = board.journal(selection)[-1]["EDGE_SESSION_ID"]
    assert f"Session {session_id} accepted its settings" in explained


def test_the_status_line_tells_the_state(board: Board) -> None:
    shown = board.properties(UNIT, "StatusText", "Type", "WatchdogUSec", "SubState")
    assert shown["StatusText"].startswith("ready")
    assert shown["SubState"] == "running"


def test_the_service_is_enabled_for_the_next_boot(board: Board) -> None:
    assert board.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"


def test_the_sandbox_is_tight(board: Board) -> None:
    assert service.exposure(board) <= MAX_EXPOSURE


def test_the_key_is_the_services_alone_and_in_no_log(board: Board) -> None:
    assert board.run("stat", "--format=%U %a", "/etc/edge-agent/api-key").stdout == "root 600\n"
    everything = board.run("journalctl", "--output=export", "--no-pager").stdout
    assert service.KEY not in everything
    pid = service.main_pid(board)
    for name in ("environ", "cmdline"):
        assert service.KEY not in board.run("cat", f"/proc/{pid}/{name}").stdout


def test_the_daemon_runs_as_nobody_in_particular(board: Board) -> None:
    status = board.run("cat", f"/proc/{service.main_pid(board)}/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert all(int(uid) != 0 for uid in fields["Uid"].split())
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"


def test_a_second_installation_changes_nothing(board: Board) -> None:
    pid = service.main_pid(board)
    assert "nothing changed" in service.run_install(board)
    assert service.main_pid(board) == pid
    assert board.read(service.CONFIGURATION) == service.CONFIGURATION_TEXT


def test_a_reload_is_accepted_without_a_restart(board: Board) -> None:
    pid, sessions = service.main_pid(board), count(board, Notice.SESSION_OPENED)
    board.run("systemctl", "reload", UNIT)
    wait_until(lambda: count(board, Notice.SESSION_OPENED) > sessions, 30, "the next session is open")
    assert count(board, Notice.RELOADED) == 1
    service.wait_until_in_session(board)
    assert service.main_pid(board) == pid
    assert service.ANSWER in service.ask(board)


def test_a_bad_reload_keeps_the_service_as_it_was(board: Board) -> None:
    pid = service.main_pid(board)
    board.write(service.CONFIGURATION, "mode: allways-on\n")
    board.run("systemctl", "reload", UNIT, check=False)
    wait_until(lambda: count(board, Notice.RELOAD_REFUSED) == 1, 10, "the reload is refused")
    board.write(service.CONFIGURATION, service.CONFIGURATION_TEXT)
    refused = board.journal(f"MESSAGE_ID={Notice.RELOAD_REFUSED.message_id}")[-1]
    assert "edge-agent.yaml:1:7: mode:" in refused["MESSAGE"]
    assert "did you mean" in refused["MESSAGE"]
    assert service.main_pid(board) == pid
    assert service.ANSWER in service.ask(board)


def test_a_bad_configuration_at_the_start_is_not_tried_again_and_again(board: Board) -> None:
    board.write(service.CONFIGURATION, "mode: allways-on\n")
    board.run("systemctl", "restart", UNIT, check=False)
    wait_until(lambda: board.properties(UNIT, "ActiveState")["ActiveState"] == "failed", 10, "it has failed")
    shown = board.properties(UNIT, "ExecMainStatus", "NRestarts")
    refused = [entry for entry in service.entries(board) if "did you mean always-on" in entry["MESSAGE"]][-1]
    board.write(service.CONFIGURATION, service.CONFIGURATION_TEXT)
    board.run("systemctl", "reset-failed", UNIT)
    board.run("systemctl", "start", UNIT)
    assert shown == {"ExecMainStatus": "78", "NRestarts": "0"}
    assert refused["MESSAGE"].startswith(f"{service.CONFIGURATION}:1:7: mode: expected")
    assert int(refused["PRIORITY"]) <= 4
    service.wait_until_in_session(board)


def test_a_stalled_event_loop_is_restarted_by_the_watchdog(board: Board) -> None:
    before = service.restarts(board)
    board.run("systemctl", "kill", "--signal=SIGUSR1", "--kill-who=main", UNIT)
    wait_until(lambda: service.restarts(board) > before, RESTART_LIMIT_S, "the watchdog has struck")
    service.wait_until_in_session(board)
    assert_watchdog_struck(board)
    assert service.ANSWER in service.ask(board)


def test_a_stuck_sound_thread_is_restarted_by_the_watchdog(board: Board) -> None:
    before = service.restarts(board)
    board.run("systemctl", "kill", "--signal=SIGSTOP", "cards.service")
    try:
        wait_until(lambda: service.restarts(board) > before, RESTART_LIMIT_S, "the watchdog has struck")
    finally:
        board.run("systemctl", "kill", "--signal=SIGCONT", "cards.service")
    service.wait_until_in_session(board)
    assert_watchdog_struck(board)
    blamed = [entry["MESSAGE"] for entry in service.entries(board) if "no progress" in entry["MESSAGE"]]
    assert any("microphone" in message or "loudspeaker" in message for message in blamed)
    assert service.ANSWER in service.ask(board)


def count(board: Board, notice: Notice) -> int:
    """How many entries of one kind the journal holds."""
    return len(board.journal(f"MESSAGE_ID={notice.message_id}"))


def assert_watchdog_struck(board: Board) -> None:
    """The service manager itself says that the last end was the watchdog's doing."""
    said = [entry["MESSAGE"] for entry in board.journal("_PID=1", f"UNIT={UNIT}")]
    last_end = [message for message in said if "Failed with result" in message][-1]
    assert "watchdog" in last_end


def test_a_stop_ends_everything_within_seconds(board: Board) -> None:
    started = time.monotonic()
    board.run("systemctl", "stop", UNIT)
    took_s = time.monotonic() - started
    shown = board.properties(UNIT, "Result", "ExecMainStatus", "ActiveState")
    tasks = board.run("systemctl", "show", UNIT, "--property=TasksCurrent").stdout
    board.run("systemctl", "start", UNIT)
    assert shown == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert took_s < STOP_LIMIT_S
    assert tasks.strip() in ("TasksCurrent=[not set]", "TasksCurrent=0")


def test_an_uninstallation_leaves_the_configuration_and_nothing_else(board: Board) -> None:
    board.run("/root/edge-agent/scripts/uninstall")
    assert board.read(service.CONFIGURATION) == service.CONFIGURATION_TEXT
    for path in ("/opt/edge-agent", "/usr/local/bin/edge-agent", f"/usr/local/lib/systemd/system/{UNIT}"):
        assert board.run("test", "-e", path, check=False).returncode == 1
    board.run("/root/edge-agent/scripts/uninstall", "--purge")
    assert board.run("test", "-e", "/etc/edge-agent", check=False).returncode == 1
