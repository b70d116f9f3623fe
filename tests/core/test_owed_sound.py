"""When a server owes the sound of an answer that it has made."""

from __future__ import annotations

from edge_agent.core.owed_sound import OwedSound
from tests.core import scenes

BEFORE = 40
"""Packets of earlier answers."""


def answered(status: str = "completed") -> OwedSound:
    """An answer was made, and nothing is known of its sound."""
    owed = OwedSound()
    owed.begin(BEFORE)
    owed.see(scenes.done(status=status))
    return owed


def test_an_answer_is_owed_until_the_first_of_its_sound_comes() -> None:
    owed = OwedSound()
    owed.begin(BEFORE)
    assert not owed.is_owed(BEFORE), "it is being made"
    owed.see(scenes.done())
    assert owed.is_owed(BEFORE)
    assert not owed.is_owed(BEFORE + 1)


def test_sound_that_came_before_the_answer_was_complete_counts() -> None:
    owed = OwedSound()
    owed.begin(BEFORE)
    owed.see(scenes.done())
    assert not owed.is_owed(BEFORE + 9)


def test_an_answer_that_was_cancelled_is_not_owed() -> None:
    assert not answered(status="cancelled").is_owed(BEFORE)


def test_an_answer_without_sound_is_not_owed() -> None:
    owed = OwedSound()
    owed.begin(BEFORE)
    owed.see(scenes.done(parts=()))
    assert not owed.is_owed(BEFORE)


def test_a_person_who_speaks_ends_its_debt() -> None:
    owed = answered()
    owed.see(scenes.speech_started())
    assert not owed.is_owed(BEFORE)


def test_the_next_answer_ends_its_debt() -> None:
    owed = answered()
    owed.begin(BEFORE)
    assert not owed.is_owed(BEFORE)


def test_an_answer_that_nobody_wants_any_more_is_not_owed() -> None:
    owed = answered()
    owed.forget()
    assert not owed.is_owed(BEFORE)


def test_a_session_that_never_had_sound_owes_none() -> None:
    owed = OwedSound()
    owed.begin(0)
    owed.see(scenes.done())
    assert not owed.is_owed(0)


def test_a_server_that_tells_what_it_plays_is_judged_by_that() -> None:
    owed = OwedSound()
    owed.see(scenes.started())
    owed.see(scenes.stopped())
    owed.begin(BEFORE)
    owed.see(scenes.done("resp_2"))
    assert not owed.is_owed(BEFORE)
