from __future__ import annotations

import pytest

from edge_agent.control.messages import (
    Hello,
    LedShown,
    Level,
    Message,
    NoticeTold,
    StateShown,
    Transcript,
    TurnAnswered,
    WireEvent,
)
from edge_agent.demo.record import LEVEL_FLOOR_DBFS, Record, Turn


def seen(*messages: Message) -> Record:
    record = Record()
    for message in messages:
        record.see(message)
    return record


def states(*names: str) -> list[Message]:
    return [StateShown(name, 0.0) for name in names]


def person(text: str, *, final: bool = True) -> Message:
    return Transcript("user", "u", text, final)


def agent(text: str, *, final: bool = True) -> Message:
    return Transcript("assistant", "a", text, final)


def test_a_turn_is_a_question_and_its_answer() -> None:
    record = seen(
        *states("ready", "listening", "thinking"),
        person("what time is it"),
        agent("it is ten"),
        TurnAnswered(812.0),
        *states("speaking"),
    )
    assert record.turns == []
    assert not record.is_complete
    assert not record.is_ready
    record.see(StateShown("ready", 9.0))
    assert record.turns == [Turn("what time is it", "it is ten", True, 812.0)]
    assert record.is_complete
    assert record.is_ready


def test_a_late_transcription_belongs_to_the_oldest_turn_without_one() -> None:
    record = seen(
        *states("ready", "listening", "thinking", "speaking"),
        TurnAnswered(1.0),
        *states("ready", "listening"),
        person("the first"),
        *states("thinking"),
        person("the second"),
        TurnAnswered(2.0),
        *states("speaking", "ready"),
    )
    assert [turn.user for turn in record.turns] == ["the first", "the second"]


def test_a_transcript_after_the_end_completes_the_turn() -> None:
    record = seen(*states("listening", "thinking", "speaking"), TurnAnswered(1.0), *states("ready"))
    record.see(agent("it is ten"))
    record.see(person("what time is it"))
    assert record.turns == [Turn("what time is it", "it is ten", True, 1.0)]


def test_a_pause_in_the_middle_of_a_question_makes_no_second_turn() -> None:
    record = seen(
        *states("ready", "listening", "thinking"),
        person("what is seven"),
        *states("listening", "thinking"),
        person("plus five"),
        TurnAnswered(5.0),
        *states("speaking", "ready"),
    )
    assert [turn.user for turn in record.turns] == ["what is seven plus five"]


def test_speaking_into_the_answer_begins_another_turn() -> None:
    record = seen(
        *states("ready", "listening", "thinking"),
        person("what can you do"),
        TurnAnswered(5.0),
        *states("speaking", "listening"),
        person("stop"),
        *states("thinking"),
        TurnAnswered(6.0),
        *states("speaking", "ready"),
    )
    assert [turn.user for turn in record.turns] == ["what can you do", "stop"]
    assert record.is_complete


def test_an_understood_question_without_answer_is_a_turn_that_failed() -> None:
    record = seen(*states("ready", "listening", "thinking"), person("what time is it"), *states("ready"))
    assert [turn.is_answered for turn in record.turns] == [False]
    assert not record.is_complete


def test_a_cough_is_no_turn() -> None:
    record = seen(*states("ready", "listening", "thinking", "ready"))
    assert record.turns == []
    assert record.is_ready
    assert not record.is_complete


def test_an_answer_that_nobody_asked_for_is_a_turn() -> None:
    record = seen(
        *states("ready", "thinking"), TurnAnswered(None), agent("ring"), *states("speaking", "ready")
    )
    assert record.turns == [Turn(None, "ring", True, None)]


def test_giving_up_ends_the_turn_under_way_unanswered() -> None:
    record = seen(*states("ready", "listening", "thinking"), person("what time is it"))
    record.give_up()
    assert record.turns == [Turn("what time is it")]
    assert not record.is_complete


def test_giving_up_before_anything_was_heard_counts_as_a_turn_too() -> None:
    record = seen(*states("ready"))
    record.give_up()
    assert record.turns == [Turn()]


def test_a_text_before_anybody_spoke_is_only_shown() -> None:
    record = seen(agent("hello"))
    assert record.agent_says == "hello"
    assert record.turns == []


def test_unfinished_texts_are_shown_but_not_kept() -> None:
    record = seen(*states("listening"), person("what ti", final=False))
    assert record.person_says == "what ti"
    record.see(StateShown("listening", 1.0))
    assert record.person_says == ""


def test_states_and_leds_are_kept_in_order_with_their_times() -> None:
    record = seen(
        Hello("0", "connecting", "blue-flash", 0.5), StateShown("ready", 1.5), LedShown("green-steady", 1.5)
    )
    assert record.states == [("connecting", 0.5), ("ready", 1.5)]
    assert record.leds == [("blue-flash", 0.5), ("green-steady", 1.5)]
    assert (record.state, record.led) == ("ready", "green-steady")


def test_a_daemon_that_shows_nothing_yet_has_no_state() -> None:
    record = seen(Hello("0", None, None, 0.1))
    assert (record.state, record.led) == (None, None)
    assert not record.is_ready


def test_wire_events_are_counted_by_their_names() -> None:
    record = seen(WireEvent("error"), WireEvent("response.done"), WireEvent("response.done"))
    assert record.events == {"error": 1, "response.done": 2}


@pytest.mark.parametrize(("sent", "shown"), [(-12.5, -12.5), (None, LEVEL_FLOOR_DBFS)])
def test_the_last_level_is_shown(sent: float | None, shown: float) -> None:
    assert seen(Level(sent, -3.0)).input_dbfs == shown


def test_a_notice_changes_nothing_and_a_failure_is_known() -> None:
    assert seen(NoticeTold("parked", "error", "the key is missing")) == Record()
    assert not seen(StateShown("connecting", 0.1)).has_failed
    assert seen(StateShown("connecting", 0.1), StateShown("failed", 0.2)).has_failed
