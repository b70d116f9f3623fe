"""What a log record becomes: a native journal entry, a prefixed line or a readable one.

Logging is one per process, so each text speaks in a process of its own.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.core.notices import Notice, Severity
from edge_agent.journal import LEVEL_OF_SEVERITY, priority_of, tell

SPEAK = """
import logging
from edge_agent.core.notices import Notice
from edge_agent.journal import LogFormat, configure_logging, tell
configure_logging("info", LogFormat("{format}"), secrets=["correct horse"])
"""

JOURNAL_READER = """
import json, os, pathlib, socket
folder = pathlib.Path("/run/systemd/journal")
folder.mkdir(parents=True)
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
inbox.bind(str(folder / "socket"))
"""

PRINT_ENTRIES = """
def fields(datagram):
    found = {}
    while datagram:
        name, sign, rest = datagram.partition(b"=")
        if b"\\n" in name:  # a value with line breaks: name, line feed, 64-bit length, value
            name, _, rest = datagram.partition(b"\\n")
            size = int.from_bytes(rest[:8], "little")
            value, datagram = rest[8 : 8 + size], rest[9 + size :]
        else:
            value, _, datagram = rest.partition(b"\\n")
        found[name.decode()] = value.decode()
    return found

entries = []
while True:
    try:
        entries.append(fields(inbox.recv(65536)))
    except BlockingIOError:
        break
inbox.close()
print(json.dumps(entries))
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "JOURNAL_STREAM")}
    return kept | {"TERM": "xterm", "PYTHONWARNINGS": "error"} | changes


def journal_entries(speech: str) -> list[dict[str, str]]:
    """Run ``speech`` where /run holds nothing but a journal socket of ours; return what that received."""
    program = JOURNAL_READER + SPEAK.format(format="journal") + speech + PRINT_ENTRIES
    in_empty_run = 'mount -t tmpfs tmpfs /run && exec "$@"'
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    ended = subprocess.run(
        ["unshare", *as_root, "--mount", "sh", "-c", in_empty_run, "sh", sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    entries: list[dict[str, str]] = json.loads(ended.stdout)
    return entries


def lines_on_pipe(speech: str, *, is_journal: bool = False, **changes: str) -> list[str]:
    """Run ``speech`` with a pipe for stderr, which ``$JOURNAL_STREAM`` names if ``is_journal``."""
    read_end, write_end = os.pipe()
    status = os.fstat(write_end)
    if is_journal:
        changes["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    with os.fdopen(read_end) as stream:
        subprocess.run(
            [sys.executable, "-c", speech],
            env=environment(**changes),
            stderr=write_end,
            timeout=60,
            check=True,
        )
        os.close(write_end)
        return stream.read().splitlines()


def lines_on_terminal(speech: str, **changes: str) -> list[str]:
    """Run ``speech`` with a terminal for stderr; return what it shows."""
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", speech], env=environment(**changes), stderr=theirs, timeout=60, check=True
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # EIO: nobody holds the other end any more (pty(7))
        pass
    os.close(ours)
    return shown.decode().splitlines()


def test_a_notice_becomes_an_entry_with_its_identity_priority_and_fields() -> None:
    (entry,) = journal_entries(
        'tell(Notice.RESPONSE_FAILED, "the answer failed",'
        ' {"EDGE_RESPONSE_ID": "resp_1", "EDGE_ERROR_CODE": "server_error", "EDGE_ITEM_ID": ""})\n'
    )
    assert entry["MESSAGE"] == "the answer failed"
    assert entry["MESSAGE_ID"] == Notice.RESPONSE_FAILED.message_id
    assert entry["PRIORITY"] == "4"
    assert entry["EDGE_RESPONSE_ID"] == "resp_1"
    assert entry["EDGE_ERROR_CODE"] == "server_error"
    assert "EDGE_ITEM_ID" not in entry
    assert entry["SYSLOG_IDENTIFIER"] == "edge-agent"
    assert entry["LOGGER"] == "edge_agent"
    assert entry["THREAD_NAME"] == "MainThread"
    assert entry["CODE_FUNC"] == "<module>"


def test_a_plain_record_with_extra_fields_and_an_exception_is_one_entry() -> None:
    (entry,) = journal_entries(
        "try:\n    {}['key']\n"
        "except KeyError:\n"
        "    logging.getLogger('edge_agent').exception('lost %s', 'it', extra={'EDGE_STATE': 'ready'})\n"
    )
    first, *traceback = entry["MESSAGE"].split("\n")
    assert first == "lost it"
    assert traceback[0] == "Traceback (most recent call last):"
    assert traceback[-1] == "KeyError: 'key'"
    assert entry["EDGE_STATE"] == "ready"
    assert entry["PRIORITY"] == "3"
    assert "MESSAGE_ID" not in entry


def test_a_line_break_in_a_field_does_not_make_another_field() -> None:
    (entry,) = journal_entries('tell(Notice.STARTED, "up", {"EDGE_STATE": "ready\\nPRIORITY=0"})\n')
    assert entry["EDGE_STATE"] == "ready\nPRIORITY=0"
    assert entry["PRIORITY"] == "6"


def test_text_that_utf8_has_no_bytes_for_is_spelled_out() -> None:
    (entry,) = journal_entries('tell(Notice.STARTED, "a \\ud800 b", {})\n')
    assert entry["MESSAGE"] == "a \\ud800 b"


def test_neither_keys_nor_known_secrets_reach_the_journal_in_any_field() -> None:
    entries = journal_entries(
        "log = logging.getLogger('edge_agent')\n"
        "event = {'EDGE_EVENT': 'ek_0123456789abcdef'}\n"
        "log.info('with %s and correct horse', 'sk-proj-0123456789abcdef', extra=event)\n"
        "try:\n    raise ValueError('Authorization: Bearer abc.def.ghi-jkl')\n"
        "except ValueError:\n    log.exception('failed')\n"
    )
    everything = str(entries)
    assert "with sk-[redacted] and [redacted]" in everything
    assert "Bearer [redacted]" in everything
    for secret in ("0123456789", "horse", "ghi-jkl"):
        assert secret not in everything


def test_a_missing_journal_is_no_end() -> None:
    speech = "import os; os.unlink('/run/systemd/journal/socket')\ntell(Notice.STARTED, 'up')\n"
    assert journal_entries(speech) == []


def test_without_the_library_the_journal_reads_priorities_from_lines() -> None:
    without_library = "import sys; sys.modules['systemd.journal'] = None\n"
    speech = "tell(Notice.STARTED, 'up')\nlogging.getLogger('x').error('two\\nlines')\n"
    lines = lines_on_pipe(without_library + SPEAK.format(format="auto") + speech, is_journal=True)
    assert lines == ["<6>up", "<3>two", "<3>lines"]


def test_a_pipe_that_is_not_the_journal_gets_readable_lines_without_colour() -> None:
    speech = "tell(Notice.TURN_ANSWERED, 'answered', {'EDGE_LATENCY_MS': '412', 'EDGE_RESPONSE_ID': 'r1'})\n"
    (line,) = lines_on_pipe(SPEAK.format(format="auto") + speech, JOURNAL_STREAM="1:2")
    time_of_day, rest = line.split(" ", 1)
    assert len(time_of_day) == len("12:34:56.789")
    assert rest == "info     answered [latency_ms=412 response_id=r1]"


def test_a_terminal_gets_colours_unless_the_person_said_no() -> None:
    speech = SPEAK.format(format="auto") + "tell(Notice.DEVICE_LOST, 'microphone: gone')\n"
    (painted,) = lines_on_terminal(speech)
    assert "\x1b[31merror" in painted
    for no in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        (plain,) = lines_on_terminal(speech, **no)
        assert "\x1b" not in plain
        assert plain.endswith("error    microphone: gone")


def test_a_servers_words_can_not_move_the_cursor() -> None:
    speech = SPEAK.format(format="terminal") + "tell(Notice.SERVER_ERROR, 'a\\x1b[2Jb\\x9bc\\rd')\n"
    (line,) = lines_on_pipe(speech)
    assert line.endswith("a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d")


def test_records_below_the_level_and_chatty_libraries_are_left_out() -> None:
    speech = (
        "logging.getLogger('edge_agent').debug('quiet')\n"
        "logging.getLogger('aioice.ice').info('a=ice-pwd:x')\n"
        "logging.getLogger('aioice.ice').warning('loud')\n"
    )
    (line,) = lines_on_pipe(SPEAK.format(format="terminal") + speech)
    assert line.endswith("loud")


def test_logging_can_be_configured_again_without_doubling_lines() -> None:
    speech = SPEAK.format(format="terminal") + "configure_logging('error', LogFormat.TERMINAL)\n"
    speech += "tell(Notice.STARTED, 'up')\ntell(Notice.DEVICE_LOST, 'gone')\n"
    (line,) = lines_on_pipe(speech)
    assert line.endswith("gone")


def test_python_warnings_are_records() -> None:
    speech = SPEAK.format(format="terminal") + "import warnings\nwarnings.warn('old', stacklevel=1)\n"
    lines = lines_on_pipe(speech, PYTHONWARNINGS="default")
    assert any("warning" in line and "UserWarning: old" in line for line in lines)


def test_a_field_that_nobody_documents_is_refused() -> None:
    with pytest.raises(ValueError, match="EDGE_TRANSCRIPT"):
        tell(Notice.STARTED, "up", {"EDGE_TRANSCRIPT": "hello"})


def test_every_severity_keeps_its_priority_on_the_way_through_logging() -> None:
    assert {severity: priority_of(LEVEL_OF_SEVERITY[severity]) for severity in Severity} == {
        severity: severity.value for severity in Severity
    }


def test_the_catalog_explains_every_notice_and_no_other() -> None:
    catalog = (Path(__file__).parent.parent / "systemd" / "edge-agent.catalog").read_text()
    explained = [line.removeprefix("-- ") for line in catalog.splitlines() if line.startswith("-- ")]
    assert sorted(explained) == sorted(notice.message_id for notice in Notice)
