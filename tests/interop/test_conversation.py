"""A conversation of the real daemon with a server that we did not write, over both transports.

Its sessions last for ever; they are renewed at the least age that a configuration can name. A longer
conversation is had by hand: python -m tests.system.soak --server foreign.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from edge_agent.core.ways import TransportKind
from tests.interop.foreign import ForeignServer
from tests.processes import Daemon, running_daemon
from tests.speech import SILENCE_100_MS, spoken
from tests.system.local_server import until
from tests.system.loudspeaker import SYLLABLE_S, longest_missing_s
from tests.system.renewals import overlaps_s
from tests.system.test_budget import booked

LONG_ANSWER = "what can you do"
"""It is answered for eight seconds."""

INTERRUPTED_AFTER_S = 0.6
"""So much of the answer is heard before anybody can interrupt it."""

MEMORY = "what did i say before"
OVERLAP_LIMIT_S = 3.0
"""So long two sessions may be open beside each other."""

TAP_S = 0.05
"""Longer than a contact bounces, shorter than a hold."""

CONFIG: dict[str, Any] = {
    "session": {"transcription": {"model": "any"}},
    "renewal": {"max_age_s": 5},
    "budget": {"currency": "XTS"},
    "sound": {"duplex": "full", "echo": {"cancellation": "off"}},
    "gpio": {"factory": "mock"},
    "buttons": [{"name": "stop", "pin": 17}, {"name": "talk", "pin": 27}],
}

PRICES = {"per_million_tokens": {"text_input": 1, "text_output": 1}}
"""A millionth for each token: what is spent is what the server billed."""


@pytest.fixture(params=[kind.value for kind in TransportKind])
def endpoint(request: pytest.FixtureRequest, foreign: ForeignServer) -> dict[str, Any]:
    return {**foreign.endpoint(), "transport": request.param, "prices": PRICES}


def is_in(daemon: Daemon, state: str) -> None:
    until(lambda: daemon.seen.states()[-1:] == [state], f"state {state}")


def said(daemon: Daemon, role: str) -> list[str]:
    lines = daemon.seen.since(0, "transcript")
    return [line["text"] for line in lines if line["final"] and line["role"] == role]


@pytest.mark.usefixtures("_midday")
def test_answers_are_interrupted_and_sessions_follow_each_other(
    foreign: ForeignServer, endpoint: dict[str, Any]
) -> None:
    with running_daemon({**CONFIG, "endpoints": [endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        before = {call["id"] for call in foreign.state()["ended_calls"]}
        billed_before = foreign.tokens_billed()
        _interrupts_and_remembers(daemon)
        assert daemon.close() == 0
        assert said(daemon, "user") == [LONG_ANSWER, MEMORY, LONG_ANSWER, MEMORY], "every word, once"
        told = said(daemon, "assistant")
        assert (told[1], told[3]) == (f"You said: {LONG_ANSWER}.",) * 2
        assert longest_missing_s(daemon, told[0], INTERRUPTED_AFTER_S) < SYLLABLE_S
        behaved(daemon)
        until(lambda: not foreign.open_calls(), "the call is ended at the server")
        calls = [call for call in foreign.state()["ended_calls"] if call["id"] not in before]
        assert max(overlaps_s(calls)) < OVERLAP_LIMIT_S
        assert booked(daemon) == (4, foreign.tokens_billed() - billed_before)


def behaved(daemon: Daemon) -> None:
    """Neither side found fault with the other."""
    assert "error" not in [event["name"] for event in daemon.seen.since(0, "event")]
    assert "Traceback" not in daemon.process.output


def _interrupts_and_remembers(daemon: Daemon) -> None:
    mark = daemon.seen.mark
    daemon.say(spoken(LONG_ANSWER))
    daemon.seen.wait_for_state("speaking", mark=mark)
    assert daemon.seen.states(mark) == ["listening", "thinking", "speaking"]
    daemon.say(SILENCE_100_MS * 8)

    mark = daemon.seen.mark
    daemon.say(spoken(MEMORY))
    daemon.seen.wait_for_notice("barge_in", mark=mark)
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "ready")
    assert daemon.seen.states(mark) == ["listening", "thinking", "speaking", "ready"]

    mark = daemon.seen.mark
    daemon.say(spoken(LONG_ANSWER))
    daemon.seen.wait_for_state("speaking", mark=mark)
    daemon.seen.send(do="press", button="stop")
    time.sleep(TAP_S)  # as long as a finger takes
    daemon.seen.send(do="release", button="stop")
    is_in(daemon, "ready")

    daemon.seen.wait_for_notice("session_renewed", mark=mark)
    mark = daemon.seen.mark
    daemon.say(spoken(MEMORY))
    daemon.seen.wait_for_state("speaking", mark=mark)
    is_in(daemon, "ready")


def test_push_to_talk_opens_and_closes_the_microphone(foreign: ForeignServer) -> None:
    """The server offers no more: its own detection finds the end of what is said."""
    config = {**CONFIG, "mode": "button", "endpoints": [foreign.endpoint()]}
    with running_daemon(config) as daemon:
        daemon.seen.wait_for_state("idle")
        mark = daemon.seen.mark
        daemon.say(spoken("good morning"))
        daemon.seen.send(do="press", button="talk")
        daemon.seen.wait_for_state("listening", mark=mark)
        daemon.say(spoken("thank you"))
        daemon.seen.send(do="release", button="talk")
        daemon.seen.wait_for_state("speaking", mark=mark)
        is_in(daemon, "idle")
        assert daemon.seen.states(mark) == ["listening", "thinking", "speaking", "idle"]
        assert daemon.close() == 0
        assert said(daemon, "user") == ["thank you"]
        assert said(daemon, "assistant") == ["You are welcome."]
        behaved(daemon)
