from __future__ import annotations

from datetime import datetime

import pytest

from edge_agent.server.brain import (
    ABILITIES,
    GREETING,
    MAX_REPEATED_CHARS,
    NOT_UNDERSTOOD,
    STILL_THERE,
    CallTool,
    Question,
    Reply,
    Say,
    StartTimer,
    Topic,
    answer,
)

MORNING = datetime(2026, 3, 9, 8, 5)


def reply_to(text: str, *tools: str, at: datetime = MORNING) -> Reply:
    return answer(Question(Topic.UTTERANCE, text, frozenset(tools)), at)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("what time is it", "It is now five minutes past eight in the morning."),
        ("What is the time, please?", "It is now five minutes past eight in the morning."),
        ("Okay Nabu, what time is it?", "It is now five minutes past eight in the morning."),
        ("hey jarvis", "Yes?"),
        ("what day is it today", "Today is Monday, the ninth of March."),
        ("what's today's date", "Today is Monday, the ninth of March."),
        ("what is seven plus five", "The answer is the number twelve."),
        ("What's 7 + 5?", "The answer is the number twelve."),
        ("how much is twenty minus six", "The answer is the number fourteen."),
        ("what is five minus nine", "The answer is minus four."),
        ("what is nine times eight", "The answer is the number seventy two."),
        ("what is nine multiplied by eight", "The answer is the number seventy two."),
        ("what is ten divided by four", "The answer is two point five."),
        ("what is ten divided by three", "The answer is about three point three three."),
        ("what is one divided by eight hundred", "The answer is about zero."),
        ("what is 12-5", "The answer is the number seven."),
        ("what is three divided by zero", "Nobody can divide by zero."),
        ("what is one thousand times one thousand", "That number is too big for me."),
        ("repeat after me the sun is shining", "The sun is shining."),
        ("say good evening", "Good evening."),
        ("what can you do", ABILITIES),
        ("Hello!", GREETING),
        ("thank you", "You are welcome."),
        ("stop", "All right."),
        ("the quick brown fox", NOT_UNDERSTOOD),
        ("what is seven five plus one", NOT_UNDERSTOOD),
        ("", NOT_UNDERSTOOD),
    ],
)
def test_what_is_said_is_answered(said: str, answered: str) -> None:
    assert reply_to(said) == Say(answered)


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "twelve o'clock in the morning"),
        (12, 1, "one minute past twelve in the afternoon"),
        (17, 59, "fifty nine minutes past five in the afternoon"),
        (18, 0, "six o'clock in the evening"),
        (23, 30, "thirty minutes past eleven in the evening"),
    ],
)
def test_the_time_is_told_with_the_part_of_the_day(hour: int, minute: int, words: str) -> None:
    assert reply_to("what time is it", at=datetime(2026, 1, 1, hour, minute)) == Say(f"It is now {words}.")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("set a timer for five minutes", 300),
        ("please set a timer for one hour", 3600),
        ("start a timer for a minute", 60),
        ("set a timer for 90 seconds", 90),
    ],
)
def test_a_timer_is_started_for_as_long_as_was_said(said: str, seconds: float) -> None:
    reply = reply_to(said)
    assert isinstance(reply, StartTimer)
    assert reply.duration_s == seconds


def test_a_timer_says_what_it_was_for() -> None:
    assert reply_to("set a timer for one hour") == StartTimer(
        "I have set a timer for one hour.", 3600.0, "Your timer for one hour is finished."
    )


def test_timers_of_no_and_of_endless_length_are_declined() -> None:
    assert reply_to("set a timer for zero seconds") == Say("That timer is up already.")
    assert reply_to("set a timer for one hundred hours") == Say("I cannot set a timer for that long.")


def test_what_is_repeated_is_bounded() -> None:
    reply = reply_to("say " + "a" * 10_000)
    assert isinstance(reply, Say)
    assert len(reply.text) == MAX_REPEATED_CHARS + 1


def test_a_declared_tool_is_called() -> None:
    assert reply_to("turn on the light", "set_light") == CallTool("set_light", {"on": True})
    assert reply_to("switch off the lamp", "switch_light") == CallTool("switch_light", {"on": False})
    assert reply_to("set the volume to thirty percent", "set_volume") == CallTool(
        "set_volume", {"percent": 30}
    )
    assert reply_to("what is the temperature", "get_temperature") == CallTool("get_temperature")
    assert reply_to("what is the weather like today", "get_weather") == CallTool("get_weather")


def test_a_tool_that_nobody_declared_is_not_called() -> None:
    assert reply_to("turn on the light", "get_weather") == Say(NOT_UNDERSTOOD)


def test_an_order_in_writing_calls_any_tool() -> None:
    assert reply_to('call shell {"command": "rm -rf /"}') == CallTool("shell", {"command": "rm -rf /"})
    assert reply_to("call reboot") == CallTool("reboot")
    assert reply_to("call reboot {nonsense}") == Say(NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('{"temperature": 21}', "The answer is: temperature is twenty one."),
        ('{"is_on": true, "colour": "red"}', "The answer is: is on is yes and colour is red."),
        ("it is raining", "The answer is: it is raining."),
        ("null", "The answer is: nothing."),
        ("12", "The answer is: twelve."),
        ("", "It is done."),
    ],
)
def test_the_result_of_a_tool_is_put_into_words(output: str, words: str) -> None:
    assert answer(Question(Topic.TOOL_RESULT, output), MORNING) == Say(words)


def test_without_a_question_it_greets_and_after_silence_it_asks() -> None:
    assert answer(Question(Topic.GREETING), MORNING) == Say(GREETING)
    assert answer(Question(Topic.SILENCE), MORNING) == Say(STILL_THERE)


def test_what_was_said_before_is_known() -> None:
    asked = Question(Topic.UTTERANCE, "What did I say before?", before="What time is it?")
    assert answer(asked, MORNING) == Say("You said: what time is it.")
    assert answer(Question(Topic.UTTERANCE, "what was my last question"), MORNING) == Say(
        "You have not said anything yet."
    )
