"""A conversation that outlasts its sessions: nobody notices when one is followed by another."""

from __future__ import annotations

from tests.system.renewals import converse

TURNS = 4


def test_a_conversation_goes_on_over_sessions_that_soon_end() -> None:
    found = converse(lambda found: len(found.asked) < TURNS)
    assert not found.unanswered
    assert not found.mistaken, "every word was heard, and heard once"
    assert not found.forgotten, "what was said in one session is known in the next"
    assert found.renewals >= TURNS - 2
    assert not found.losses, "no session ended before another had taken over"
    assert max(found.overlaps_s) < 3.0
    assert abs(found.loudspeaker_s - found.elapsed_s) < 2.0, "the loudspeaker never paused"
