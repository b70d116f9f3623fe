"""Whether what a server hears is a person or the agent's own voice."""

from __future__ import annotations

import pytest

from edge_agent.core.own_voice import LIKE_ECHO, UNLIKE_ECHO, OwnVoice, repeats
from tests.core.scenes import says, wrote

ANSWER = "It is now five minutes past seven in the evening."
BETWEEN = (LIKE_ECHO + UNLIKE_ECHO) / 2


def hearing(likeness: float | None, text: str) -> OwnVoice:
    """An own voice that has said ANSWER when speech begins, which is written down as ``text``."""
    own_voice = OwnVoice()
    own_voice.is_written_down(says(ANSWER))
    own_voice.measured(likeness)
    assert not own_voice.is_heard("item_u")
    return own_voice


@pytest.mark.parametrize(
    ("likeness", "is_own"), [(1.0, True), (LIKE_ECHO, True), (BETWEEN, False), (0.0, False)]
)
def test_the_measure_alone_proves_it_when_it_is_clear(likeness: float, is_own: bool) -> None:
    own_voice = OwnVoice()
    own_voice.measured(likeness)
    assert own_voice.is_heard("item_u") is is_own


def test_a_measure_counts_for_one_voice_only() -> None:
    own_voice = OwnVoice()
    own_voice.measured(1.0)
    assert own_voice.is_heard("item_1")
    assert not own_voice.is_heard("item_2")


@pytest.mark.parametrize(
    ("likeness", "text", "is_own"),
    [
        (None, "five minutes past seven", True),
        (BETWEEN, "now five minutes past seven in", True),
        (UNLIKE_ECHO, "five minutes past seven", False),
        (None, "what time is it in tokyo", False),
        (None, "past seven", False),
        (None, "", False),
    ],
)
def test_words_prove_what_the_measure_leaves_open(likeness: float | None, text: str, is_own: bool) -> None:
    assert hearing(likeness, text).is_written_down(wrote(text)) is is_own


def test_it_is_proved_once() -> None:
    own_voice = hearing(None, "five minutes past seven")
    assert own_voice.is_written_down(wrote("five minutes past seven"))
    assert not own_voice.is_written_down(wrote("five minutes past seven"))


def test_what_is_proved_by_the_measure_is_not_proved_by_words_again() -> None:
    own_voice = OwnVoice()
    own_voice.is_written_down(says(ANSWER))
    own_voice.measured(1.0)
    assert own_voice.is_heard("item_u")
    assert not own_voice.is_written_down(wrote("five minutes past seven"))


def test_what_was_said_at_another_time_is_not_suspected() -> None:
    own_voice = hearing(None, "five minutes past seven")
    assert not own_voice.is_written_down(wrote("five minutes past seven", "item_of_before"))


def test_the_answer_that_was_spoken_then_is_the_one_that_counts() -> None:
    own_voice = hearing(None, "five minutes past seven")
    own_voice.is_written_down(says("Sorry, I did not understand that.", "resp_2"))
    assert own_voice.is_written_down(wrote("five minutes past seven"))


@pytest.mark.parametrize(
    ("heard", "is_repeated"),
    [
        ("It is now five minutes past seven in the evening.", True),
        ("is now FIVE minutes", True),
        ("is now hive minutes past seven", True),  # a recogniser's mistake
        ("evening the in seven", False),
        ("is it now seven or eight", False),
        ("stop please stop", False),
        ("it is", False),
        ("", False),
    ],
)
def test_words_are_repeated_in_their_order(heard: str, is_repeated: bool) -> None:
    assert repeats(heard, ANSWER) is is_repeated
