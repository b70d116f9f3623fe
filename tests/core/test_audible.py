"""What can be heard of an answer."""

from __future__ import annotations

from edge_agent.core.audible import PAUSE_S, SILENT_ANSWER_LIMIT_S, Audible

TAIL_S = 0.3


def telling() -> Audible:
    """A loudspeaker at a server that says what it plays."""
    audible = Audible(TAIL_S)
    audible.server_started("resp_1", 1.0)
    return audible


def test_nothing_is_audible_at_first() -> None:
    audible = Audible(TAIL_S)
    assert not audible.is_audible
    assert not audible.fills_room
    assert not audible.may_be_at_server
    assert audible.next_deadline() is None
    assert audible.newest_id is None
    assert audible.heard_id is None


def test_an_answer_is_audible_from_the_servers_start_to_the_last_sound() -> None:
    audible = telling()
    assert audible.is_audible
    audible.sound_started("resp_1")
    audible.server_ended("resp_1")
    assert audible.is_audible, "what was sent is still being played"
    audible.sound_ended(3.0)
    assert not audible.is_audible


def test_sound_that_ends_first_waits_for_the_server() -> None:
    audible = telling()
    audible.sound_started("resp_1")
    audible.sound_ended(3.0)
    assert audible.is_audible, "a pause in the answer"
    audible.server_ended("resp_1")
    assert not audible.is_audible


def test_the_room_rings_for_a_while() -> None:
    audible = telling()
    audible.sound_started("resp_1")
    audible.server_ended("resp_1")
    audible.sound_ended(3.0)
    assert audible.fills_room
    assert audible.next_deadline() == 3.0 + TAIL_S
    audible.tick(3.0 + TAIL_S - 0.01)
    assert audible.fills_room
    audible.tick(3.0 + TAIL_S)
    assert not audible.fills_room
    assert audible.next_deadline() is None


def test_silence_that_ends_twice_rings_once() -> None:
    audible = telling()
    audible.sound_started("resp_1")
    audible.cut_off(3.0)
    audible.sound_ended(3.2)
    assert audible.next_deadline() == 3.0 + TAIL_S


def test_an_answer_that_the_server_calls_playing_ends_when_nothing_sounds_for_long() -> None:
    audible = telling()
    assert audible.next_deadline() == 1.0 + SILENT_ANSWER_LIMIT_S
    audible.sound_started("resp_1")
    assert audible.next_deadline() is None
    audible.sound_ended(20.0)
    audible.tick(20.0 + SILENT_ANSWER_LIMIT_S - 0.1)
    assert audible.is_audible
    audible.tick(20.0 + SILENT_ANSWER_LIMIT_S)
    assert not audible.is_audible


def test_a_server_that_tells_nothing_is_given_a_pause_between_two_sentences() -> None:
    audible = Audible(TAIL_S)
    audible.sound_started("resp_1")
    audible.sound_ended(3.0)
    assert audible.is_audible
    audible.sound_started("resp_1")
    assert audible.next_deadline() is None
    audible.sound_ended(5.0)
    audible.tick(5.0 + PAUSE_S - 0.01)
    assert audible.is_audible
    audible.tick(5.0 + PAUSE_S)
    assert not audible.is_audible


def test_a_server_that_tells_nothing_may_always_hold_more_sound() -> None:
    audible = Audible(TAIL_S)
    audible.sound_started("resp_1")
    assert audible.may_be_at_server


def test_a_server_that_tells_holds_what_it_told() -> None:
    audible = telling()
    audible.sound_started("resp_1")
    assert audible.may_be_at_server
    audible.server_ended("resp_1")
    assert not audible.may_be_at_server


def test_the_end_of_an_old_answer_does_not_end_a_new_one() -> None:
    audible = telling()
    audible.server_started("resp_2", 2.0)
    assert audible.newest_id == "resp_2"
    audible.server_ended("resp_1")
    assert audible.newest_id == "resp_2"
    assert audible.is_audible


def test_cutting_off_ends_everything() -> None:
    audible = telling()
    audible.server_started("resp_2", 2.0)
    audible.sound_started("resp_2")
    audible.cut_off(3.0)
    assert not audible.is_audible
    assert audible.heard_id == "resp_2"


def test_cutting_off_a_server_that_tells_nothing_leaves_no_pause() -> None:
    audible = Audible(TAIL_S)
    audible.sound_started("resp_1")
    audible.cut_off(3.0)
    assert not audible.is_audible


def test_a_server_that_has_told_what_it_plays_needs_no_pause() -> None:
    audible = telling()
    audible.cut_off(2.0)
    audible.sound_started("resp_1")
    audible.sound_ended(3.0)
    assert not audible.is_audible


def test_a_server_that_tells_only_the_end_tells_too() -> None:
    audible = Audible(TAIL_S)
    audible.sound_started("resp_1")
    audible.server_ended("resp_1")
    audible.sound_ended(3.0)
    assert not audible.is_audible


def test_a_new_session_knows_only_what_the_loudspeaker_does() -> None:
    audible = telling()
    audible.sound_started("resp_1")
    audible.forget_server()
    assert audible.is_audible
    assert audible.heard_id is None
    assert audible.newest_id is None
    audible.sound_ended(3.0)
    assert audible.is_audible, "whether the next server tells what it plays is not known"
    audible.tick(3.0 + PAUSE_S)
    assert not audible.is_audible


def test_a_room_that_does_not_ring_has_nothing_to_wait_for() -> None:
    audible = Audible(0.0)
    audible.server_started("resp_1", 1.0)
    audible.sound_started("resp_1")
    audible.cut_off(3.0)
    assert not audible.fills_room
    assert audible.next_deadline() is None
