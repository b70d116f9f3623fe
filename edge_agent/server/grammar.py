"""What the recogniser listens for first: the sentences that the brain has an answer to, as a JSGF grammar.

A sentence may begin with a wake word: what was said in one breath with it arrives as one.

JSGF: https://www.w3.org/TR/jsgf/. What fits no rule is left to the recogniser's language model.
"""

from __future__ import annotations

from edge_agent.server.spoken_numbers import ONES, TENS

NAME = "edge_agent"

_RULES = {
    "time": "what time is it [now] | what is the time | tell me the time",
    "date": "what day is it [today] | what is the date [today] | what is today's date | tell me the date",
    "ones": " | ".join(ONES[1:10]),
    "teens": " | ".join(ONES[10:]),
    "tens": " | ".join(TENS),
    "below": "<ones> | <teens> | <tens> [<ones>]",
    "number": "zero | <below> | <ones> hundred [[and] <below>] | a hundred | (one | a) thousand",
    "operation": "plus | minus | times | multiplied by | divided by",
    "sum": "(what is | what's | how much is) <number> <operation> <number>",
    "unit": "second | seconds | minute | minutes | hour | hours",
    "timer": "(set | start) a timer for (<number> | a | an) <unit>",
    "abilities": "what can you do | help",
    "greeting": "hello | hi | good morning | good evening | goodbye | thank you | thanks | stop | be quiet",
    "memory": "what did i say before | what was my last question",
    "light": "(turn | switch) (on | off) the (light | lights | lamp)",
    "volume": "set the volume to <number> [percent]",
    "sensor": "what is the temperature | what is the weather [like] [today]",
}
_CALLS = {
    "okay nah boo": "okay nabu",
    "hey jarvis": "hey jarvis",
    "hey my croft": "hey mycroft",
    "alexa": "alexa",
}
"""What devices are called by, in words that the dictionary knows, and as it is written."""

_SENTENCES = ("time", "date", "sum", "timer", "abilities", "greeting", "memory", "light", "volume", "sensor")


def jsgf() -> str:
    """Return the whole grammar."""
    sentences = " | ".join(f"<{name}>" for name in _SENTENCES)
    public = f"[<call>] ({sentences}) | <call>"
    every = {**_RULES, "call": " | ".join(_CALLS)}
    rules = "".join(f"<{name}> = {words};\n" for name, words in every.items())
    return f"#JSGF V1.0;\ngrammar {NAME};\npublic <sentence> = {public};\n{rules}"


def written(sentence: str) -> str:
    """Return a sentence of the grammar as a person would write it."""
    for spoken, call in _CALLS.items():
        if sentence.startswith(spoken):
            return call + sentence.removeprefix(spoken)
    return sentence
