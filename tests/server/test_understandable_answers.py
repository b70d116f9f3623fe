"""What the server says can be understood by a speech recogniser that knows nothing but English."""

from __future__ import annotations

import difflib
import re
from datetime import datetime

import pocketsphinx
import pytest

from edge_agent.server.brain import NOT_UNDERSTOOD, STILL_THERE, Question, Say, StartTimer, Topic, answer
from tests.server.client import speech

ENOUGH = 0.85
"""Share of the letters that have to be right: "eight" may be heard as "a"."""


@pytest.fixture(scope="module")
def stranger() -> pocketsphinx.Decoder:
    return pocketsphinx.Decoder(loglevel="FATAL", maxhmmpf=3000)  # half the time, the same words


def understood(stranger: pocketsphinx.Decoder, text: str) -> float:
    """Return how much of ``text`` is heard rightly when it is spoken, 0 to 1."""
    stranger.start_utt()
    stranger.process_raw(speech(text), False, True)
    stranger.end_utt()
    heard = stranger.hyp().hypstr if stranger.hyp() else ""
    words = re.sub(r"[^a-z' ]", "", text.lower())
    return difflib.SequenceMatcher(None, words, heard, autojunk=False).ratio()


@pytest.mark.parametrize(
    "question",
    [
        "thank you",
        "what can you do",
        "what day is it",
        "what is seven plus five",
        "repeat after me the sun is shining",
    ],
)
def test_answers_are_understandable(stranger: pocketsphinx.Decoder, question: str) -> None:
    reply = answer(Question(Topic.UTTERANCE, question), datetime(2026, 11, 24, 15, 38))
    assert isinstance(reply, Say)
    assert understood(stranger, reply.text) >= ENOUGH


def test_timers_are_understandable(stranger: pocketsphinx.Decoder) -> None:
    reply = answer(Question(Topic.UTTERANCE, "set a timer for five minutes"), datetime(2026, 1, 1))
    assert isinstance(reply, StartTimer)
    assert understood(stranger, reply.text) >= ENOUGH
    assert understood(stranger, reply.announcement) >= ENOUGH


@pytest.mark.parametrize("text", [NOT_UNDERSTOOD, STILL_THERE])
def test_other_phrases_are_understandable(stranger: pocketsphinx.Decoder, text: str) -> None:
    assert understood(stranger, text) >= ENOUGH


@pytest.mark.parametrize("hour", [5, 14])
def test_the_time_is_understandable(stranger: pocketsphinx.Decoder, hour: int) -> None:
    reply = answer(Question(Topic.UTTERANCE, "what time is it"), datetime(2026, 1, 1, hour, hour * 2 + 7))
    assert isinstance(reply, Say)
    assert understood(stranger, reply.text) >= ENOUGH
