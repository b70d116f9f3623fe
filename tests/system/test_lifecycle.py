"""Signals to the running daemon, whatever it is doing: it ends or reloads in time, and keeps nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.processes import END_LIMIT_S, Daemon, running_daemon
from tests.system.holdings import Holdings, holdings, open_files
from tests.system.puppet import (
    COMMITTED,
    RESPONSE_CREATED,
    SOUND_STARTED,
    SPEECH_STARTED,
    SPEECH_STOPPED,
    Puppet,
    answer,
    deaf_port,
    eventually,
    never,
    puppet,
)
from tests.virtual_cards import virtual_cards

BUTTON = {"name": "talk", "pin": 17}

WAITS_FOR_MINUTES = answer(503, Retry_After="500")


@dataclass(frozen=True)
class Situation:
    """Something that the daemon can be in the middle of. ``state`` is how it calls that."""

    state: str
    prepare: Callable[[Puppet], None] = lambda _: None
    """What the server is told before the daemon starts."""
    arrive: Callable[[Puppet, Daemon], None] = lambda _, __: None
    """What happens once the daemon is there."""
    config: dict[str, Any] = field(default_factory=dict)
    was_answered: bool = True
    """Whether the server took a call that it has to see ended."""
    returns_to: str = ""
    """The state after a reload that changed nothing, if that is another."""


def leave_unanswered(server: Puppet) -> None:
    server.server.answer_call = never


def lead_nowhere(server: Puppet) -> None:
    with deaf_port() as edit:  # free again afterwards: nobody takes it, and packets to it are lost
        server.server.edit_answer = edit


def greet_nobody(server: Puppet) -> None:
    server.server.greeting = []


def refuse(server: Puppet) -> None:
    server.server.answer_call = answer(401, '{"error": {"code": "invalid_api_key", "message": "no"}}')


def was_called(server: Puppet, _: Daemon) -> None:
    eventually(lambda: server.calls_made() == 1, "a call")


def was_answered(_: Puppet, daemon: Daemon) -> None:
    daemon.process.wait_for_line("< answer")


def is_connected(server: Puppet, _: Daemon) -> None:
    eventually(lambda: server.server.calls and server.server.call.channel, "an event channel")


def listen(server: Puppet, daemon: Daemon) -> None:
    daemon.seen.wait_for_state("ready")
    server.say(SPEECH_STARTED)


def think(server: Puppet, daemon: Daemon) -> None:
    listen(server, daemon)
    server.say(SPEECH_STOPPED, COMMITTED, RESPONSE_CREATED)


def speak(server: Puppet, daemon: Daemon) -> None:
    think(server, daemon)
    server.sounds = True
    server.say(SOUND_STARTED)
    daemon.seen.wait_for_notice("turn_answered")


def mute(_: Puppet, daemon: Daemon) -> None:
    daemon.seen.wait_for_state("ready")
    daemon.seen.send(do="mute", on=True)


def lose_the_session(server: Puppet, daemon: Daemon) -> None:
    daemon.seen.wait_for_state("ready")
    server.server.answer_call = WAITS_FOR_MINUTES
    server.hang_up()
    daemon.seen.wait_for_notice("connect_failed")


def call_again(server: Puppet, daemon: Daemon) -> None:
    daemon.seen.wait_for_state("ready")
    server.server.answer_call = never
    server.hang_up()
    eventually(lambda: server.calls_made() == 2, "a second call")


SITUATIONS: dict[str, Situation] = {
    "its call is not answered": Situation("connecting", leave_unanswered, was_called, was_answered=False),
    "its call leads nowhere": Situation(
        "connecting", lead_nowhere, was_answered, {"logging": {"level": "debug"}}
    ),
    "nobody greets it": Situation("connecting", greet_nobody, is_connected),
    "nobody wants to talk": Situation("idle", config={"mode": "button", "buttons": [BUTTON]}),
    "it waits for a voice": Situation("ready"),
    "it hears a voice": Situation("listening", arrive=listen, returns_to="ready"),
    "it waits for the answer": Situation("thinking", arrive=think, returns_to="ready"),
    "it speaks": Situation("speaking", arrive=speak),
    "it is muted": Situation("muted", arrive=mute),
    "it waits for the next attempt": Situation(
        "reconnecting", arrive=lose_the_session, was_answered=False, returns_to="connecting"
    ),
    "it makes the next attempt": Situation(
        "reconnecting", arrive=call_again, was_answered=False, returns_to="connecting"
    ),
    "it is refused": Situation("failed", refuse, was_answered=False),
}


@contextmanager
def in_situation(situation: Situation) -> Iterator[tuple[Puppet, Daemon]]:
    with puppet() as server:
        situation.prepare(server)
        with running_daemon({"endpoints": [server.endpoint], **situation.config}) as daemon:
            situation.arrive(server, daemon)
            daemon.seen.wait_for_state(situation.state)
            yield server, daemon


@pytest.fixture(scope="module")
def fresh() -> Holdings:
    """What a daemon holds that has just become ready."""
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as daemon:
        daemon.seen.wait_for_state("ready")
        return settled(daemon)


def settled(daemon: Daemon) -> Holdings:
    """Return what the daemon holds once that has been the same for a while."""
    seen = [holdings(daemon.process.pid)]

    def is_settled() -> bool:
        time.sleep(0.02)
        seen.append(holdings(daemon.process.pid))
        return len(seen) > 10 and all(held == seen[-1] for held in seen[-10:])

    eventually(is_settled, "what it holds does not change any more")
    return seen[-1]


def ends_in_time(daemon: Daemon) -> None:
    assert not daemon.process.exit_code
    began = time.monotonic()
    assert daemon.process.wait() == 0, daemon.process.output
    assert time.monotonic() - began < END_LIMIT_S
    assert not daemon.socket.exists()
    assert "Traceback" not in daemon.process.output
    assert "did not end" not in daemon.process.output


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *((name, signal.SIGTERM) for name in SITUATIONS),
        *((name, signal.SIGINT) for name in ("its call leads nowhere", "it waits for a voice", "it speaks")),
    ],
)
def test_it_ends(name: str, number: signal.Signals) -> None:
    with in_situation(SITUATIONS[name]) as (server, daemon):
        assert holdings(daemon.process.pid).children == ()
        hang_ups = server.hang_ups()
        daemon.process.signal(number)
        ends_in_time(daemon)
        if SITUATIONS[name].was_answered:
            eventually(lambda: server.hang_ups() == hang_ups + 1, "a goodbye")


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_reloads(name: str, fresh: Holdings) -> None:
    situation = SITUATIONS[name]
    with in_situation(situation) as (server, daemon), puppet() as other:
        refused_reload_changes_nothing(daemon)
        reload_begins_anew(situation, server, daemon)
        reload_moves_to(other, daemon)
        eventually(lambda: holdings(daemon.process.pid) == fresh, f"no more than {fresh}")
        if situation.was_answered:
            eventually(lambda: server.hang_ups() == server.calls_made(), "a goodbye for every call")
        assert daemon.close() == 0


def refused_reload_changes_nothing(daemon: Daemon) -> None:
    mark = daemon.seen.mark
    daemon.config_path.write_text("mode: nonsense")
    daemon.reload()
    line = daemon.process.wait_for_line("reload refused, the old configuration stays")
    assert "error" in line
    daemon.process.wait_for_line(f"{daemon.config_path}:1:7: mode: expected always-on, button or wake-word")
    assert daemon.seen.states(mark) == []
    assert daemon.process.exit_code is None


def reload_begins_anew(situation: Situation, server: Puppet, daemon: Daemon) -> None:
    calls = server.calls_made()
    daemon.write_config(daemon.config)
    began = time.monotonic()
    daemon.reload()
    daemon.process.wait_for_line("reloading ")
    eventually(lambda: server.calls_made() > calls, "a new call")
    assert time.monotonic() - began < END_LIMIT_S
    daemon.watch_again().wait_for_state(situation.returns_to or situation.state)


def reload_moves_to(other: Puppet, daemon: Daemon) -> None:
    if daemon.seen.states()[-1] == "muted":
        daemon.seen.send(do="mute", on=False)
    daemon.write_config({**daemon.config, "endpoints": [other.endpoint], "mode": "always-on", "buttons": []})
    began = time.monotonic()
    daemon.reload()
    eventually(lambda: other.calls_made() == 1, "a call at the other server")
    assert time.monotonic() - began < END_LIMIT_S
    daemon.watch_again().wait_for_state("ready")


@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM,) * 2, (signal.SIGINT,) * 3, (signal.SIGINT, signal.SIGHUP)]
)
def test_more_signals_do_not_disturb_the_end(numbers: tuple[signal.Signals, ...]) -> None:
    with in_situation(SITUATIONS["it speaks"]) as (server, daemon):
        server.server.answer_hang_up = never
        for number in numbers:
            daemon.process.signal(number)
            eventually(lambda: server.hang_ups() == 1, "a goodbye, which nobody answers")
        ends_in_time(daemon)
        assert "reloading" not in daemon.process.output


def test_signals_until_the_very_end_do_not_disturb_it() -> None:
    with in_situation(SITUATIONS["it waits for a voice"]) as (_, daemon):
        while daemon.process.exit_code is None:
            daemon.process.signal(signal.SIGINT)
            time.sleep(0.001)
        ends_in_time(daemon)


def test_neither_a_sound_server_nor_a_server_that_hangs_holds_up_the_end() -> None:
    with virtual_cards() as cards, puppet() as server:
        server.server.answer_hang_up = never
        config = {"endpoints": [server.endpoint], "sound": {"input": "mic", "output": "speaker"}}
        with running_daemon(config, cards.environment) as daemon:
            daemon.seen.wait_for_state("ready")
            with cards.frozen():
                time.sleep(1.0)  # the cards' buffers, a fifth of a second, run out
                began = time.monotonic()
                daemon.process.signal(signal.SIGTERM)
                assert daemon.process.wait() == 0
                assert time.monotonic() - began < END_LIMIT_S
        assert "microphone and loudspeaker: did not end within 1 s" in daemon.process.output


def test_a_signal_right_after_the_start_ends_it() -> None:
    with puppet() as server, running_daemon({"endpoints": [server.endpoint]}) as daemon:
        daemon.process.wait_for_line("started with")
        daemon.process.signal(signal.SIGTERM)
        ends_in_time(daemon)


def test_a_burst_of_reloads_leaves_one_session(fresh: Holdings) -> None:
    with in_situation(SITUATIONS["it waits for a voice"]) as (server, daemon):
        for _ in range(5):
            daemon.reload()
            time.sleep(0.02)  # signals of one kind that wait together count once
        eventually(lambda: server.calls_made() > 1, "a new call")
        eventually(lambda: server.hang_ups() == server.calls_made() - 1, "a goodbye for all calls but one")
        daemon.watch_again().wait_for_state("ready")
        eventually(lambda: holdings(daemon.process.pid) == fresh, f"no more than {fresh}")
        assert daemon.close() == 0


def test_the_end_can_come_in_the_middle_of_a_reload() -> None:
    with in_situation(SITUATIONS["it speaks"]) as (server, daemon):
        server.server.answer_hang_up = never
        daemon.reload()
        eventually(lambda: server.hang_ups() == 1, "a goodbye, which nobody answers")
        daemon.process.signal(signal.SIGTERM)
        ends_in_time(daemon)
        assert server.calls_made() == 1


def test_a_reload_opens_no_microphone_that_a_person_has_closed() -> None:
    with in_situation(SITUATIONS["it is muted"]) as (server, daemon):
        eventually(lambda: not hears(daemon), "a closed microphone")
        daemon.reload()
        eventually(lambda: server.calls_made() == 2, "a new call")
        daemon.watch_again().wait_for_notice("session_opened")
        assert daemon.seen.states()[-1] == "muted"
        assert not hears(daemon)
        daemon.seen.send(do="mute", on=False)
        eventually(lambda: hears(daemon), "an open microphone")


@pytest.mark.parametrize(("configured", "lasts"), [(None, 40), (70, 70)])
def test_a_volume_lasts_over_a_reload_unless_the_configuration_names_another(
    configured: int | None, lasts: int
) -> None:
    louder = {"name": "louder", "pin": 17, "tap": "volume-up"}
    with in_situation(Situation("ready", config={"buttons": [louder]})) as (server, daemon):
        daemon.seen.send(do="volume", percent=40)
        assert daemon.seen.wait_for_notice("volume_changed") == "the volume is 40 %"
        daemon.config["sound"]["volume_percent"] = configured
        daemon.write_config(daemon.config)
        daemon.reload()
        eventually(lambda: server.calls_made() == 2, "a new call")
        daemon.watch_again().wait_for_notice("session_opened")
        daemon.seen.send(do="press", button="louder")
        daemon.seen.send(do="release", button="louder")
        assert daemon.seen.wait_for_notice("volume_changed") == f"the volume is {lasts + 10} %"


def hears(daemon: Daemon) -> bool:
    return str(daemon.microphone) in open_files(daemon.process.pid)
