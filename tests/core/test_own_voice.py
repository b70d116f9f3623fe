"""Whether what a server hears is a person or the agent's own voice."""

from __future__ import annotations

import pytest

from edge_agent.core.commands import MeasureEcho
from edge_agent.core.likeness import ECHO_LIKENESS
from edge_agent.core.own_voice import MEASURED_AFTER_S, UNLIKE_ECHO, OwnVoice, repeats
from tests.core.scenes import says, wrote

ANSWER = "It is now five minutes past seven in the evening."
ECHO = "five minutes past seven"
BETWEEN = (ECHO_LIKENESS + UNLIKE_ECHO) / 2


def suspicious() -> OwnVoice:
    """An own voice that has begun to say ANSWER when speech is detected."""
    own_voice = OwnVoice()
    own_voice.written_down(says(ANSWER))
    own_voice.suspect("item_u", "resp_1", 100.0)
    return own_voice


def measuring() -> OwnVoice:
    """The same, when the measure has been asked for."""
    own_voice = suspicious()
    assert own_voice.tick(100.0 + MEASURED_AFTER_S) == [MeasureEcho()]
    return own_voice


def test_the_measure_is_asked_for_once_when_a_person_would_still_speak() -> None:
    own_voice = suspicious()
    assert own_voice.next_deadline() == 100.0 + MEASURED_AFTER_S
    assert own_voice.tick(100.0 + MEASURED_AFTER_S / 2) == []
    assert own_voice.tick(100.0 + MEASURED_AFTER_S) == [MeasureEcho()]
    assert own_voice.next_deadline() is None
    assert own_voice.tick(200.0) == []


@pytest.mark.parametrize(
    ("likeness", "response_id"),
    [(1.0, "resp_1"), (ECHO_LIKENESS, "resp_1"), (BETWEEN, None), (0.0, None), (None, None)],
)
def test_the_measure_alone_proves_it_when_it_is_clear(
    likeness: float | None, response_id: str | None
) -> None:
    assert measuring().measured(likeness) == response_id


def test_a_measure_that_nobody_asked_for_proves_nothing() -> None:
    assert OwnVoice().measured(1.0) is None


WORDS = [
    (None, ECHO, "resp_1"),
    (BETWEEN, "now five minutes past seven in", "resp_1"),
    (UNLIKE_ECHO, ECHO, None),
    (None, "what time is it in tokyo", None),
    (None, "past seven", None),
    (None, "", None),
]


@pytest.mark.parametrize(("likeness", "text", "response_id"), WORDS)
def test_words_after_the_measure_prove_what_it_leaves_open(
    likeness: float | None, text: str, response_id: str | None
) -> None:
    own_voice = measuring()
    assert own_voice.measured(likeness) is None
    assert own_voice.written_down(wrote(text)) == response_id


@pytest.mark.parametrize(("likeness", "text", "response_id"), WORDS)
def test_words_before_the_measure_wait_for_it(
    likeness: float | None, text: str, response_id: str | None
) -> None:
    own_voice = suspicious()
    assert own_voice.written_down(wrote(text)) is None
    own_voice.tick(100.0 + MEASURED_AFTER_S)
    assert own_voice.measured(likeness) == response_id


def test_garbled_words_do_not_speak_against_a_clear_measure() -> None:
    own_voice = suspicious()
    own_voice.written_down(wrote("the hand"))
    own_voice.tick(100.0 + MEASURED_AFTER_S)
    assert own_voice.measured(0.9) == "resp_1"


def test_it_is_proved_once() -> None:
    own_voice = measuring()
    assert own_voice.measured(1.0) == "resp_1"
    assert own_voice.written_down(wrote(ECHO)) is None
    assert own_voice.measured(1.0) is None


def test_what_was_said_at_another_time_is_not_suspected() -> None:
    assert measuring().written_down(wrote(ECHO, "item_of_before")) is None


def test_the_answer_that_was_spoken_then_is_the_one_that_counts() -> None:
    own_voice = measuring()
    own_voice.written_down(says("Sorry, I did not understand that.", "resp_2"))
    assert own_voice.written_down(wrote(ECHO)) == "resp_1"


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
