"""A server that holds one session, as speech-to-speech does unless it is told otherwise."""

from __future__ import annotations

from tests.interop.foreign import foreign_server
from tests.interop.test_failover import CONFIG, ask
from tests.processes import running_daemon

REFUSED = '"POST /v1/realtime/calls HTTP/1.1" 503'


def test_a_session_goes_on_that_cannot_be_renewed_and_the_next_device_gets_it_when_it_ends() -> None:
    with foreign_server(sessions=1) as server:
        config = {**CONFIG, "endpoints": [server.endpoint()]}
        with running_daemon({**config, "renewal": {"max_age_s": 5}}) as first:
            first.seen.wait_for_state("ready")
            server.process.wait_for_line(REFUSED)
            assert ask(first, "thank you") == "You are welcome."
            assert server.calls_made() == 1
            with running_daemon(config) as second:
                server.process.wait_for_line(REFUSED, times=3)
                second.seen.wait_for_notice("connect_failed")
                assert first.close() == 0
                second.seen.wait_for_state("ready")
                assert second.close() == 0
