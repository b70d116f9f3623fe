"""Whose turn it is, whatever the order of events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_agent.core.audible import Audible
from edge_agent.core.conversation import SPEECH_LIMIT_S, Conversation, TurnAnswered
from edge_agent.core.status import Turn
from edge_agent.protocol import server_events as said
from tests.core.scenes import (
    cleared,
    committed,
    created,
    delta,
    done,
    speech_started,
    speech_stopped,
    started,
    stopped,
)

LIMIT_S = 15.0


def new() -> Conversation:
    return Conversation(LIMIT_S, Audible(0.3))


def turn_of(conversation: Conversation) -> Turn:
    return conversation.turn


def told(*events: said.ServerEvent, now: float = 1.0) -> Conversation:
    """A conversation that has heard all this from the server at the same time."""
    conversation = new()
    for event in events:
        conversation.see(event, now)
    return conversation


def asked(now: float = 1.0) -> Conversation:
    conversation = told(speech_started(), now=now - 0.5)
    conversation.see(speech_stopped(), now)
    return conversation


def test_nobody_has_the_first_turn() -> None:
    conversation = new()
    assert turn_of(conversation) is Turn.NOBODY
    assert conversation.next_deadline() is None
    assert not conversation.tick(1e9)


def test_the_turn_goes_from_person_to_pending_to_agent_to_nobody() -> None:
    conversation = new()
    turns = []
    for now, event in enumerate(
        [speech_started(), speech_stopped(), committed(), created(), delta(), started(), done(), stopped()]
    ):
        conversation.see(event, float(now))
        turns.append(conversation.turn)
    person, pending, agent = Turn.PERSON, Turn.PENDING, Turn.AGENT
    assert turns == [person, pending, pending, pending, pending, agent, agent, Turn.NOBODY]


def test_speech_that_never_stops_is_over_after_a_while() -> None:
    conversation = told(speech_started())
    assert conversation.next_deadline() == 1.0 + SPEECH_LIMIT_S
    assert not conversation.tick(1.0 + SPEECH_LIMIT_S)
    assert turn_of(conversation) is Turn.NOBODY


def test_repeated_speech_started_is_still_the_same_person() -> None:
    conversation = told(speech_started("a"), speech_started("b"), speech_stopped("b"))
    assert turn_of(conversation) is Turn.PENDING


def test_speaking_again_takes_the_question_back() -> None:
    conversation = told(committed(), speech_started(), said.InputAudioBufferCleared())
    assert conversation.turn is Turn.NOBODY


def test_clearing_the_input_ends_the_speech() -> None:
    assert told(speech_started(), said.InputAudioBufferCleared()).turn is Turn.NOBODY


@pytest.mark.parametrize("ask", [(committed(),), (speech_stopped(),), (speech_stopped(), committed())])
def test_an_answer_that_never_comes_is_given_up(ask: tuple[said.ServerEvent, ...]) -> None:
    conversation = told(*ask)
    assert conversation.next_deadline() == 1.0 + LIMIT_S
    assert not conversation.tick(1.0 + LIMIT_S - 0.1)
    assert conversation.tick(1.0 + LIMIT_S)
    assert turn_of(conversation) is Turn.NOBODY


def test_a_response_that_stands_still_is_given_up_and_one_that_moves_is_not() -> None:
    conversation = told(created())
    conversation.see(delta(), 10.0)
    conversation.see(delta("resp_other"), 12.0)
    assert conversation.next_deadline() == 10.0 + LIMIT_S
    assert conversation.tick(10.0 + LIMIT_S)
    assert turn_of(conversation) is Turn.NOBODY


def test_an_answer_that_sounds_is_never_given_up() -> None:
    conversation = told(created(), started())
    conversation.sound_started(None, 1.1)
    assert not conversation.tick(500.0)
    conversation.see(stopped(), 500.0)
    conversation.sound_ended(500.0)
    assert turn_of(conversation) is Turn.PENDING, "response.done is missing"
    assert not conversation.tick(500.0 + LIMIT_S - 0.1), "its sound was a sign of life"
    assert conversation.tick(500.0 + LIMIT_S)


def test_a_response_that_began_while_the_person_spoke_answers_that_speech() -> None:
    conversation = told(speech_started())
    for now, event in ((2.0, created()), (2.1, speech_stopped()), (2.2, committed())):
        conversation.see(event, now)
    conversation.see(done(parts=("output_text",)), 3.0)
    assert turn_of(conversation) is Turn.NOBODY, "nothing is asked that was not answered"


def test_a_commit_after_the_whole_answer_asks_for_nothing() -> None:
    conversation = told(speech_started())
    conversation.see(created(), 2.0)
    conversation.see(done(parts=()), 3.0)
    conversation.see(committed(), 3.1)
    assert turn_of(conversation) is Turn.NOBODY


def test_an_old_response_that_ends_late_leaves_a_new_question_open() -> None:
    conversation = told(created("resp_1"))
    conversation.see(speech_started(), 2.0)
    conversation.see(speech_stopped(), 3.0)
    conversation.see(done("resp_1", status="cancelled"), 3.1)
    assert turn_of(conversation) is Turn.PENDING


def test_an_unknown_response_that_ends_leaves_the_active_one_alone() -> None:
    conversation = told(created("resp_2"), done("resp_1", status="cancelled"))
    assert conversation.active_response_id == "resp_2"


@pytest.mark.parametrize(("begun", "ended"), [("", "resp_1"), ("resp_1", ""), ("", "")])
def test_responses_without_ids_end_too(begun: str, ended: str) -> None:
    assert told(created(begun), done(ended, parts=())).turn is Turn.NOBODY


def test_a_server_that_never_says_response_created_answers_too() -> None:
    conversation = asked()
    conversation.see(done(parts=("text",)), 2.0)
    assert turn_of(conversation) is Turn.NOBODY


@pytest.mark.parametrize("part", ["output_audio", "audio"])
def test_a_response_that_is_done_before_it_sounds_is_waited_for(part: str) -> None:
    conversation = told(created(), done(parts=(part,)))
    assert turn_of(conversation) is Turn.PENDING
    conversation.see(started(), 1.5)
    assert turn_of(conversation) is Turn.AGENT
    conversation.see(stopped(), 2.0)
    assert turn_of(conversation) is Turn.NOBODY


def test_spoken_words_announce_sound_where_the_response_does_not_tell() -> None:
    assert told(created(), delta(), done(parts=())).turn is Turn.PENDING


def test_an_answer_cut_short_is_still_heard() -> None:
    assert told(created(), done(status="incomplete")).turn is Turn.PENDING


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_response_that_failed_is_not_waited_for(status: str) -> None:
    assert told(created(), delta(), done(status=status)).turn is Turn.NOBODY


def test_an_answer_that_was_heard_to_its_end_before_it_is_done_is_not_waited_for() -> None:
    conversation = told(created(), started(), stopped(), done())
    assert turn_of(conversation) is Turn.NOBODY


def test_that_holds_for_a_server_that_never_says_what_it_plays() -> None:
    conversation = told(created())
    conversation.sound_started(None, 2.0)
    conversation.sound_ended(3.0)
    conversation.tick(5.0)
    conversation.see(done(), 6.0)
    assert turn_of(conversation) is Turn.NOBODY


def test_nobody_waits_for_sound_while_the_person_speaks_again() -> None:
    conversation = told(created(), speech_started(), done())
    conversation.person_stopped(2.0)
    assert turn_of(conversation) is Turn.NOBODY


def test_a_text_answer_ends_the_waiting() -> None:
    assert told(speech_stopped(), created(), done(parts=("output_text",))).turn is Turn.NOBODY


@pytest.mark.parametrize("end", [stopped(), cleared()])
def test_the_end_of_an_answer_ends_the_turn(end: said.ServerEvent) -> None:
    assert told(started(), end).turn is Turn.NOBODY


def test_a_late_end_of_an_old_answer_does_not_end_the_new_one() -> None:
    for end in (stopped("resp_1"), cleared("resp_1")):
        assert told(started("resp_1"), started("resp_2"), end).turn is Turn.AGENT


def test_the_first_sound_answers_the_turn_once() -> None:
    conversation = asked(now=2.0)
    conversation.see(created(), 2.1)
    conversation.see(started(), 2.4)
    assert conversation.sound_started(1.5, 2.5) == TurnAnswered("resp_1", 1.0)
    conversation.sound_ended(3.0)
    assert conversation.sound_started(1.5, 3.5) is None, "the next sentence of the same answer"


def test_every_turn_is_answered_anew() -> None:
    conversation = asked(now=2.0)
    conversation.sound_started(None, 2.5)
    conversation.sound_ended(3.0)
    conversation.see(speech_started(), 4.0)
    conversation.see(speech_stopped(), 5.0)
    conversation.see(created("resp_2"), 5.1)
    assert conversation.sound_started(5.0, 5.5) == TurnAnswered("resp_2", 0.5)


@pytest.mark.parametrize("voice_ended_at", [None, 9.0])
def test_a_latency_that_is_not_known_is_not_told(voice_ended_at: float | None) -> None:
    answer = asked(now=2.0).sound_started(voice_ended_at, 2.5)
    assert answer is not None
    assert answer.voice_to_voice_s is None


def test_the_rest_of_an_interrupted_answer_is_no_answer() -> None:
    conversation = told(created("resp_1"), started("resp_1"))
    conversation.sound_started(None, 1.1)
    conversation.cut_off(2.0)
    conversation.see(speech_started(), 2.0)
    assert conversation.sound_started(1.9, 2.05) is None, "a packet that was on its way"
    conversation.sound_ended(2.1)
    conversation.see(speech_stopped(), 3.0)
    assert conversation.sound_started(2.9, 4.0) is not None


def test_a_server_that_says_only_what_it_plays_is_understood() -> None:
    conversation = told(speech_started(), now=1.0)
    conversation.see(started(), 2.0)
    assert conversation.sound_started(None, 2.1) == TurnAnswered("resp_1", None)


def test_sound_that_outruns_its_events_is_an_answer_once_they_come() -> None:
    conversation = told(speech_started(), now=1.0)
    assert conversation.sound_started(2.0, 2.5) is None
    for event in (speech_stopped(), created(), started()):
        conversation.see(event, 3.0)
    assert conversation.explain_sound("resp_1") == TurnAnswered("resp_1", 0.5)
    assert conversation.explain_sound("resp_1") is None
    conversation.sound_ended(4.0)
    assert conversation.sound_started(None, 4.1) is None, "the same turn"


SOUND_IS_OVER: list[Callable[[Conversation], object]] = [
    lambda conversation: conversation.sound_ended(2.6),
    lambda conversation: conversation.cut_off(2.6),
    lambda conversation: conversation.person_spoke(2.6),
]


@pytest.mark.parametrize("end", SOUND_IS_OVER)
def test_sound_that_is_over_is_no_answer_afterwards(end: Callable[[Conversation], object]) -> None:
    conversation = told(speech_started(), now=1.0)
    conversation.sound_started(2.0, 2.5)
    end(conversation)
    conversation.see(started(), 3.0)
    assert conversation.explain_sound("resp_1") is None


def test_sound_that_was_expected_needs_no_explanation() -> None:
    conversation = asked()
    assert conversation.sound_started(None, 2.0) is not None
    conversation.see(started(), 2.1)
    assert conversation.explain_sound("resp_1") is None


def test_sound_out_of_nowhere_is_no_answer() -> None:
    assert new().sound_started(None, 1.0) is None


def test_a_second_response_in_one_stretch_of_sound_is_not_waited_for() -> None:
    conversation = told(created("resp_1"))
    conversation.sound_started(None, 1.5)
    for event in (done("resp_1"), created("resp_2"), done("resp_2")):
        conversation.see(event, 2.0)
    conversation.sound_ended(3.0)
    conversation.tick(4.0)
    assert conversation.turn is Turn.NOBODY


ACTIVITIES: list[Callable[[Conversation], object]] = [
    lambda conversation: conversation.touch(9.0),
    lambda conversation: conversation.person_spoke(9.0),
    lambda conversation: conversation.person_stopped(9.0),
    lambda conversation: conversation.expect_answer(9.0),
    lambda conversation: conversation.refuse_answer(9.0),
    lambda conversation: conversation.sound_started(None, 9.0),
    lambda conversation: conversation.sound_ended(9.0),
    lambda conversation: conversation.cut_off(9.0),
    lambda conversation: conversation.see(speech_started(), 9.0),
    lambda conversation: conversation.see(committed(), 9.0),
    lambda conversation: conversation.see(done(), 9.0),
]


@pytest.mark.parametrize("act", ACTIVITIES)
def test_everything_that_people_notice_is_activity(act: Callable[[Conversation], object]) -> None:
    conversation = told(speech_started())
    act(conversation)
    assert conversation.last_activity_at == 9.0


def test_sound_ends_the_waiting_where_no_event_does() -> None:
    conversation = asked()
    conversation.sound_started(None, 1.5)
    assert turn_of(conversation) is Turn.AGENT
    conversation.sound_ended(3.0)
    conversation.tick(4.0)
    assert turn_of(conversation) is Turn.NOBODY


def test_a_refused_answer_is_not_expected_and_not_wanted() -> None:
    conversation = asked()
    conversation.refuse_answer(1.5)
    assert turn_of(conversation) is Turn.NOBODY
    assert conversation.is_refused(2.0)
    conversation.see(committed(), 2.0)
    assert turn_of(conversation) is Turn.NOBODY, "still the same speech"


def test_speaking_again_ends_the_refusal() -> None:
    conversation = asked()
    conversation.refuse_answer(1.5)
    conversation.person_spoke(2.0)
    assert not conversation.is_refused(2.0)


def test_a_refusal_does_not_last_for_ever() -> None:
    conversation = asked()
    conversation.refuse_answer(1.5)
    assert not conversation.is_refused(1.5 + LIMIT_S)


def test_refusing_an_answer_that_is_being_made_refuses_no_later_one() -> None:
    conversation = told(created())
    conversation.refuse_answer(1.5)
    assert turn_of(conversation) is Turn.NOBODY
    assert not conversation.is_refused(1.6)


def test_the_response_that_is_heard_is_told_before_the_one_that_is_made() -> None:
    conversation = told(created("resp_1"))
    assert conversation.response_id == "resp_1"
    conversation.see(started("resp_1"), 2.0)
    conversation.see(created("resp_2"), 3.0)
    assert conversation.response_id == "resp_1"
    conversation.see(stopped("resp_1"), 4.0)
    assert conversation.response_id == "resp_2"
    assert new().response_id == ""


def test_nothing_but_the_sound_crosses_into_the_next_session() -> None:
    conversation = told(speech_started(), created(), started())
    conversation.sound_started(None, 1.5)
    successor = conversation.successor(2.0)
    assert turn_of(successor) is Turn.AGENT
    successor.sound_ended(3.0)
    successor.tick(4.0)
    assert turn_of(successor) is Turn.NOBODY
    assert successor.last_activity_at == 3.0


def test_events_without_a_response_are_no_progress() -> None:
    conversation = told(created())
    conversation.see(said.RateLimitsUpdated(), 5.0)
    assert conversation.next_deadline() == 1.0 + LIMIT_S


def test_any_event_of_a_response_is_progress_but_only_spoken_words_announce_sound() -> None:
    conversation = told(created())
    conversation.see(said.ResponseOutputItemAdded(response_id="resp_1"), 5.0)
    assert conversation.next_deadline() == 5.0 + LIMIT_S
    conversation.see(done(parts=()), 6.0)
    assert turn_of(conversation) is Turn.NOBODY
