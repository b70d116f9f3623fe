from __future__ import annotations

import random
import re
from datetime import datetime

import pytest

from edge_agent.server.brain import NOT_UNDERSTOOD, Question, Say, Topic, answer
from edge_agent.server.grammar import jsgf, written

TOOLS = frozenset({"set_light", "set_volume", "get_temperature", "get_weather"})


class Babbler:
    """Says what a JSGF grammar allows, by chance."""

    def __init__(self, text: str, seed: int) -> None:
        self._rules: dict[str, str] = dict(re.findall(r"(?:public )?<(\w+)> = (.*);", text))
        self._random = random.Random(seed)
        self._tokens: list[str] = []

    def say(self, rule: str = "sentence") -> str:
        self._tokens = re.findall(r"<\w+>|[|()\[\]]|[\w']+", self._rules[rule])
        return " ".join(self._alternatives().split())

    def _alternatives(self) -> str:
        options = [self._sequence()]
        while self._tokens and self._tokens[0] == "|":
            self._tokens.pop(0)
            options.append(self._sequence())
        return self._random.choice(options)

    def _sequence(self) -> str:
        words = ""
        while self._tokens and self._tokens[0] not in ("|", ")", "]"):
            words += f" {self._part()}"
        return words

    def _part(self) -> str:
        token = self._tokens.pop(0)
        if token in ("(", "["):
            words = self._alternatives()
            self._tokens.pop(0)
            return words if token == "(" or self._random.random() < 0.5 else ""
        if token.startswith("<"):
            rest, said = self._tokens, self.say(token.strip("<>"))
            self._tokens = rest
            return said
        return token


@pytest.mark.parametrize("seed", range(3))
def test_every_sentence_of_the_grammar_has_an_answer(seed: int) -> None:
    babbler = Babbler(jsgf(), seed)
    for _ in range(200):
        sentence = written(babbler.say())
        question = Question(Topic.UTTERANCE, sentence, TOOLS)
        assert answer(question, datetime(2026, 1, 1)) != Say(NOT_UNDERSTOOD), sentence


def test_the_grammar_says_every_number_up_to_a_thousand() -> None:
    babbler = Babbler(jsgf(), 1)
    said = {babbler.say("number") for _ in range(4000)}
    assert {"zero", "nineteen", "ninety nine", "one thousand"} <= said


def test_a_wake_word_is_written_as_it_is_called() -> None:
    assert written("okay nah boo what time is it") == "okay nabu what time is it"
    assert written("what time is it") == "what time is it"
