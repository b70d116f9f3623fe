"""Servers that misbehave, and the running daemon: what it does, what it logs, how it converses again.

Every fault that ``edge-agent serve`` can be told to commit is met here by a daemon process. Except for the
server that vanishes, they share one server and one daemon, which is reloaded for each test: its process
stays, everything in it is made anew.
"""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.processes import Daemon, Message, Watch, running_daemon
from tests.speech import spoken
from tests.system.local_server import Fault, LocalServer, local_server, until

QUESTION = "stop"
"""Short, and shortly answered, with two words."""

LONG_QUESTION = "what can you do"
"""Answered for eleven seconds."""

QUICK_TURNS = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}

BUTTON = {"gpio": {"factory": "mock"}, "buttons": [{"name": "talk", "pin": 17}]}

IMPATIENT = {"conversation": {"answer_limit_s": 5}}

ONE_TURN = ["listening", "thinking", "speaking", "ready"]

SOON = r" \(next try in \d+\.\d s\)"
IN_MINUTES = r" \(next try in 15 min; a button press or a reload tries at once\)"

REFUSE: Fault = {"fault": "http_status", "status": 403}


class Pair:
    """A daemon and its server. ``begin`` a test with it, then everything is about that test alone."""

    def __init__(self, server: LocalServer, daemon: Daemon) -> None:
        self.server = server
        self.daemon = daemon
        self.calls_before = 0
        self._lines_before = 0
        self._reloads = 0
        self._config: dict[str, Any] = {}

    @property
    def seen(self) -> Watch:
        """What the daemon shows since the last reload."""
        return self.daemon.seen

    def begin(
        self,
        *faults: Fault,
        deadlines: Mapping[str, float] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin anew with these faults; the session before has ended and meets none of them."""
        self.server.play(REFUSE)
        # What stands in the way of WebRTC is met: it would be got round.
        endpoint = {**self.server.endpoint(deadlines), "transport": "webrtc"}
        self._config = {"session": QUICK_TURNS, "endpoints": [endpoint], **(config or {})}
        self._lines_before = len(self.daemon.process.lines)
        self.reload()
        until(lambda: states_in(self.lines())[-1:] == ["failed"], "a refusal")
        until(lambda: not self.server.open_calls(), "the end of the session before")
        self.server.play(*faults)
        self.calls_before = self.server.calls_made()
        self._lines_before = len(self.daemon.process.lines)
        self.reload()

    def reload(self) -> None:
        """Let the daemon read its configuration, as an administrator does."""
        self._reloads += 1
        self.seen.close()
        # A socket of its own, so that nobody is connected to the one that is about to go.
        self.daemon.socket = self.daemon.folder / f"control-{self._reloads}.sock"
        control = {**self.daemon.config["control"], "socket": str(self.daemon.socket)}
        self.daemon.write_config({**self.daemon.config, **self._config, "control": control})
        self.daemon.process.signal(signal.SIGHUP)
        self.daemon.watch = Watch(self.daemon.socket)

    def press_until(self, state: str) -> None:
        """Press the button every now and then, as people do, until that helps."""
        mark = self.seen.mark

        def helps() -> bool:
            self.seen.send(do="press", button="talk")
            self.seen.send(do="release", button="talk")
            return state in self.seen.states(mark)

        until(helps, f"{state} by pressing the button", pause_s=0.2)

    def ask(self, question: str = QUESTION) -> Message:
        """Ask, and wait until the answer is heard."""
        mark = self.seen.mark
        self.daemon.say(spoken(question))
        return self.seen.wait_for(lambda message: message["type"] == "turn", "answer", mark=mark)

    def ask_in_vain(self, returns_to: str = "ready") -> None:
        """Ask, and wait until the daemon does not expect an answer any more."""
        mark = self.seen.mark
        self.daemon.say(spoken(QUESTION))
        self.seen.wait_for_state("thinking", mark=mark)
        self.seen.wait_for_state(returns_to, mark=mark)

    def wait_until_quiet(self) -> None:
        """Wait until the answer that is heard has ended."""
        until(lambda: self.seen.states()[-1:] == ["ready"], "the end of the answer")

    def converses(self) -> None:
        """Hold that the daemon is in conversation: it is ready, and a question is answered with sound."""
        until(lambda: self.seen.states()[-1:] == ["ready"], "ready again")
        assert self.ask()["voice_to_voice_ms"] > 0
        until(lambda: self.seen.states()[-3:] == ["listening", "thinking", "speaking"], "one turn")

    def lines(self) -> list[str]:
        """The daemon's lines in this test, as far as they have come."""
        return self.daemon.process.lines[self._lines_before :]

    @property
    def log(self) -> list[str]:
        """The daemon's lines in this test, up to the state that the control socket showed last."""

        def tells_all_that_is_shown() -> bool:
            shown = " ".join(self.seen.states())
            return " ".join(states_in(self.lines())).endswith(shown)

        until(tells_all_that_is_shown, "the log tells of what was shown")
        return self.lines()

    @property
    def states(self) -> list[str]:
        """The daemon's states in this test, by its log: complete, whenever the watch began."""
        return states_in(self.log)

    def complains_of(self, *complaints: str) -> None:
        """Hold that these warnings and errors were logged, each once, and no others."""
        lines = "\n".join(self.log)
        told = re.findall(r"^\S+ ((?:warning|error|critical) .*?)(?: \[.*\])?$", lines, re.MULTILINE)
        assert len(told) == len(complaints), lines
        for text, complaint in zip(told, complaints, strict=True):
            assert re.fullmatch(re.sub("^(warning|error) ", r"\1 +", complaint), text), lines
        assert "Traceback" not in lines

    def calls_made(self) -> int:
        """How often the daemon called in this test."""
        return self.server.calls_made() - self.calls_before

    def call(self) -> dict[str, Any]:
        """What the server knows of the only call."""
        (call,) = self.server.open_calls()
        return call


def states_in(log: list[str]) -> list[str]:
    """The states that these lines tell of, in order."""
    return re.findall(r"\bstate=(\w+)\]$", "\n".join(log), re.MULTILINE)


@contextmanager
def running_pair() -> Iterator[Pair]:
    with local_server() as server, running_daemon({"endpoints": [server.endpoint()]}) as daemon:
        daemon.seen.wait_for_state("ready")
        yield Pair(server, daemon)
        assert daemon.close() == 0


@pytest.fixture(scope="module", autouse=True)
def forsaken() -> Iterator[Pair]:
    """A pair whose server vanishes while the other tests run: the daemon notices late."""
    with running_pair() as pair:
        pair.begin()
        pair.seen.wait_for_state("ready")
        pair.server.play({"fault": "vanish"})
        pair.server.wait_until_taken()
        pair.server.behave()
        yield pair


@pytest.fixture(scope="module")
def lasting_pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def pair(lasting_pair: Pair) -> Iterator[Pair]:
    yield lasting_pair
    sys.stdout.write("\n".join(lasting_pair.lines()))  # seen only if the test fails


# -- no session at first -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hurdle:
    """A fault that keeps the daemon from a session, and how it calls that."""

    fault: Fault
    words: str
    deadlines: dict[str, float] = field(default_factory=dict)
    times: int = 2


REFUSED_BY = r"no session: 127\.0\.0\.1 answered the call with "

PASSING: dict[str, Hurdle] = {
    "too many requests": Hurdle(
        {"fault": "http_status", "status": 429, "retry_after_s": 2},
        REFUSED_BY + r"429 Too Many Requests: The server was told to refuse\.",
    ),
    "server error": Hurdle(
        {"fault": "http_status", "status": 500, "message": "Oops."},
        REFUSED_BY + r"500 Internal Server Error: Oops\.",
    ),
    "bad gateway without a word": Hurdle(
        {"fault": "http_status", "status": 502, "body": "empty"},
        REFUSED_BY + "502 Bad Gateway",
    ),
    "proxy that is overloaded": Hurdle(
        {"fault": "http_status", "status": 503, "body": "html"},
        REFUSED_BY
        + "503 Service Unavailable: an HTML page, so probably from a proxy or a login page in between",
    ),
    "captive portal": Hurdle(
        {"fault": "html_page"},
        REFUSED_BY + r"an HTML page: is a login page or a proxy in between\?",
    ),
    "no answer": Hurdle(
        {"fault": "no_answer"},
        r"no session: 127\.0\.0\.1 did not answer the call within 1\.5 s",
        {"http_s": 1.5},
        times=1,
    ),
    "slow body": Hurdle(
        {"fault": "slow_body", "bytes_per_s": 20},
        r"no session: 127\.0\.0\.1 did not answer the call within 1\.5 s",
        {"http_s": 1.5},
        times=1,
    ),
    "endless body": Hurdle(
        {"fault": "endless_body"},
        r"no session: 127\.0\.0\.1 sent more than 64 KiB as an answer",
    ),
    "answer that leads nowhere": Hurdle(
        {"fault": "dead_answer"},
        "no session: not connected after 2 s: no answer to connectivity checks: is outgoing UDP blocked[?]",
        {"connect_s": 2},
        times=1,
    ),
    "channel that does not open": Hurdle(
        {"fault": "slow_channel", "open_after_s": 60},
        "no session: not connected after 2 s: the event channel is not open",
        {"connect_s": 2},
        times=1,
    ),
    "channel that says nothing": Hurdle(
        {"fault": "slow_channel", "delay_s": 60},
        "no session: the server did not say session.created within 1 s",
        {"session_created_s": 1},
        times=1,
    ),
    "ignored session.update": Hurdle(
        {"fault": "ignore_update"},
        "no session: the server did not say session.updated within 1 s",
        {"session_updated_s": 1},
        times=1,
    ),
}
"""What may be over when the daemon tries again, which it does by itself."""


@pytest.mark.parametrize("name", PASSING)
def test_it_tries_again_by_itself_and_says_once_why(pair: Pair, name: str) -> None:
    """The same trouble once or twice, then none: half a second to two between the attempts, by chance."""
    hurdle = PASSING[name]
    pair.begin({**hurdle.fault, "times": hurdle.times}, deadlines=hurdle.deadlines)
    pair.seen.wait_for_state("ready")
    assert pair.states == ["connecting", "ready"]
    assert pair.calls_made() == hurdle.times + 1
    pair.converses()
    pair.complains_of(f"warning {hurdle.words}{SOON}")
    opened = rf" session sess_\S+ is open after {hurdle.times + 1} attempts"
    assert any(re.search(opened, line) for line in pair.log)


def test_it_waits_as_long_as_it_is_told(pair: Pair) -> None:
    """Retry-After is the least wait, measured at the server."""
    pair.begin({"fault": "http_status", "status": 503, "retry_after_s": 3, "times": 1})
    pair.seen.wait_for_state("ready")
    first, second = pair.server.state()["attempts"][-2:]
    assert second["at_s"] - first["at_s"] >= 3
    pair.complains_of(rf"warning {REFUSED_BY}503 Service Unavailable: The server was told to refuse\.{SOON}")


def test_it_tries_again_when_it_gets_no_token(pair: Pair) -> None:
    token = {"token_path": "/v1/realtime/client_secrets", "token_style": "client_secret", "needs_key": False}
    endpoint = {**pair.server.endpoint(), "profile": "custom", "overrides": token}
    pair.begin(
        {"fault": "http_status", "on": "token", "status": 503, "times": 2},
        {"fault": "html_page", "on": "token", "times": 1},
        config={"endpoints": [endpoint]},
    )
    pair.converses()
    assert pair.calls_made() == 1
    pair.complains_of(
        r"warning no session: 127\.0\.0\.1 answered the token request with 503 Service Unavailable: "
        rf"The server was told to refuse\.{SOON}",
        r"warning no session: 127\.0\.0\.1 answered the token request, but there is no client secret in it"
        + SOON,
    )


REFUSALS: dict[str, Hurdle] = {
    "wrong key": Hurdle(
        {"fault": "http_status", "status": 401, "code": "invalid_api_key", "message": "Incorrect API key."},
        REFUSED_BY + r"401 Unauthorized: Incorrect API key\.; check the API key",
    ),
    "forbidden": Hurdle(
        {"fault": "http_status", "status": 403, "message": "Not for you."},
        REFUSED_BY + r"403 Forbidden: Not for you\.; check what the API key is allowed to do",
    ),
    "wrong path": Hurdle(
        {"fault": "http_status", "status": 404, "message": "Nothing here."},
        REFUSED_BY + r"404 Not Found: Nothing here\.; check url and profile of this endpoint",
    ),
    "refused session.update": Hurdle(
        {"fault": "reject_update"},
        r"no session: the server refused the session's settings \(session\.audio\.output\.voice\): "
        r"Invalid value: the server was told to refuse it\.",
    ),
}
"""What only a person can mend."""


@pytest.mark.parametrize("name", REFUSALS)
def test_it_waits_for_a_person_who_reloads(pair: Pair, name: str) -> None:
    hurdle = REFUSALS[name]
    pair.begin({**hurdle.fault, "times": 1})
    pair.seen.wait_for_state("failed")
    assert pair.states == ["connecting", "failed"]
    assert pair.calls_made() == 1
    pair.complains_of(f"error {hurdle.words}{IN_MINUTES}")
    pair.reload()
    pair.seen.wait_for_state("ready")
    assert pair.states == ["connecting", "failed", "connecting", "ready"]
    pair.converses()


def test_it_waits_for_a_person_who_presses_the_button(pair: Pair) -> None:
    """A press counts from two seconds after the attempt on."""
    pair.begin({"fault": "http_status", "status": 401, "times": 1}, config=BUTTON)
    pair.seen.wait_for_state("failed")
    pair.press_until("ready")
    assert pair.states == ["connecting", "failed", "connecting", "ready"]
    assert pair.calls_made() == 2
    pair.converses()


def test_it_follows_no_redirect(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        place = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/realtime/calls"
        pair.begin({"fault": "redirect", "location": place, "times": 1})
        pair.seen.wait_for_state("failed")
        pair.reload()
        pair.seen.wait_for_state("ready")
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    pair.converses()
    words = "a redirect to 127.0.0.1, which is never followed; set url to the final address"
    pair.complains_of(f"error {REFUSED_BY}307 Temporary Redirect: {words}{IN_MINUTES}")


# -- a session that is a little odd --------------------------------------------------------------------


def test_a_call_without_a_name_is_ended_by_closing_it(pair: Pair) -> None:
    """Without Location there is nothing to hang up over HTTP."""
    pair.begin({"fault": "no_location"})
    pair.seen.wait_for_state("ready")
    pair.converses()
    call_id = pair.call()["id"]
    pair.begin()
    pair.seen.wait_for_state("ready")
    (ended,) = (call for call in pair.server.state()["ended_calls"] if call["id"] == call_id)
    assert ended["end_reason"] == "closed by the client"
    pair.complains_of()


def test_it_is_patient_with_a_slow_channel(pair: Pair) -> None:
    """Every event comes half a second late; an answer may be heard before the first word about it."""
    pair.begin({"fault": "slow_channel", "open_after_s": 1, "delay_s": 0.5})
    pair.seen.wait_for_state("ready")
    for _ in range(2):
        assert pair.ask()["voice_to_voice_ms"] > 0
        pair.wait_until_quiet()
    assert [state for state in pair.states if state != "thinking"] == [
        *("connecting", "ready"),
        *("listening", "speaking", "ready"),
        *("listening", "speaking", "ready"),
    ]
    pair.complains_of()


def test_it_knows_who_speaks_from_a_server_that_does_not_tell(pair: Pair) -> None:
    """Without output_audio_buffer events the sound counts; half a second of silence is its end."""
    pair.begin({"fault": "no_output_events"})
    pair.seen.wait_for_state("ready")
    for _ in range(2):
        pair.converses()
        pair.wait_until_quiet()
    assert pair.states == ["connecting", "ready", *ONE_TURN, *ONE_TURN]
    assert not [e for e in pair.seen.since(0, "event") if e["name"].startswith("output_audio_buffer.")]
    pair.complains_of()


def test_it_hears_a_server_that_sends_nothing_between_answers(pair: Pair) -> None:
    """Timestamps jump from one answer to the next."""
    pair.begin({"fault": "pause_rtp"})
    pair.seen.wait_for_state("ready")
    for _ in range(2):
        pair.converses()
        pair.wait_until_quiet()
    assert pair.states == ["connecting", "ready", *ONE_TURN, *ONE_TURN]
    pair.complains_of()


def test_a_late_stop_of_an_old_answer_does_not_end_the_new_one(pair: Pair) -> None:
    """Five seconds of silence end the answer whose stop does not come."""
    pair.begin({"fault": "late_stopped", "delay_s": 0.2})
    pair.seen.wait_for_state("ready")
    pair.ask()
    pair.wait_until_quiet()
    mark = pair.seen.mark
    pair.ask()
    pair.seen.wait_for_event("output_audio_buffer.stopped", mark=mark)
    pair.server.behave()
    stopped = pair.seen.mark
    pair.seen.wait_for_event("output_audio_buffer.stopped", mark=stopped)
    pair.wait_until_quiet()
    assert pair.states == ["connecting", "ready", *ONE_TURN, *ONE_TURN]
    pair.complains_of()


# -- a session that ends -------------------------------------------------------------------------------


def test_it_calls_again_when_the_server_hangs_up(pair: Pair) -> None:
    """In the middle of an answer, which is not played to its end."""
    pair.begin()
    pair.seen.wait_for_state("ready")
    pair.ask(LONG_QUESTION)
    pair.server.play({"fault": "close_call", "times": 1})
    mark = pair.seen.mark
    pair.seen.wait_for_state("ready", mark=mark)
    assert pair.states == ["connecting", "ready", *ONE_TURN[:3], "reconnecting", "ready"]
    pair.converses()
    first_sign = r"\((the event channel was closed|its sound ended)\)"
    pair.complains_of(f"warning the session ended: the server ended the connection {first_sign}{SOON}")


def test_it_calls_until_a_restarting_server_is_back(pair: Pair) -> None:
    pair.begin()
    pair.seen.wait_for_state("ready")
    mark = pair.seen.mark
    pair.server.play({"fault": "close_call", "times": 1}, {"fault": "http_status", "status": 503, "times": 2})
    pair.seen.wait_for_state("ready", mark=mark)
    assert pair.states == ["connecting", "ready", "reconnecting", "ready"]
    assert pair.calls_made() == 4
    pair.converses()
    pair.complains_of(
        rf"warning the session ended: the server ended the connection \(.*\){SOON}",
        rf"warning {REFUSED_BY}503 Service Unavailable: The server was told to refuse\.{SOON}",
    )


def test_a_session_whose_end_is_announced_is_renewed_before_anybody_notices(pair: Pair) -> None:
    pair.begin({"fault": "expire", "after_s": 10, "announced": True, "times": 1})
    pair.seen.wait_for_notice("session_renewed")
    pair.converses()
    assert "reconnecting" not in pair.states
    assert pair.calls_made() == 2
    pair.complains_of()


def test_it_follows_a_session_that_expires_unannounced(pair: Pair) -> None:
    pair.begin({"fault": "expire", "after_s": 2, "announced": False, "times": 1})
    pair.seen.wait_for_state("reconnecting")
    pair.converses()
    assert pair.states[:4] == ["connecting", "ready", "reconnecting", "ready"]
    assert pair.calls_made() == 2
    pair.complains_of(rf"warning the session ended: Your session hit the maximum duration\.{SOON}")


def test_it_renews_a_session_whose_sound_has_failed(pair: Pair) -> None:
    """No sound comes any more, while ICE and the event channel go on: an answer without sound shows it."""
    pair.begin()
    pair.seen.wait_for_state("ready")
    pair.server.play({"fault": "stop_media", "times": 1})
    pair.server.wait_until_taken()
    mark = pair.seen.mark
    pair.ask_in_vain(returns_to="reconnecting")
    pair.seen.wait_for_state("speaking", mark=mark)
    pair.wait_until_quiet()
    assert pair.states[:6] == ["connecting", "ready", "listening", "thinking", "reconnecting", "ready"]
    assert pair.states[-2:] == ["speaking", "ready"], "what was asked is answered in the next session"
    why = "the server has made an answer, but nothing of it has come for 3 s"
    pair.complains_of(rf"warning the session ended: {why}{SOON}")


def test_it_waits_for_a_person_when_the_account_is_empty(pair: Pair) -> None:
    pair.begin(config=BUTTON)
    pair.seen.wait_for_state("ready")
    pair.server.play(
        {"fault": "send_error", "code": "insufficient_quota", "message": "No money.", "times": 1}
    )
    pair.seen.wait_for_state("failed")
    until(lambda: not pair.server.open_calls(), "the end of the call")
    pair.complains_of(rf"error the session ended: No money\.{IN_MINUTES}")
    pair.press_until("ready")
    pair.converses()
    assert pair.states[:5] == ["connecting", "ready", "failed", "reconnecting", "ready"]


def test_it_calls_again_when_the_server_vanishes(forsaken: Pair) -> None:
    """Without a word and without a packet: doubted after 3.5 s, given up after 7 s."""
    forsaken.seen.wait_for_state("reconnecting")
    until(lambda: forsaken.calls_made() == 2, "another call")
    forsaken.converses()
    assert forsaken.states[:4] == ["connecting", "ready", "reconnecting", "ready"]
    assert forsaken.calls_made() == 2
    forsaken.complains_of(
        "warning the server gives no sign of life; looking whether it or the way to it has failed",
        rf"warning the session ended: the server has not answered for \d+ s{SOON}",
    )


# -- events that are none, and errors ------------------------------------------------------------------

NO_EVENT = "the server sent a message that is no event: "

UNKNOWN: Fault = {"fault": "send_message", "kind": "unknown", "times": 1}

BAD_MESSAGES: dict[str, tuple[Fault, str]] = {
    "oversized": ({"kind": "oversized", "size_bytes": 300_000}, "message of more than 262144 bytes"),
    "malformed": ({"kind": "malformed"}, "not JSON: Input data was truncated"),
    "binary": ({"kind": "binary"}, "binary message"),
    "not UTF-8": ({"kind": "invalid_utf8"}, "not Unicode text"),
    "deep": ({"kind": "deep"}, "message nested deeper than 64 levels"),
    "no object": ({"kind": "raw", "text": "[1,2]"}, "not a JSON object with a type that is text"),
    "mistyped": ({"kind": "raw", "text": '{"type":"response.done","response":7}'}, ".*response.*"),
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
def test_a_message_that_is_no_event_is_dropped_and_told_once(pair: Pair, name: str) -> None:
    """The session does not notice: it goes on with the event that comes next."""
    message, reason = BAD_MESSAGES[name]
    fault = {"fault": "send_message", "times": 1, **message}
    pair.begin()
    pair.seen.wait_for_state("ready")
    pair.server.play(fault, fault, UNKNOWN)
    pair.seen.wait_for_event("edge_agent.never_heard_of")
    pair.converses()
    assert pair.states == ["connecting", "ready", *ONE_TURN[:3]]
    pair.complains_of(f"warning {NO_EVENT}{reason}")


def test_an_unknown_event_is_nothing_special(pair: Pair) -> None:
    pair.begin()
    pair.seen.wait_for_state("ready")
    pair.server.play(UNKNOWN)
    pair.seen.wait_for_event("edge_agent.never_heard_of")
    pair.converses()
    pair.complains_of()


def test_an_error_that_concerns_one_request_is_told(pair: Pair) -> None:
    pair.begin()
    pair.seen.wait_for_state("ready")
    pair.server.play(
        {"fault": "send_error", "code": "invalid_value", "message": "Not like this.", "times": 1}
    )
    pair.seen.wait_for_notice("server_error")
    pair.converses()
    pair.complains_of(r"warning the server reports an error: Not like this\.")


# -- responses -----------------------------------------------------------------------------------------


def test_a_response_that_goes_no_further_is_given_up_and_cancelled(pair: Pair) -> None:
    pair.begin({"fault": "silent_response", "times": 1}, config=IMPATIENT)
    pair.seen.wait_for_state("ready")
    pair.ask_in_vain()
    pair.converses()
    assert pair.call()["events_received"]["response.cancel"] == 1
    assert pair.states[:5] == ["connecting", "ready", "listening", "thinking", "ready"]
    pair.complains_of("warning the server did not answer within 5 s; giving up this turn")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"message": "Slow down."}, r"Slow down\."),
        ({"status": "incomplete", "reason": "content_filter"}, r"it was cut short \(content_filter\)"),
    ],
    ids=["failed", "incomplete"],
)
def test_a_failed_response_ends_the_turn(pair: Pair, fault: Fault, words: str) -> None:
    pair.begin({"fault": "fail_response", "times": 1, **fault})
    pair.seen.wait_for_state("ready")
    pair.ask_in_vain()
    pair.converses()
    assert pair.states[:5] == ["connecting", "ready", "listening", "thinking", "ready"]
    assert pair.calls_made() == 1
    pair.complains_of(f"warning a response failed: {words}")


def test_the_third_failed_response_in_a_minute_ends_the_session(pair: Pair) -> None:
    pair.begin({"fault": "fail_response", "message": "Overloaded.", "times": 3})
    pair.seen.wait_for_state("ready")
    pair.ask_in_vain()
    pair.ask_in_vain()
    pair.ask_in_vain(returns_to="reconnecting")
    pair.converses()
    assert pair.calls_made() == 2
    failed = r"warning a response failed: Overloaded\."
    pair.complains_of(failed, failed, rf"warning the session ended: Overloaded\.{SOON}")


def test_a_response_that_fails_for_the_account_waits_for_a_person(pair: Pair) -> None:
    fault = {"fault": "fail_response", "code": "insufficient_quota", "message": "No money.", "times": 1}
    pair.begin(fault)
    pair.seen.wait_for_state("ready")
    pair.ask_in_vain(returns_to="failed")
    pair.complains_of(rf"error the session ended: No money\.{IN_MINUTES}")
    pair.reload()
    pair.seen.wait_for_state("ready")
    pair.converses()


def test_a_failed_transcription_does_not_stop_the_answer(pair: Pair) -> None:
    pair.begin(
        {"fault": "fail_transcription", "times": 1},
        config={"session": {**QUICK_TURNS, "transcription": {"model": "any"}}},
    )
    pair.seen.wait_for_state("ready")
    pair.ask()
    pair.wait_until_quiet()
    assert pair.states == ["connecting", "ready", *ONE_TURN]
    pair.complains_of(r"warning a transcription failed: The audio could not be transcribed\.")
    pair.converses()
