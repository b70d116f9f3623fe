"""A conversation of the real daemon with a server that we did not write: Hugging Face speech-to-speech."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Daemon, Process, free_port, running, running_daemon
from tests.speech import recognised, spoken

ANSWER = "the weather is sunny and warm today"

pytestmark = pytest.mark.timeout(1200)  # the first run installs the server


@pytest.fixture
def server(speech_to_speech_python: Path, tmp_path: Path) -> Iterator[tuple[Process, str]]:
    answer = tmp_path / "answer.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", ANSWER, "-o", str(answer)], check=True, timeout=30)
    port = free_port()
    script = str(Path(__file__).with_name("speech_to_speech_server.py"))
    command = [str(speech_to_speech_python), script, str(port), str(answer), ANSWER]
    with running(command, {"SPEECH_TO_SPEECH_ICE_SERVERS": "[]"}) as process:
        process.wait_for_line("Uvicorn running on", 60.0)
        yield process, f"http://127.0.0.1:{port}"


@pytest.fixture
def daemon(server: tuple[Process, str]) -> Iterator[Daemon]:
    endpoint = {"name": "foreign", "profile": "huggingface", "url": server[1]}
    with running_daemon({"endpoints": [endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        yield daemon


def test_two_turns_are_answered_and_the_answer_is_heard(daemon: Daemon) -> None:
    for _ in range(2):
        mark = daemon.seen.mark
        daemon.say(spoken("what is the answer"))
        daemon.seen.wait_for_state("speaking", mark=mark)
        daemon.seen.wait_for(lambda message: message["type"] == "turn", "answered turn", mark=mark)
        speaking = daemon.seen.mark
        daemon.seen.wait_for_state("ready", mark=speaking)
        assert daemon.seen.states(mark) == ["listening", "thinking", "speaking", "ready"]
    said = [message["text"] for message in daemon.seen.since(0, "transcript") if message["final"]]
    assert said.count("something was said") == 2
    assert said.count(ANSWER) == 2
    assert daemon.close() == 0
    assert recognised(daemon.loudspeaker).count("sunny") == 2


def test_the_call_is_ended_at_the_server_when_the_daemon_stops(
    server: tuple[Process, str], daemon: Daemon
) -> None:
    assert daemon.close() == 0
    server[0].wait_for_line("DELETE /v1/realtime/calls/")
