"""From the embedded server to one that we did not write, and back: what was said is known at both."""

from __future__ import annotations

from tests.interop.foreign import ForeignServer
from tests.processes import Daemon, free_port, running_daemon
from tests.speech import spoken
from tests.system.local_server import local_server, until
from tests.system.test_failover import FAILOVER_LIMIT_S, RETURN_LIMIT_S

CONFIG = {"session": {"transcription": {"model": "any"}}, "sound": {"duplex": "full"}}


def ask(daemon: Daemon, question: str) -> str:
    """Return the answer."""
    mark = daemon.seen.mark
    daemon.say(spoken(question))
    daemon.seen.wait_for_state("speaking", mark=mark)
    until(lambda: daemon.seen.states()[-1] == "ready", "the end of the answer")
    lines = daemon.seen.since(mark, "transcript")
    return " ".join(line["text"] for line in lines if line["final"] and line["role"] == "assistant")


def test_the_conversation_goes_on_at_the_next_endpoint_and_back_at_the_first(foreign: ForeignServer) -> None:
    port = str(free_port())
    with local_server("--port", port) as embedded:
        config = {**CONFIG, "endpoints": [embedded.endpoint(), foreign.endpoint()]}
        with running_daemon(config) as daemon:
            daemon.seen.wait_for_state("ready")
            assert ask(daemon, "what is seven plus five") == "The answer is the number twelve."

            mark = daemon.seen.mark
            embedded.process.kill()
            daemon.seen.wait_for_notice("endpoint_left", FAILOVER_LIMIT_S, mark)
            daemon.seen.wait_for_state("ready", FAILOVER_LIMIT_S, mark)
            with local_server("--port", port) as again:
                mark = daemon.seen.mark
                assert ask(daemon, "what did i say before") == "You said: what is seven plus five."
                daemon.seen.wait_for_notice("endpoint_back", RETURN_LIMIT_S, mark)
                until(lambda: not foreign.open_calls(), "the session that was left is hung up")
                assert ask(daemon, "what did i say before") == "You said: what did i say before."
                assert again.calls_made() == 1
                assert daemon.close() == 0
