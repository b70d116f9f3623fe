"""An outage of some seconds under a WebSocket: TCP heals it later than the path, and the session goes on."""

from __future__ import annotations

import time

import pytest

from tests.network.front import Front
from tests.network.place import KEY_NAME, place
from tests.network.wires import what_is_missing

ENDPOINT = {
    "name": "there",
    "profile": "local",
    "url": Front.url,
    "key": {"env": KEY_NAME},
    "transport": "websocket",
}

OUTAGE_S = 4.5
"""TCP sends again after 3.2 s and after 6.5 s, or so: the latter is well after a path that came back."""

HEALS_WITHIN_S = 20.0


@pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing() or "")
def test_a_session_over_a_websocket_outlives_an_outage_of_seconds() -> None:
    with place({"endpoints": [ENDPOINT]}) as there:
        seen = there.daemon.seen
        seen.wait_for_state("ready")
        time.sleep(2.0)  # so much is said, and acknowledged, that the system knows the way
        mark = seen.mark
        there.wires.cut()
        time.sleep(OUTAGE_S)
        there.wires.mend()
        seen.wait_for_state("ready", mark=mark, deadline_s=HEALS_WITHIN_S)
        assert seen.states(mark) == ["reconnecting", "ready"]
        there.daemon.process.wait_for_line("the server is heard again; the session goes on")
