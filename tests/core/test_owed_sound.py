"""When a server owes the sound of an answer that it has made."""

from __future__ import annotations

import pytest

from edge_agent.core.owed_sound import OwedSound
from edge_agent.protocol import server_events as said
from tests.core import scenes

BEFORE = 40
"""Packets of earlier answers."""


def answered(status: str = "completed") -> OwedSound:
    """An answer was made, and nothing is known of its sound."""
    owed = OwedSound()
    owed.see(scenes.created(), BEFORE)
    owed.see(scenes.done(status=status), BEFORE)
    return owed


def test_an_answer_is_owed_until_the_first_of_its_sound_comes() -> None:
    owed = OwedSound()
    owed.see(scenes.created(), BEFORE)
    assert not owed.is_owed(BEFORE), "it is being made"
    owed.see(scenes.done(), BEFORE)
    assert owed.is_owed(BEFORE)
    assert not owed.is_owed(BEFORE + 1)


def test_sound_that_came_before_the_answer_was_complete_counts() -> None:
    owed = OwedSound()
    owed.see(scenes.created(), BEFORE)
    owed.see(scenes.done(), BEFORE + 9)
    assert not owed.is_owed(BEFORE + 9)


def test_an_answer_that_was_cancelled_is_not_owed() -> None:
    assert not answered(status="cancelled").is_owed(BEFORE)


def test_an_answer_without_sound_is_not_owed() -> None:
    owed = OwedSound()
    owed.see(scenes.created(), BEFORE)
    owed.see(scenes.done(parts=()), BEFORE)
    assert not owed.is_owed(BEFORE)


@pytest.mark.parametrize("event", [scenes.speech_started(), scenes.created("resp_2")])
def test_what_follows_an_answer_ends_its_debt(event: said.ServerEvent) -> None:
    owed = answered()
    owed.see(event, BEFORE)
    assert not owed.is_owed(BEFORE)


def test_an_answer_that_nobody_wants_any_more_is_not_owed() -> None:
    owed = answered()
    owed.forget()
    assert not owed.is_owed(BEFORE)


def test_a_session_that_never_had_sound_owes_none() -> None:
    owed = OwedSound()
    owed.see(scenes.created(), 0)
    owed.see(scenes.done(), 0)
    assert not owed.is_owed(0)


def test_a_server_that_tells_what_it_plays_is_judged_by_that() -> None:
    owed = OwedSound()
    owed.see(scenes.started(), BEFORE)
    owed.see(scenes.stopped(), BEFORE)
    owed.see(scenes.created("resp_2"), BEFORE)
    owed.see(scenes.done("resp_2"), BEFORE)
    assert not owed.is_owed(BEFORE)
