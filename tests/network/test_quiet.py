"""A device that waits for its word sends nothing, whatever is said in the room; ten minutes of it by hand:
python -m tests.network.quiet."""

from __future__ import annotations

from tests.network.quiet import KINDS, wait_in

SHORT_S = 8.0


def test_nothing_leaves_the_device_while_people_talk_with_each_other() -> None:
    found = wait_in(KINDS["speech"], SHORT_S)
    assert (found.sent_bytes, found.kinds, found.states) == (0, {}, [])
    assert found.sound_packets_of_a_turn > 0
    assert found.answer.startswith("It is now")
