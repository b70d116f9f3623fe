"""Devices that sleep, with a real server: what wakes them, and that nothing leaves them before.

flite's voice rms calls: the wake word's model is surest of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edge_agent.audio.earcons import sound_of
from edge_agent.core.commands import Earcon
from tests.audio.sounds import wait_until
from tests.processes import Daemon, running_daemon
from tests.speech import spoken
from tests.system.holdings import open_files
from tests.system.local_server import LocalServer, local_server
from tests.system.loudspeaker import SYLLABLE_S, longest_missing_s

VOICE = "rms"


def config(server: LocalServer, **changes: Any) -> dict[str, Any]:
    session = {"transcription": {"model": "local"}}
    return {"endpoints": [server.endpoint()], "session": session, **changes}


def internet_sockets(daemon: Daemon) -> set[str]:
    """The daemon's sockets by which anything could leave the machine, as the kernel knows them: proc(5)."""
    process = Path(f"/proc/{daemon.process.pid}")
    tables = ("tcp", "tcp6", "udp", "udp6")
    lines = [line for table in tables for line in (process / "net" / table).read_text().splitlines()]
    inodes = {line.split()[9] for line in lines if re.match(r" *\d+:", line)}
    held = open_files(daemon.process.pid)
    return {inode for inode in inodes if f"socket:[{inode}]" in held}


def transcripts(daemon: Daemon, role: str) -> list[str]:
    said = daemon.seen.since(0, "transcript")
    return [line["text"] for line in said if line["final"] and line["role"] == role]


def test_what_is_said_in_one_breath_with_the_word_is_answered_and_nothing_leaves_the_device_before() -> None:
    with local_server() as server:
        settings = config(server, mode="wake-word", wake={"follow_up_s": 3})
        with running_daemon(settings) as daemon:
            daemon.seen.wait_for_state("asleep")
            daemon.say(spoken("okay, nobody knew that the bamboo was new", VOICE))
            daemon.seen.send(do="mute", on=True)
            daemon.seen.wait_for_state("muted")
            daemon.say(spoken("okay nabu", VOICE))
            daemon.seen.send(do="mute", on=False)
            wait_until(lambda: daemon.seen.states() == ["asleep", "muted", "asleep"], "the end of the mute")
            assert internet_sockets(daemon) == set()
            assert server.state()["attempts"] == []

            mark = daemon.seen.mark
            daemon.say(spoken("okay nabu, what time is it", VOICE))
            daemon.seen.wait_for_state("speaking", mark=mark)
            assert daemon.seen.states(mark)[0] == "listening"
            mark = daemon.seen.mark
            daemon.seen.wait_for_state("ready", mark=mark)
            daemon.say(spoken("what is nine times eight"))  # it follows, and needs no word
            daemon.seen.wait_for_state("speaking", mark=mark)
            daemon.seen.wait_for_state("asleep", mark=mark)
            wait_until(lambda: internet_sockets(daemon) == set(), "nothing is left of the session")
            assert server.calls_made() == 1
            assert daemon.close() == 0

            assert transcripts(daemon, "user") == ["okay nabu what time is it", "what is nine times eight"]
            time, product = transcripts(daemon, "assistant")
            assert time.startswith("It is now")
            assert product == "The answer is the number seventy two."
            for answer in (time, product):
                assert longest_missing_s(daemon, answer) < SYLLABLE_S


def test_a_quiet_home_has_no_session_until_somebody_speaks() -> None:
    with local_server() as server, running_daemon(config(server, link={"sleep_after_s": 5})) as daemon:
        daemon.seen.wait_for_state("ready")
        daemon.seen.wait_for_state("asleep")
        wait_until(lambda: internet_sockets(daemon) == set(), "nothing is left of the session")
        mark = daemon.seen.mark
        daemon.say(spoken("what is seven plus five"))
        daemon.seen.wait_for_state("speaking", mark=mark)
        daemon.seen.wait_for_state("asleep", mark=mark)
        assert transcripts(daemon, "user") == ["what is seven plus five"]
        assert server.calls_made() == 2


def test_a_short_sound_says_that_it_listens_even_when_no_server_does() -> None:
    endpoint = {"name": "nobody", "profile": "local", "url": "http://127.0.0.1:9"}
    with running_daemon({"mode": "wake-word", "endpoints": [endpoint]}) as daemon:
        daemon.seen.wait_for_state("asleep")
        daemon.say(spoken("okay nabu", VOICE))
        daemon.seen.wait_for_state("connecting")
        wait_until(lambda: sound_of(Earcon.AWAKE) in daemon.loudspeaker.read_bytes(), "the sound")
