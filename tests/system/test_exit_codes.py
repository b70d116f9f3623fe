"""What can be wrong from outside: what the daemon says, and with which code it ends or that it goes on."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Daemon, Process, free_port, running, running_daemon
from tests.session.peer_server import Answerer, Call, Json, error
from tests.system.puppet import Puppet, answer, deaf_port, eventually, never, puppet
from tests.virtual_cards import virtual_cards

LOG_LINE = re.compile(r"^[0-9:.]{12} (\w+) +(.*)$")
"""A line as the terminal gets it: time, level, text and fields."""


# -- wrong from the start: it says so and ends -------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """``config`` is the file's text, FOLDER in it a folder of the test's own; ``says`` is all that is said,
    CONFIG in it the name of the file."""

    config: str | None
    says: str
    code: int = 78
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """More files by name, with their mode."""


def endpoint(*settings: str) -> str:
    """An endpoint that needs a key."""
    return "endpoints: [{name: a, profile: custom, url: 'https://a.example', " + ", ".join(settings) + "}]"


MODE = "expected always-on, button or wake-word"

WRONG: dict[str, Wrong] = {
    "no file": Wrong(None, r"CONFIG: .*[Nn]o such file.*"),
    "no YAML": Wrong("mode: [button", r"CONFIG:2:1: \(file\): expected valid YAML, got .*"),
    "no mapping": Wrong(
        "- button", r"CONFIG:1:1: \(file\): expected a mapping with the keys mode, .*, got a list"
    ),
    "unknown key": Wrong(
        "moode: button", r"CONFIG:1:1: moode: expected .*, got an unknown key; did you mean mode\?"
    ),
    "wrong type": Wrong("mode: [button]", rf"CONFIG:1:7: mode: {MODE}, got a list"),
    "out of range": Wrong(
        "session: {speed: 9}",
        r"CONFIG:1:18: session\.speed: expected a number from 0\.25 to 1\.5, got the number 9",
    ),
    "key twice": Wrong(
        "logging: {}\nlogging: {}",
        r"CONFIG:2:1: logging: expected each key once, got a second one \(the first is in line 1\)",
    ),
    "several mistakes": Wrong(
        "mode: nonsense\nsession: {speed: 9}\nledz: []",
        rf"CONFIG:1:7: mode: {MODE}, got the text \"nonsense\"\n"
        r"CONFIG:2:18: session\.speed: expected .*, got the number 9\n"
        r"CONFIG:3:1: ledz: expected .*, got an unknown key; did you mean leds\?",
    ),
    "plain http to another machine": Wrong(
        "endpoints: [{name: a, profile: local, url: 'http://a.example:8765'}]",
        r"CONFIG:1:44: endpoints\[0\]\.url: expected https:// .*, got http:// to another; use https://, or a "
        r"tunnel: ssh .* a\.example",
    ),
    "key in the file": Wrong(
        endpoint("key: sk-proj-0123456789abcdef"),
        r"CONFIG:1:71: endpoints\[0\]\.key: expected no secret in this file, got what looks like one; put .*",
    ),
    "no credential": Wrong(
        endpoint("key: {credential: api-key}"),
        r"endpoint a: key: expected a key, got none: systemd credential api-key: not run by systemd with "
        r"LoadCredential=api-key:/PATH",
    ),
    "no key file": Wrong(
        endpoint("key: {file: FOLDER/key}"),
        r"endpoint a: key: expected a key, got none: file FOLDER/key: there is no such file",
    ),
    "key file for everybody": Wrong(
        endpoint("key: {file: FOLDER/key}"),
        r"endpoint a: key: file FOLDER/key: everybody on this machine may read it; do: chmod o= FOLDER/key",
        files={"key": (0o644, "sk-proj-0123456789abcdef")},
    ),
    "empty key file": Wrong(
        endpoint("key: {file: FOLDER/key}"),
        r"endpoint a: key: file FOLDER/key: expected a key, got nothing \(empty\)",
        files={"key": (0o600, "\n")},
    ),
    "no variable": Wrong(
        endpoint("key: {env: EDGE_AGENT_NO_KEY}"),
        r"endpoint a: key: expected a key, got none: environment variable EDGE_AGENT_NO_KEY: not set",
    ),
    "control socket where no folder is": Wrong(
        "control: {socket: FOLDER/missing/control.sock}",
        r"control\.socket: can't open FOLDER/missing/control\.sock: .*No such file or directory",
    ),
    "control socket where a file is": Wrong(
        "control: {socket: FOLDER/file}",
        r"control\.socket: FOLDER/file exists and is not a socket; choose another path",
        files={"file": (0o600, "")},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_says_what_is_wrong_and_ends(name: str, tmp_path: Path) -> None:
    wrong = WRONG[name]
    config = tmp_path / "edge-agent.yaml"
    for file, (mode, text) in wrong.files.items():
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(mode)
    if wrong.config is not None:
        config.write_text(wrong.config.replace("FOLDER", str(tmp_path)))
    says = wrong.says.replace("CONFIG", re.escape(str(config))).replace("FOLDER", re.escape(str(tmp_path)))
    with running([sys.executable, "-m", "edge_agent", "run", "--config", str(config)]) as process:
        assert process.wait() == wrong.code
        assert re.fullmatch(says, "\n".join(said(process))), process.output


def said(process: Process) -> list[str]:
    """Return what a person is told to mend: lines outside of the log, and the log's from warnings upwards."""
    lines = [(line, LOG_LINE.match(line)) for line in process.lines]
    return [
        line if match is None else match[2]
        for line, match in lines
        if match is None or match[1] not in ("debug", "info")
    ]


def test_wrong_arguments_are_explained(tmp_path: Path) -> None:
    with running([sys.executable, "-m", "edge_agent", "run", "--confog", str(tmp_path)]) as process:
        assert process.wait() == 2
        assert process.output.endswith("error: unrecognized arguments: --confog " + str(tmp_path))


def test_a_second_agent_leaves_the_first_alone(tmp_path: Path) -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as first:
        first.seen.wait_for_state("ready")
        second_config = tmp_path / "second.yaml"
        second_config.write_text(first.config_path.read_text())
        command = [sys.executable, "-m", "edge_agent", "run", "--config", str(second_config)]
        with running(command) as second:
            assert second.wait() == 75
            assert said(second) == [
                f"control.socket: another edge-agent listens on {first.socket}; stop it first"
            ]
        assert server.calls_made() == 1
        assert first.close() == 0
        assert said(first.process) == []


def test_a_socket_that_a_killed_agent_left_is_taken_over() -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as daemon:
        daemon.process.kill()
        assert daemon.socket.exists()
        with running(daemon.process.command) as second:
            second.wait_for_line("session sess_1 is open")
            assert said(second) == []


def test_a_reload_that_can_not_come_to_life_is_taken_back() -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        daemon.write_config(
            {**daemon.config, "control": {"socket": str(daemon.folder / "missing" / "socket")}}
        )
        daemon.reload()
        daemon.process.wait_for_line("reload refused, the old configuration is used again:")
        daemon.process.wait_for_line("control.socket: can't open ")
        daemon.watch_again().wait_for_state("ready")
        assert daemon.close() == 0


# -- devices that are missing: it says so once and goes on -------------------------------------------


@dataclass(frozen=True)
class Missing:
    """A device that is not there: what is said, and what makes it appear. PLACE is a folder of the test's."""

    sound: Mapping[str, str]
    says: str
    appear: Callable[[Path], object]
    is_back: str


def make_question(place: Path) -> None:
    with wave.open(str(place / "new.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(9600))
    (place / "new.wav").rename(place / "question.wav")


def make_pipe(place: Path) -> None:
    os.mkfifo(place / "new")
    (place / "new").rename(place / "pipe")


MISSING: dict[str, Missing] = {
    "no folder for the recording": Missing(
        {"output": "file:PLACE/later/loudspeaker.wav"},
        r"loudspeaker: PLACE/later/loudspeaker\.wav: can't be written: No such file or directory; expected a "
        r"writable place for a WAV file",
        lambda place: (place / "later").mkdir(),
        "the loudspeaker works again",
    ),
    "no file to play": Missing(
        {"input": "file:PLACE/question.wav"},
        r"microphone: PLACE/question\.wav: can't be read: No such file or directory; expected a WAV file",
        make_question,
        "the microphone works again",
    ),
    "a file where the pipe should be": Missing(
        {"input": "fifo:PLACE/pipe"},
        r"microphone: PLACE/pipe: expected a named pipe, got another kind of file; name another",
        make_pipe,
        "the microphone works again",
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_device_is_told_once_and_taken_when_it_comes(name: str, tmp_path: Path) -> None:
    missing = MISSING[name]
    (tmp_path / "pipe").write_text("a file")
    sound = {key: value.replace("PLACE", str(tmp_path)) for key, value in missing.sound.items()}
    with puppet() as server, debugging({"endpoints": [server.endpoint], "sound": sound}) as daemon:
        daemon.seen.wait_for_notice("session_opened")
        daemon.process.wait_for_line("still no device", times=2)
        assert daemon.seen.states()[-1] == "failed"
        (line,) = said(daemon.process)
        assert re.fullmatch(missing.says.replace("PLACE", re.escape(str(tmp_path))), line)
        missing.appear(tmp_path)
        daemon.process.wait_for_line(missing.is_back)
        daemon.seen.wait_for_state("ready")
        assert daemon.close() == 0
        assert len(said(daemon.process)) == 1


def test_a_sound_card_may_come_and_go() -> None:
    with virtual_cards() as cards, puppet() as server:
        cards.unplug()
        config = {"endpoints": [server.endpoint], "sound": {"input": "mic", "output": "speaker"}}
        with debugging(config, cards.environment) as daemon:
            both_are_lost(daemon, times=1)
            daemon.process.wait_for_line("microphone: still no device")
            cards.plug_in()
            both_work_again(daemon, times=1)
            cards.unplug()
            both_are_lost(daemon, times=2)
            cards.plug_in()
            both_work_again(daemon, times=2)
            assert daemon.close() == 0
            assert all("edge-agent devices" in complaint for complaint in said(daemon.process))


def both_are_lost(daemon: Daemon, times: int) -> None:
    eventually(lambda: len(said(daemon.process)) == 2 * times, "one complaint about each device")
    assert {line.partition(":")[0] for line in said(daemon.process)[-2:]} == {"microphone", "loudspeaker"}
    daemon.process.wait_for_line("failed (no ", times=times)


def both_work_again(daemon: Daemon, times: int) -> None:
    for device in ("microphone", "loudspeaker"):
        daemon.process.wait_for_line(f"the {device} works again", times=times)
    daemon.process.wait_for_line(" ready (", times=times)


def test_no_card_at_all_is_told_once_for_each_direction() -> None:
    config = {"sound": {"input": "hw:CARD=Nowhere", "output": "hw:CARD=Nowhere"}}
    with puppet() as server, debugging({"endpoints": [server.endpoint], **config}) as daemon:
        for device in ("microphone", "loudspeaker"):
            daemon.process.wait_for_line(f"{device}: still no device", times=2)
        advice = "hw:CARD=Nowhere: No such device; plug it in, or choose another: edge-agent devices"
        assert sorted(said(daemon.process)) == [f"loudspeaker: {advice}", f"microphone: {advice}"]
        assert daemon.seen.states()[-1] == "failed"
        assert daemon.close() == 0


def test_missing_pins_are_told_once_and_the_agent_converses() -> None:
    # A machine with pins has none if the configuration says so.
    has_pins = any(Path("/dev").glob("gpiochip*"))
    pins = {
        "gpio": {"factory": "none" if has_pins else "auto"},
        "leds": [{"type": "led", "pin": 5}, {"type": "rgbled", "red": 6, "green": 13, "blue": 19}],
        "buttons": [{"name": "talk", "pin": 17}],
    }
    with puppet() as server, running_daemon({"endpoints": [server.endpoint], **pins}) as daemon:
        daemon.seen.wait_for_state("ready")
        (line,) = said(daemon.process)
        reason = "gpio.factory is none" if has_pins else "this machine has no GPIO chip (/dev/gpiochip*)"
        assert line == f"no LEDs and no buttons: {reason}"


@contextmanager
def debugging(config: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """Run a daemon that tells every attempt."""
    with running_daemon({**config, "logging": {"level": "debug"}}, environment) as daemon:
        yield daemon


# -- servers that refuse: it says so once, and tries again -------------------------------------------


@dataclass(frozen=True)
class Refusal:
    """A server's refusal, what is said about it, and the state meanwhile. HOST is the server's address."""

    answer: Answerer | None
    says: str
    state: str = "connecting"
    url: Callable[[Puppet], str] = lambda server: server.server.url
    http_s: float = 10.0
    """How long the daemon waits for the answer to a call; by default as it comes."""


def refusal(status: int, code: str, message: str) -> Answerer:
    """A refusal in the words of OpenAI's API."""
    return answer(status, json.dumps({"error": {"type": "x", "code": code, "message": message}}))


SOON = r" \(next try in [0-9.]+ s\)"
IN_MINUTES = r" \(next try in 15 min; a button press or a reload tries at once\)"
PAGE = "<!DOCTYPE html><title>Sign in</title>"

REFUSALS: dict[str, Refusal] = {
    "400": Refusal(
        refusal(400, "invalid_value", "No such voice."),
        r"HOST answered the call with 400 Bad Request: No such voice\.; check the model, the voice and the "
        r"other session settings" + IN_MINUTES,
        "failed",
    ),
    "401": Refusal(
        refusal(401, "invalid_api_key", "Incorrect API key provided: sk-proj-012345."),
        r"HOST answered the call with 401 Unauthorized: Incorrect API key provided: …\.; check the API key"
        + IN_MINUTES,
        "failed",
    ),
    "403": Refusal(
        refusal(403, "country", "Not here."),
        r"HOST answered the call with 403 Forbidden: Not here\.; check what the API key is allowed to do"
        + IN_MINUTES,
        "failed",
    ),
    "404": Refusal(
        refusal(404, "model_not_found", "No such model."),
        r"HOST answered the call with 404 Not Found: No such model\.; check url and profile of this endpoint"
        + IN_MINUTES,
        "failed",
    ),
    "429": Refusal(
        answer(429, "{}", Retry_After="1"),
        r"HOST answered the call with 429 Too Many Requests: \{\}" + SOON,
    ),
    "500": Refusal(answer(500), r"HOST answered the call with 500 Internal Server Error.*" + SOON),
    "503": Refusal(
        answer(503, '{"error": "overloaded"}'),
        r"HOST answered the call with 503 Service Unavailable: overloaded" + SOON,
    ),
    "an error page": Refusal(
        answer(502, PAGE),
        r"HOST answered the call with 502 Bad Gateway: an HTML page, so probably from a proxy or a login "
        r"page in between" + SOON,
    ),
    "a login page": Refusal(
        answer(200, PAGE),
        r"HOST answered the call with an HTML page: is a login page or a proxy in between\?" + SOON,
    ),
    "a redirect": Refusal(
        answer(307, Location="https://other.example/v1"),
        r"HOST answered the call with 307 Temporary Redirect: a redirect to other\.example, which is never "
        r"followed; set url to the final address" + IN_MINUTES,
        "failed",
    ),
    "no TLS": Refusal(
        None,
        r"no TLS connection to HOST: .*; does it speak TLS at this port\?" + SOON,
        url=lambda server: server.server.url.replace("http:", "https:"),
    ),
    "nobody": Refusal(
        None,
        r"no connection to HOST: Connection refused; does the server run, and is the url right\?" + SOON,
        url=lambda _: f"http://127.0.0.1:{free_port()}",
    ),
    "no answer": Refusal(never, r"HOST did not answer the call within 0\.5 s" + SOON, http_s=0.5),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_once_with_what_to_do(name: str) -> None:
    refused = REFUSALS[name]
    with puppet() as server:
        server.server.answer_call = refused.answer
        with tried_again(refused.url(server), http_s=refused.http_s) as daemon:
            daemon.seen.wait_for_state(refused.state)
            try_until_refused_again(daemon)
            assert daemon.seen.states()[-1] == refused.state
            (line,) = said(daemon.process)
            assert re.fullmatch(
                "no session: " + refused.says.replace("HOST", r"127\.0\.0\.1"), line.partition(" [")[0]
            )
            assert daemon.close() == 0


def test_an_answer_that_leads_nowhere_is_told_once() -> None:
    with puppet() as server, deaf_port() as edit:
        server.server.edit_answer = edit
        with tried_again(server.server.url, connect_s=1) as daemon:
            try_until_refused_again(daemon)
            (line,) = said(daemon.process)
            says = "not connected after 1 s: no answer to connectivity checks: is outgoing UDP blocked\\?"
            assert re.match("no session: " + says + SOON, line)


def test_refused_settings_are_told_once() -> None:
    def refuse(call: Call, event: Json) -> None:
        call.say(error("invalid_value", "No such voice.", param="session.voice", event_id=event["event_id"]))

    with puppet() as server:
        server.server.on_message = refuse
        with tried_again(server.server.url) as daemon:
            daemon.seen.wait_for_state("failed")
            try_until_refused_again(daemon)
            (line,) = said(daemon.process)
            says = (
                r"no session: the server refused the session's settings \(session\.voice\): No such voice\."
            )
            assert re.match(says + IN_MINUTES, line)


def test_the_end_of_an_outage_is_told_with_the_number_of_attempts() -> None:
    with puppet() as server:
        server.server.answer_call = answer(503)
        with tried_again(server.server.url) as daemon:
            try_until_refused_again(daemon)
            attempts = server.calls_made()
            server.server.answer_call = None
            daemon.seen.wait_for_state("ready")
            line = daemon.process.wait_for_line("session sess_1 is open")
            assert f"is open after {server.calls_made()} attempts" in line
            assert server.calls_made() > attempts
            assert len(said(daemon.process)) == 1


@contextmanager
def tried_again(url: str, **deadlines: float) -> Iterator[Daemon]:
    """Run a daemon with a button to make it try again; ``deadlines``: those that it is to run into."""
    endpoint = {
        "name": "refuser",
        "profile": "local",
        "url": url,
        "transport": "webrtc",
        "deadlines": deadlines,
    }
    button = {"gpio": {"factory": "mock"}, "buttons": [{"name": "talk", "pin": 17}]}
    with running_daemon({"endpoints": [endpoint], **button}) as daemon:
        yield daemon


def try_until_refused_again(daemon: Daemon) -> None:
    """Press the button, which cuts waits short, until a repetition is noticed."""

    def is_refused_again() -> bool:
        daemon.seen.send(do="press", button="talk")
        daemon.seen.send(do="release", button="talk")
        time.sleep(0.1)
        return any(told["notice"] == "still_no_session" for told in daemon.seen.since(0, "notice"))

    eventually(is_refused_again, "a second refusal")
