"""Fingers, through the control socket: conversations, push-to-talk and mute of the running daemon."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from edge_agent.core.ways import TransportKind
from tests.processes import Daemon, running_daemon
from tests.speech import SILENCE_100_MS, spoken
from tests.system.holdings import open_files
from tests.system.local_server import local_server
from tests.system.puppet import Puppet, eventually, puppet

BUTTON_MODE = {
    "mode": "button",
    "gpio": {"factory": "mock"},
    "buttons": [{"name": "talk", "pin": 17}],
}
QUICK_TURNS = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}
QUESTION = "thank you"

TAP_S = 0.05
"""Longer than a contact bounces, shorter than a hold."""

ANSWERED = ["thinking", "speaking"]

LOUD = 3000
QUIET = 40
"""Peaks of 32768: speech is far above the one, and Opus makes of silence less than the other."""

FRAMES_PER_S = 50
ON_THE_WAY = 25
"""Frames of 20 ms that may still come of what was said before: encoder, network and jitter buffer."""


@pytest.fixture(scope="module", params=[kind.value for kind in TransportKind])
def lasting_daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    with local_server() as server:
        endpoint = {**server.endpoint(), "transport": request.param}
        config = {"endpoints": [endpoint], "session": QUICK_TURNS, **BUTTON_MODE}
        with running_daemon(config) as daemon:
            daemon.seen.wait_for_state("idle")
            yield daemon
            assert daemon.close() == 0
            assert "Traceback" not in daemon.process.output


@pytest.fixture
def daemon(lasting_daemon: Daemon) -> Iterator[Daemon]:
    """A daemon in button mode with a real server, idle before and after each test."""
    assert lasting_daemon.seen.states()[-1] == "idle"
    yield lasting_daemon
    is_in(lasting_daemon, "idle")


def press(daemon: Daemon) -> None:
    daemon.seen.send(do="press", button="talk")


def release(daemon: Daemon) -> None:
    daemon.seen.send(do="release", button="talk")


def tap(daemon: Daemon) -> None:
    press(daemon)
    time.sleep(TAP_S)  # as long as a finger takes
    release(daemon)


def double_tap(daemon: Daemon) -> None:
    tap(daemon)
    time.sleep(TAP_S)  # no finger is quicker
    tap(daemon)


def is_in(daemon: Daemon, state: str) -> None:
    eventually(lambda: daemon.seen.states()[-1] == state, f"state {state}")


def events(daemon: Daemon, mark: int) -> list[str]:
    return [event["name"] for event in daemon.seen.since(mark, "event")]


def test_a_tap_begins_a_conversation_and_another_ends_it(daemon: Daemon) -> None:
    """With the finger on the button it listens at once; what the press means shows when it is over."""
    mark = daemon.seen.mark
    tap(daemon)
    is_in(daemon, "ready")
    daemon.say(spoken(QUESTION))
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "ready")
    tap(daemon)
    is_in(daemon, "idle")
    begun, ended = ["listening", "idle", "ready"], ["listening", "ready", "idle"]
    assert daemon.seen.states(mark) == [*begun, "listening", *ANSWERED, "ready", *ended]


def test_what_is_said_while_the_button_is_held_is_answered_when_it_is_let_go(daemon: Daemon) -> None:
    mark = daemon.seen.mark
    press(daemon)
    daemon.seen.wait_for_state("listening", mark=mark)
    daemon.say(spoken(QUESTION))
    assert "input_audio_buffer.committed" not in events(daemon, mark)
    release(daemon)
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "idle")
    assert daemon.seen.states(mark) == ["listening", *ANSWERED, "idle"]
    seen = events(daemon, mark)
    assert seen.count("input_audio_buffer.committed") == 1
    assert "input_audio_buffer.speech_started" not in seen
    assert "error" not in seen


def test_holding_the_button_interrupts_an_answer_and_asks_another(daemon: Daemon) -> None:
    press(daemon)
    daemon.say(SILENCE_100_MS * 3 + spoken("what can you do"))
    mark = daemon.seen.mark
    release(daemon)
    daemon.seen.wait_for_state("speaking", mark=mark)
    mark = daemon.seen.mark
    press(daemon)
    daemon.seen.wait_for_state("listening", mark=mark)
    daemon.say(SILENCE_100_MS * 3 + spoken(QUESTION))
    release(daemon)
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "idle")
    assert daemon.seen.states(mark) == ["listening", *ANSWERED, "idle"]
    assert "error" not in events(daemon, mark)


def test_a_press_that_is_too_short_asks_nothing(daemon: Daemon) -> None:
    mark = daemon.seen.mark
    press(daemon)
    daemon.say(spoken(QUESTION)[: len(SILENCE_100_MS)])
    release(daemon)
    daemon.seen.wait_for_state("ready", mark=mark)
    tap(daemon)
    is_in(daemon, "idle")
    seen = events(daemon, mark)
    assert not {"input_audio_buffer.committed", "response.created", "error"} & set(seen)


def test_nobody_is_heard_before_the_button_is_used(daemon: Daemon) -> None:
    mark = daemon.seen.mark
    daemon.say(spoken(QUESTION))
    assert "input_audio_buffer.speech_started" not in events(daemon, mark)
    assert daemon.seen.states(mark) == []


def test_a_double_tap_closes_the_microphone_and_another_opens_it(daemon: Daemon) -> None:
    double_tap(daemon)
    is_in(daemon, "muted")
    eventually(lambda: str(daemon.microphone) not in open_files(daemon.process.pid), "a closed device")
    mark = daemon.seen.mark
    press(daemon)
    daemon.say(spoken(QUESTION))
    release(daemon)
    assert "input_audio_buffer.committed" not in events(daemon, mark)
    assert daemon.seen.states(mark) == []
    double_tap(daemon)
    is_in(daemon, "idle")
    eventually(lambda: str(daemon.microphone) in open_files(daemon.process.pid), "an open device")


# -- what leaves the device ----------------------------------------------------------------------------


def peaks(server: Puppet, frames: int) -> list[int]:
    """The peaks of the next so many frames that arrive at the server."""
    heard = server.server.call.frames
    begin = len(heard)
    eventually(lambda: len(heard) >= begin + frames, f"{frames} frames of sound")
    return [
        max(abs(sample) for sample in memoryview(bytes(frame.planes[0])).cast("h"))
        for frame in heard[begin : begin + frames]
    ]


def said_to(server: Puppet, daemon: Daemon) -> list[int]:
    """Speak, and return the peaks that arrive meanwhile and soon after."""
    begin = len(server.server.call.frames)
    daemon.say(spoken(QUESTION))
    peaks(server, ON_THE_WAY)
    return [
        max(abs(sample) for sample in memoryview(bytes(frame.planes[0])).cast("h"))
        for frame in server.server.call.frames[begin:]
    ]


def test_muted_means_that_nothing_but_silence_leaves() -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        assert max(said_to(server, daemon)) > LOUD
        daemon.seen.send(do="mute", on=True)
        is_in(daemon, "muted")
        eventually(lambda: str(daemon.microphone) not in open_files(daemon.process.pid), "a closed device")
        peaks(server, ON_THE_WAY)
        assert max(said_to(server, daemon)) < QUIET
        daemon.seen.send(do="mute", on=False)
        is_in(daemon, "ready")
        assert max(peaks(server, FRAMES_PER_S)) < QUIET, "what was said before is not sent afterwards"
        assert max(said_to(server, daemon)) > LOUD


def test_without_a_conversation_nothing_but_silence_leaves() -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint], **BUTTON_MODE}) as daemon:
        daemon.seen.wait_for_state("idle")
        peaks(server, ON_THE_WAY)
        assert max(said_to(server, daemon)) < QUIET
        tap(daemon)
        is_in(daemon, "ready")
        assert max(said_to(server, daemon)) > LOUD
        tap(daemon)
        is_in(daemon, "idle")
        peaks(server, ON_THE_WAY)
        assert max(said_to(server, daemon)) < QUIET
