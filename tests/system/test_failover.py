"""Endpoints in order: the daemon goes from one to the next as they fail, and back, and says so once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from tests.processes import Daemon, free_port, running_daemon
from tests.session.peer_server import Json
from tests.system.local_server import local_server, until
from tests.system.puppet import Puppet, eventually, puppet

ANNOUNCEMENT = "I have no internet"

OUT_OF_CREDIT: Json = {
    "type": "error",
    "event_id": "event_20",
    "error": {"type": "invalid_request_error", "code": "insufficient_quota", "message": "no credit left"},
}

FAILOVER_LIMIT_S = 15.0
"""Promised are some two seconds: an attempt at the endpoint that was lost, and a session with the next. The
rest is for a machine that is busy with other tests."""

RETURN_LIMIT_S = 60.0
"""Promised are 10 s, or 40 s if the first try came too early."""


def named(server: Puppet, name: str) -> dict[str, Any]:
    return {**server.endpoint, "name": name}


def lines_with(daemon: Daemon, text: str) -> list[str]:
    return [line for line in daemon.process.lines if text in line]


def test_three_endpoints_down_and_back_with_one_sentence() -> None:
    port = free_port()
    with ExitStack() as first_is_up, puppet() as second, local_server() as local:
        first = first_is_up.enter_context(puppet(port))
        last = {**local.endpoint(), "announcement": ANNOUNCEMENT}
        config = {"endpoints": [named(first, "first"), named(second, "second"), last]}
        with running_daemon(config) as daemon:
            daemon.seen.wait_for_state("ready")
            assert (first.calls_made(), second.calls_made(), local.calls_made()) == (1, 0, 0)

            mark = daemon.seen.mark
            first_is_up.close()
            daemon.seen.wait_for_notice("endpoint_left", FAILOVER_LIMIT_S, mark)
            daemon.seen.wait_for_state("ready", FAILOVER_LIMIT_S, mark)
            assert second.calls_made() == 1

            mark = daemon.seen.mark
            second.say(OUT_OF_CREDIT)
            daemon.seen.wait_for_notice("endpoint_left", FAILOVER_LIMIT_S, mark)
            daemon.seen.wait_for_state("speaking", mark=mark)
            until(lambda: daemon.seen.states()[-1:] == ["ready"], "the end of the announcement")
            assert local.calls_made() == 1
            told = [each for each in daemon.seen.since(mark, "transcript") if each["final"]]
            assert [each["text"].rstrip(".").lower() for each in told] == [ANNOUNCEMENT.lower()]

            mark = daemon.seen.mark
            with puppet(port) as first_again:
                daemon.seen.wait_for_notice("endpoint_back", RETURN_LIMIT_S, mark)
                assert first_again.calls_made() == 1
                eventually(lambda: not local.open_calls(), "the local session is hung up")
                assert daemon.seen.states(mark) == []
                assert len(lines_with(daemon, "has taken over, because")) == 2
                assert len(lines_with(daemon, "works again, and has taken over")) == 1
                assert second.calls_made() == 1
