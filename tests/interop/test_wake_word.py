"""A device that sleeps: what is said in one breath with its word reaches a server that we did not write."""

from __future__ import annotations

from tests.interop.foreign import ForeignServer
from tests.processes import running_daemon
from tests.speech import spoken
from tests.system.local_server import until
from tests.system.loudspeaker import SYLLABLE_S, longest_missing_s
from tests.system.test_wake_word import VOICE, internet_sockets, transcripts


def test_one_breath_is_answered_in_full_and_nothing_leaves_the_device_before(foreign: ForeignServer) -> None:
    before = foreign.calls_made()
    config = {
        "mode": "wake-word",
        "wake": {"follow_up_s": 3},
        "session": {"transcription": {"model": "any"}},
        "endpoints": [foreign.endpoint()],
    }
    with running_daemon(config) as daemon:
        daemon.seen.wait_for_state("asleep")
        assert internet_sockets(daemon) == set()
        assert foreign.calls_made() == before

        mark = daemon.seen.mark
        daemon.say(spoken("okay nabu, what time is it", VOICE))
        daemon.seen.wait_for_state("speaking", mark=mark)
        daemon.seen.wait_for_state("asleep", mark=mark)
        until(lambda: internet_sockets(daemon) == set(), "nothing is left of the session")
        assert foreign.calls_made() == before + 1
        assert daemon.close() == 0
        assert transcripts(daemon, "user") == ["okay nabu what time is it"]
        (answer,) = transcripts(daemon, "assistant")
        assert answer.startswith("It is now")
        assert longest_missing_s(daemon, answer) < SYLLABLE_S
