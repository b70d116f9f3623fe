"""What the embedded server knows: a small table from what was said to what is answered.

Pure: the words, the declared tools and the time go in, a reply comes out. The wordings are chosen so that a
speech recogniser understands the spoken answers; see tests/server/test_understandable_answers.py.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from edge_agent.server.spoken_numbers import MAX_SPOKEN, ONES, as_ordinal, from_words, in_words

MAX_TIMER_S = 24 * 3600
"""Longer timers than a day are refused; the session would be over anyway."""

MAX_REPEATED_CHARS = 300
"""What is repeated at most; longer answers are not fit for a demo."""


class Topic(enum.Enum):
    """What an answer is wanted for."""

    UTTERANCE = "utterance"  # somebody said or wrote something
    TOOL_RESULT = "tool_result"  # a tool was called, and this is its output
    GREETING = "greeting"  # nobody said anything yet
    SILENCE = "silence"  # nobody said anything for a long time


@dataclass(frozen=True, slots=True)
class Question:
    """What the answer is to.

    ``tools`` are the names of the functions that may be called, ``before`` is what the person said before.
    """

    topic: Topic
    text: str = ""
    tools: frozenset[str] = frozenset()
    before: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Answer in words."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Call a function of the client's; ``arguments`` become JSON."""

    name: str
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Say ``text`` now, and ``announcement`` after ``duration_s``."""

    text: str
    duration_s: float
    announcement: str


Reply = Say | CallTool | StartTimer
Rule = Callable[["re.Match[str]", datetime], Reply | None]

NOT_UNDERSTOOD = "Sorry, I did not understand that."
GREETING = "Hello. What can I do for you?"
STILL_THERE = "Are you still there?"
FAREWELL = "It was nice to talk to you."
ABILITIES = (
    "You can ask me what time it is, or what day it is. I can work with numbers, I can set a timer, "
    "and I can repeat what you say."
)
OFFLINE = "I am offline. I can tell the time and the date, I can work with numbers, and I can set a timer."
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SIGNS = (("+", "plus"), ("*", "times"), ("/", "divided by"))
_SMALL_TALK = {
    "hello": GREETING,
    "hi": GREETING,
    "good morning": GREETING,
    "good evening": GREETING,
    "goodbye": FAREWELL,
    "good bye": FAREWELL,
    "thank you": "You are welcome.",
    "thanks": "You are welcome.",
    "stop": "All right.",
    "be quiet": "All right.",
    "what can you do": ABILITIES,
    "help": ABILITIES,
    "are you online": OFFLINE,
    "are you offline": OFFLINE,
    "do you have internet": OFFLINE,
    "is there internet": OFFLINE,
    "what is wrong": OFFLINE,
    "what is wrong with you": OFFLINE,
    "what is the weather": OFFLINE,
    "what is the weather today": OFFLINE,
}

_TOOLS: tuple[tuple[re.Pattern[str], tuple[str, ...], Callable[[re.Match[str]], dict[str, object]]], ...] = (
    (
        re.compile(r"(?:turn|switch) (?P<to>on|off) the (?:light|lights|lamp)"),
        ("set_light", "set_lights", "switch_light"),
        lambda said: {"on": said["to"] == "on"},
    ),
    (
        re.compile(r"set the volume to (?P<percent>[\w ]+?)(?: percent)?"),
        ("set_volume",),
        lambda said: {"percent": from_words(said["percent"])},
    ),
    (re.compile(r"what is the temperature"), ("get_temperature", "read_temperature"), lambda _: {}),
    (re.compile(r"what is the weather(?: like)?(?: today)?"), ("get_weather",), lambda _: {}),
)
"""What is said -> names of the functions that do it (the first one declared is called), arguments."""

_ORDER = re.compile(r"call (?P<name>[A-Za-z_][\w-]{0,63})(?: (?P<arguments>\{.*\}))?", re.DOTALL)
"""A written order to call a function, declared or not: lets a test make the model do something foolish."""

_BEFORE = re.compile(r"what did i say before|what was my last question")
"""Lets a test see whether a session knows what was said in an earlier one."""

_CALL = re.compile(r"(?:okay nabu|hey jarvis|hey mycroft|alexa)\b ?")
"""A wake word, which devices send along with what is said in the same breath."""

CALLED = "Yes?"
"""The answer to a wake word alone."""


def answer(question: Question, today: datetime) -> Reply:
    """Return the answer to ``question``; ``today`` is the local date and time."""
    match question.topic:
        case Topic.GREETING:
            return Say(GREETING)
        case Topic.SILENCE:
            return Say(STILL_THERE)
        case Topic.TOOL_RESULT:
            return Say(_spoken_result(question.text))
        case Topic.UTTERANCE:
            if _BEFORE.fullmatch(_without_call(normalised(question.text))):
                return Say(_spoken_memory(question.before))
            return _answer_utterance(question.text, question.tools, today)


def normalised(text: str) -> str:
    """Return ``text`` in lower case, without punctuation, with short forms and signs written out."""
    words = text.lower().replace("what's", "what is").replace("how's", "how is").replace("today's", "today")
    for sign, word in _SIGNS:
        words = words.replace(sign, f" {word} ")
    words = re.sub(r"(?<=\d)\s*-\s*(?=\d)", " minus ", words)
    return " ".join(re.sub(r"[^\w\s']", " ", words).split())


def _answer_utterance(text: str, tools: Collection[str], today: datetime) -> Reply:
    if order := _ORDER.fullmatch(text.strip()):
        return _ordered_call(order)
    said = _without_call(normalised(text))
    if not said and _CALL.match(normalised(text)):
        return Say(CALLED)
    for pattern, names, arguments in _TOOLS:
        name = next((name for name in names if name in tools), None)
        if name and (found := pattern.fullmatch(said)):
            return CallTool(name, arguments(found))
    if said in _SMALL_TALK:
        return Say(_SMALL_TALK[said])
    for pattern, rule in _RULES:
        if (found := pattern.fullmatch(said)) and (reply := rule(found, today)):
            return reply
    return Say(NOT_UNDERSTOOD)


def _spoken_memory(before: str) -> str:
    words = normalised(before)[:MAX_REPEATED_CHARS]
    return f"You said: {words}." if words else "You have not said anything yet."


def _without_call(said: str) -> str:
    call = _CALL.match(said)
    return said[call.end() :] if call else said


def _ordered_call(order: re.Match[str]) -> Reply:
    try:
        arguments = json.loads(order["arguments"] or "{}")
    except ValueError:
        return Say(NOT_UNDERSTOOD)
    return CallTool(order["name"], arguments)


def _spoken_result(output: str) -> str:
    """Put what a tool returned into words; JSON becomes "name is value" for each member."""
    try:
        value = json.loads(output)
    except ValueError:
        value = output
    if isinstance(value, dict):
        parts = [f"{key.replace('_', ' ')} is {_in_words(member)}" for key, member in value.items()]
        value = " and ".join(parts)
    text = str(_in_words(value)).strip()[:MAX_REPEATED_CHARS]
    return f"The answer is: {text}." if text else "It is done."


def _in_words(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) <= MAX_SPOKEN:
        return in_words(value)
    return "nothing" if value is None else value


def _tell_time(_: re.Match[str], today: datetime) -> Reply:
    hour = in_words(today.hour % 12 or 12)
    part = "morning" if today.hour < 12 else "afternoon" if today.hour < 18 else "evening"
    if today.minute == 0:
        return Say(f"It is now {hour} o'clock in the {part}.")
    minutes = "one minute" if today.minute == 1 else f"{in_words(today.minute)} minutes"
    return Say(f"It is now {minutes} past {hour} in the {part}.")


def _tell_date(_: re.Match[str], today: datetime) -> Reply:
    day, month = _DAYS[today.weekday()], _MONTHS[today.month - 1]  # strftime would follow the locale
    return Say(f"Today is {day}, the {as_ordinal(today.day)} of {month}.")


def _calculate(said: re.Match[str], _: datetime) -> Reply | None:
    left, right = from_words(said["left"]), from_words(said["right"])
    if left is None or right is None:
        return None
    operation = {"multiplied by": "times"}.get(said["operation"], said["operation"])
    if operation == "divided by" and right == 0:
        return Say("Nobody can divide by zero.")
    result = {
        "plus": lambda: Fraction(left + right),
        "minus": lambda: Fraction(left - right),
        "times": lambda: Fraction(left * right),
        "divided by": lambda: Fraction(left, right),
    }[operation]()
    if abs(result) > MAX_SPOKEN:
        return Say("That number is too big for me.")
    kind = (
        "the number " if result >= 0 and result.denominator == 1 else ""
    )  # "is two" sounds like "is to you"
    return Say(f"The answer is {kind}{_decimal(result)}.")


def _decimal(number: Fraction) -> str:
    """Return ``number`` in words, rounded to two decimals."""
    hundredths = round(abs(number) * 100)
    whole, rest = divmod(hundredths, 100)
    sign = "minus " if number < 0 and hundredths else ""
    digits = f"{rest:02d}".rstrip("0")
    decimals = f" point {' '.join(ONES[int(digit)] for digit in digits)}" if digits else ""
    about = "" if Fraction(hundredths, 100) == abs(number) else "about "
    return f"{about}{sign}{in_words(whole)}{decimals}"


_UNIT_S = {"second": 1, "minute": 60, "hour": 3600}


def _set_timer(said: re.Match[str], _: datetime) -> Reply | None:
    number, unit = from_words(said["number"]), said["unit"].removesuffix("s")
    if number is None:
        return None
    duration_s = number * _UNIT_S[unit]
    if not 0 < duration_s <= MAX_TIMER_S:
        return Say("I cannot set a timer for that long." if duration_s else "That timer is up already.")
    length = f"{in_words(number)} {unit}{'' if number == 1 else 's'}"
    return StartTimer(
        f"I have set a timer for {length}.", float(duration_s), f"Your timer for {length} is finished."
    )


def _repeat(said: re.Match[str], _: datetime) -> Reply | None:
    words = said["words"][:MAX_REPEATED_CHARS]
    return Say(f"{words[0].upper()}{words[1:]}.")


_RULES: tuple[tuple[re.Pattern[str], Rule], ...] = (
    (re.compile(r"(?:what time is it|what is the time|tell me the time)(?: now| please)*"), _tell_time),
    (
        re.compile(
            r"(?:what day is it|what is the date|what is the day|tell me the date|what is today date)"
            r"(?: today| please)*"
        ),
        _tell_date,
    ),
    (
        re.compile(
            r"(?:what is |how much is |calculate )?(?P<left>[\w ]+?) "
            r"(?P<operation>plus|minus|times|multiplied by|divided by) (?P<right>[\w ]+)"
        ),
        _calculate,
    ),
    (
        re.compile(
            r"(?:please )?(?:set|start) (?:a|the) timer for (?P<number>[\w ]+?) "
            r"(?P<unit>seconds?|minutes?|hours?)(?: please)?"
        ),
        _set_timer,
    ),
    (re.compile(r"(?:repeat after me|say) (?P<words>.+)"), _repeat),
)
"""What is said, normalised -> who answers. A rule that returns None passes."""
