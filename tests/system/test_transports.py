"""The same conversation over every transport: a turn, a barge-in, and what the server makes of it."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from edge_agent.core.pcm import SAMPLE_BYTES
from edge_agent.core.ways import TransportKind
from tests.processes import Daemon, running_daemon
from tests.speech import SILENCE_100_MS, spoken
from tests.system.local_server import LocalServer, local_server
from tests.system.loudspeaker import HEADER_BYTES
from tests.system.puppet import eventually

LONG_ANSWER = "what can you do"
"""It is answered for eight seconds."""

BRIEF = "thank you"
WINDOW_BYTES = 960
LOUD = 500
TAP_S = 0.05
"""Longer than a contact bounces, shorter than a hold."""

CONFIG: dict[str, Any] = {
    "session": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 400}},
    "sound": {"duplex": "full", "echo": {"cancellation": "off"}},
    "gpio": {"factory": "mock"},
    "buttons": [{"name": "stop", "pin": 17}],
}

Pair = tuple[LocalServer, Daemon]


@pytest.fixture(scope="module", params=[kind.value for kind in TransportKind])
def lasting_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with local_server() as server:
        endpoint = {**server.endpoint(), "transport": request.param}
        with running_daemon({**CONFIG, "endpoints": [endpoint]}) as daemon:
            yield server, daemon
            assert daemon.close() == 0
            assert "Traceback" not in daemon.process.output


@pytest.fixture
def pair(lasting_pair: Pair) -> Pair:
    """A server and a daemon in conversation, with nobody speaking."""
    _, daemon = lasting_pair
    is_in(daemon, "ready")
    return lasting_pair


def is_in(daemon: Daemon, state: str) -> None:
    eventually(lambda: daemon.seen.states()[-1:] == [state], f"state {state}")


def events(daemon: Daemon, mark: int) -> list[str]:
    return [event["name"] for event in daemon.seen.since(mark, "event")]


def test_a_question_is_answered_aloud(pair: Pair) -> None:
    server, daemon = pair
    mark, heard_before = daemon.seen.mark, loud_s(daemon)
    daemon.say(spoken(BRIEF) + SILENCE_100_MS * 6)
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "ready")
    assert daemon.seen.states(mark) == ["listening", "thinking", "speaking", "ready"]
    assert loud_s(daemon) > heard_before + 0.3
    seen = events(daemon, mark)
    assert seen.index("output_audio_buffer.started") < seen.index("output_audio_buffer.stopped")
    assert seen.index("response.done") < seen.index("output_audio_buffer.stopped")
    assert "error" not in seen
    (call,) = server.open_calls()
    assert call["loud_frames_received"] > 0


def test_a_voice_interrupts_an_answer_and_the_server_knows_what_was_heard(pair: Pair) -> None:
    server, daemon = pair
    mark = daemon.seen.mark
    daemon.say(spoken(LONG_ANSWER) + SILENCE_100_MS * 6)
    daemon.seen.wait_for_state("speaking", mark=mark)
    barge_in = daemon.seen.mark
    daemon.say(SILENCE_100_MS * 10 + spoken(BRIEF) + SILENCE_100_MS * 6)
    daemon.seen.wait_for_notice("barge_in", mark=barge_in)
    daemon.seen.wait_for_event("output_audio_buffer.cleared", mark=barge_in)
    daemon.seen.wait_for_event("conversation.item.truncated", mark=barge_in)
    daemon.seen.wait_for_state("speaking", mark=barge_in)
    is_in(daemon, "ready")
    assert daemon.seen.states(barge_in) == ["listening", "thinking", "speaking", "ready"]
    assert "error" not in events(daemon, mark)
    assert len(server.open_calls()) == 1


def test_a_tap_on_the_button_stops_an_answer(pair: Pair) -> None:
    _, daemon = pair
    mark = daemon.seen.mark
    daemon.say(spoken(LONG_ANSWER) + SILENCE_100_MS * 6)
    daemon.seen.wait_for_state("speaking", mark=mark)
    tap = daemon.seen.mark
    daemon.seen.send(do="press", button="stop")
    time.sleep(TAP_S)  # as long as a finger takes
    daemon.seen.send(do="release", button="stop")
    daemon.seen.wait_for_event("output_audio_buffer.cleared", mark=tap)
    daemon.seen.wait_for_event("conversation.item.truncated", mark=tap)
    is_in(daemon, "ready")
    assert daemon.seen.states(tap)[-1] == "ready"
    assert "error" not in events(daemon, mark)


def loud_s(daemon: Daemon) -> float:
    """How much of what was played so far is audible."""
    pcm = daemon.loudspeaker.read_bytes()[HEADER_BYTES:]
    pcm = pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
    windows = (pcm[at : at + WINDOW_BYTES] for at in range(0, len(pcm), WINDOW_BYTES))
    return 0.01 * sum(max(map(abs, array("h", window)), default=0) > LOUD for window in windows)
