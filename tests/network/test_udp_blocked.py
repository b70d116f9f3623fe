"""A network that lets no UDP through: the same conversation over a WebSocket."""

from __future__ import annotations

import time

import pytest

from tests.network.place import ServerKind, place
from tests.network.wires import Wires
from tests.speech import SILENCE_100_MS, spoken

BEGINS_WITHIN_S = 10.0
"""What a person waits for at most, from the start of the daemon."""

MACHINE_S = 10.0
"""What a machine under load may need on top: the test does not measure that."""


@pytest.mark.timeout(1200)  # the first run installs the foreign server
@pytest.mark.parametrize("kind", ServerKind)
def test_a_conversation_begins_over_a_websocket_where_udp_is_dropped(kind: ServerKind) -> None:
    with place(kind=kind, before=Wires.drop_udp) as there:
        there.daemon.seen.wait_for_state("ready", deadline_s=BEGINS_WITHIN_S + MACHINE_S)
        mark, asked_at = there.daemon.seen.mark, time.monotonic()
        there.daemon.say(spoken("thank you") + SILENCE_100_MS * 5)
        there.ear.wait_for_sound(asked_at)
        there.daemon.seen.wait_for_state("ready", mark=mark)
        assert there.daemon.seen.states(mark) == ["listening", "thinking", "speaking", "ready"]
        there.daemon.seen.wait_for_notice("transport_changed")
        assert len(there.server.open_calls()) == 1
