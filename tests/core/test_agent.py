"""Whole conversations with the agent, as scripts with times."""

from __future__ import annotations

import pytest

from edge_agent.core import events as happened
from edge_agent.core.agent import Agent
from edge_agent.core.commands import (
    CloseLink,
    FlushPlayout,
    Gate,
    HandOver,
    OpenLink,
    Send,
    SetCapture,
    SetUplink,
    SetVolume,
    StepVolume,
    Tell,
)
from edge_agent.core.notices import Notice
from edge_agent.core.request import ALREADY_ACTIVE
from edge_agent.core.settings import Action, ButtonSettings, Mode
from edge_agent.core.status import AgentState
from edge_agent.core.talk import LATE_LIMIT_S, LONGEST_TALK_S, TALK_TAIL_S
from edge_agent.core.tools import ROUNDS_LIMIT
from edge_agent.core.volume import STEP_PERCENT
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Item
from tests.core.scenes import (
    OPENED_AT,
    TURN_DETECTION_OFF,
    TURN_DETECTION_ON,
    Scene,
    asked,
    chance,
    cleared,
    closes,
    committed,
    connected,
    created,
    delta,
    done,
    error,
    flushes,
    full_duplex,
    in_button_mode,
    settings,
    speaking,
    speech_started,
    speech_stopped,
    started,
    stopped,
)

OFF = ask.SessionUpdate(session=TURN_DETECTION_OFF)
ON = ask.SessionUpdate(session=TURN_DETECTION_ON)
CANCEL = ask.ResponseCancel()
CLEAR_INPUT = ask.InputAudioBufferClear()
CLEAR_OUTPUT = ask.OutputAudioBufferClear()
REFUSED = error(ALREADY_ACTIVE)
COMMIT = ask.InputAudioBufferCommit()
CREATE = ask.ResponseCreate()
ANSWER_LIMIT_S = settings().answer_limit_s


# -- one turn ------------------------------------------------------------------------------------------


def test_one_whole_turn() -> None:
    scene = Scene().up()
    scene.until(102.0).hear(speech_started())
    scene.until(103.5).hear(speech_stopped(), committed())
    scene.until(103.7).hear(created(), delta()).until(104.0).hear(started()).sound(103.0)
    scene.until(104.5).hear(done()).until(106.0).hear(stopped()).until(106.2).silence()
    scene.until(120.0)
    assert scene.states == [
        (100.0, "connecting"),
        (100.0, "ready"),
        (102.0, "listening"),
        (103.5, "thinking"),
        (104.0, "speaking"),
        (106.2, "ready"),
    ]
    (told,) = scene.told(Notice.TURN_ANSWERED)
    assert told.fields == {"EDGE_RESPONSE_ID": "resp_1", "EDGE_LATENCY_MS": "1000"}


def test_the_state_names_its_cause_and_what_is_said() -> None:
    scene = connected().hear(speech_started())
    assert scene.agent.status.cause == "input_audio_buffer.speech_started"
    scene.hear(speech_stopped(), created("resp_9"), delta("resp_9"))
    assert scene.agent.status.cause == "input_audio_buffer.speech_stopped", "a later event changed nothing"
    assert scene.agent.status.response_id == "resp_9"
    assert scene.agent.status.session_id == "sess_1"


def test_a_server_that_never_says_what_it_plays() -> None:
    scene = asked(connected(), 103.0).hear(created()).until(103.5).sound()
    assert scene.state == "speaking"
    scene.hear(done()).until(105.0).silence().until(105.3).sound().until(107.0).silence().until(120.0)
    assert scene.names() == ["connecting", "ready", "listening", "thinking", "speaking", "ready"]
    assert scene.states[-1][0] == pytest.approx(107.5)
    assert len(scene.told(Notice.TURN_ANSWERED)) == 1


def test_response_done_before_the_first_sound() -> None:
    scene = asked(connected(), 103.0).hear(created(), done())
    assert scene.state == "thinking"
    scene.until(104.0).hear(started()).sound().until(105.0).hear(stopped()).silence()
    assert scene.names()[-3:] == ["thinking", "speaking", "ready"]


def test_response_created_before_speech_stopped() -> None:
    scene = connected().until(102.0).hear(speech_started()).until(103.0)
    scene.hear(created(), speech_stopped(), committed())
    assert scene.state == "thinking"
    scene.hear(started()).sound().hear(done(), stopped()).silence().until(130.0)
    assert scene.names()[2:] == ["listening", "thinking", "speaking", "ready"]
    assert not scene.told(Notice.NO_ANSWER)


def test_sound_before_all_events_of_its_turn() -> None:
    scene = connected().until(102.0).hear(speech_started()).until(103.0).sound(102.5)
    scene.until(103.5).hear(speech_stopped(), committed(), created(), started())
    (told,) = scene.told(Notice.TURN_ANSWERED)
    assert told.fields == {"EDGE_RESPONSE_ID": "resp_1", "EDGE_LATENCY_MS": "500"}
    scene.hear(done()).until(105.0).silence().hear(stopped())
    assert scene.names()[2:] == ["listening", "speaking", "ready"]


def test_a_text_answer_leaves_the_device_ready() -> None:
    scene = asked(connected(), 103.0).hear(created()).until(104.0)
    scene.hear(done(parts=("output_text",)))
    assert scene.names()[-2:] == ["thinking", "ready"]
    assert not scene.until(200.0).told(Notice.NO_ANSWER)


def test_a_stop_of_an_older_answer_does_not_end_the_newer_one() -> None:
    scene = speaking(connected(), 105.0, "resp_1")
    scene.hear(started("resp_2"), stopped("resp_1")).silence()
    assert scene.state == "speaking"
    scene.hear(cleared("resp_1"))
    assert flushes(scene.take()) == 0
    assert scene.state == "speaking"


def test_a_response_that_never_comes_is_given_up_and_told() -> None:
    scene = asked(connected(), 103.0)
    scene.take()
    scene.until(117.9)
    assert scene.state == "thinking"
    scene.until(118.0)
    assert scene.state == "ready"
    assert scene.take_sent() == [CANCEL]
    (told,) = scene.told(Notice.NO_ANSWER)
    assert told.text == "the server did not answer within 15 s; giving up this turn"
    assert scene.agent.status.cause == "time limit"


def test_an_answer_that_is_still_being_written_down_is_waited_for() -> None:
    scene = asked(connected(), 103.0).hear(created())
    for _ in range(5):
        scene.until(scene.now + ANSWER_LIMIT_S - 1.0).hear(delta())
    assert scene.until(scene.now + ANSWER_LIMIT_S - 1.0).state == "thinking"
    assert scene.until(scene.now + 1.0).state == "ready"


def unanswered(scene: Scene) -> Scene:
    """Somebody asks, and the answer's sound never comes."""
    asked(scene, scene.now + 3.0).hear(created(), done())
    return scene.until(scene.now + ANSWER_LIMIT_S)


def test_a_second_unanswered_turn_in_a_row_ends_the_session() -> None:
    scene = unanswered(connected())
    assert not closes(scene.take())
    assert closes(unanswered(scene).take()) == [1]
    assert scene.state == "reconnecting"
    (told,) = scene.told(Notice.SESSION_ENDED)
    assert told.text == ("the session ended: the server left 2 turns in a row unanswered (next try in 1.0 s)")
    assert told.fields == {"EDGE_ERROR_CODE": "unanswered", "EDGE_SESSION_ID": "sess_1"}
    assert unanswered(scene.until(scene.now + 1.0).up()).state == "ready"


def test_unanswered_turns_are_counted_from_the_last_answer() -> None:
    scene = unanswered(connected())
    speaking(scene, scene.now + 5.0).hear(done(), stopped()).silence()
    scene = unanswered(scene)
    asked(scene, scene.now + 3.0).hear(created(), done(parts=("output_text",)))
    assert not closes(unanswered(scene).take())
    assert scene.state == "ready"


def test_what_is_cancelled_is_no_answer() -> None:
    scene = connected()
    for _ in range(2):
        asked(scene, scene.now + 3.0).hear(created())
        scene.until(scene.now + ANSWER_LIMIT_S).hear(done(status="cancelled", output=()))
    assert closes(scene.take()) == [1]


def test_an_answer_without_its_stop_ends_when_the_loudspeaker_stays_silent() -> None:
    scene = speaking(connected(), 105.0).hear(done()).until(108.0).silence()
    assert scene.until(112.9).state == "speaking"
    assert scene.until(113.0).state == "ready"


# -- barge-in and the gate -----------------------------------------------------------------------------


def test_barge_in_flushes_once_and_hears_the_person() -> None:
    scene = speaking(full_duplex(), 105.0).until(106.0).hear(speech_started("item_2"))
    assert scene.take() == [
        FlushPlayout(),
        Tell(Notice.BARGE_IN, "interrupted by speech", {"EDGE_RESPONSE_ID": "resp_1"}),
    ]
    assert scene.state == "listening"
    scene.silence().hear(done(status="cancelled"), cleared())
    assert scene.take() == []
    asked(scene, 108.0).hear(created("resp_2")).until(109.0).hear(started("resp_2")).sound(107.5)
    assert scene.names()[-4:] == ["speaking", "listening", "thinking", "speaking"]
    assert [told.fields["EDGE_RESPONSE_ID"] for told in scene.told(Notice.TURN_ANSWERED)] == [
        "resp_1",
        "resp_2",
    ]


def test_full_duplex_never_closes_the_gate() -> None:
    scene = speaking(full_duplex(), 105.0).hear(done(), stopped()).silence().until(110.0)
    assert scene.gate_is_open
    assert not [command for command in scene.take() if isinstance(command, SetUplink)]


def test_speech_while_nothing_sounds_interrupts_nothing() -> None:
    scene = connected().hear(speech_started())
    assert scene.take() == []


def test_a_person_may_be_heard_without_stopping_the_answer() -> None:
    scene = speaking(full_duplex(interrupt_response=False), 105.0).hear(speech_started("item_2"))
    assert scene.take() == []
    assert scene.state == "speaking"
    scene.hear(speech_stopped("item_2"), done(), stopped()).silence()
    assert scene.state == "thinking"


def test_an_answer_that_the_server_threw_away_is_flushed_here() -> None:
    scene = speaking(full_duplex(interrupt_response=False), 105.0).hear(cleared())
    assert flushes(scene.take()) == 1
    assert scene.names()[-1] == "thinking", "its response.done is still to come"


def test_half_duplex_closes_the_gate_from_start_to_tail() -> None:
    scene = asked(connected(), 103.0).hear(created())
    assert scene.gate_is_open
    scene.hear(started())
    assert not scene.gate_is_open, "closed before the first sound"
    scene.until(104.0).sound().hear(done()).until(106.0).hear(stopped())
    assert not scene.gate_is_open
    scene.until(106.2).silence()
    assert not scene.gate_is_open, "the room still rings"
    assert not scene.until(106.49).gate_is_open
    assert scene.until(106.51).gate_is_open


def test_half_duplex_opens_at_once_for_a_person_who_was_heard() -> None:
    scene = speaking(connected(), 105.0).hear(speech_started("item_2"))
    assert flushes(scene.take()) == 1
    assert scene.gate_is_open
    scene.silence()
    assert scene.gate_is_open, "the flushed device falls silent a moment later"


def test_the_gate_closes_before_and_opens_after_all_else() -> None:
    scene = connected()
    commands = scene.event(happened.MuteRequested(True)).take()
    assert commands[0] == SetUplink(Gate.CLOSED)
    commands = scene.event(happened.MuteRequested(False)).take()
    assert commands[-1] == SetUplink(Gate.OPEN)


def test_nothing_is_heard_before_there_is_a_session() -> None:
    scene = Scene()
    assert not scene.gate_is_open
    scene.up()
    assert scene.gate_is_open


# -- tools ---------------------------------------------------------------------------------------------


def calling(response_id: str, status: str = "completed") -> said.ServerEvent:
    call = Item(type="function_call", call_id=f"call_{response_id}", name="open_the_door")
    return done(response_id, status, output=(call,))


def test_a_tool_call_is_answered_and_followed_by_one_response() -> None:
    scene = asked(connected(), 103.0).hear(created())
    scene.take()
    output, create = scene.hear(calling("resp_1")).take_sent()
    assert isinstance(output, ask.ConversationItemCreate)
    assert output.item.call_id == "call_resp_1"
    assert create == CREATE
    assert scene.state == "thinking"
    scene.hear(created("resp_2"), started("resp_2"), done("resp_2"), stopped("resp_2"))
    assert scene.names()[-3:] == ["thinking", "speaking", "ready"]


def test_a_cancelled_tool_call_is_answered_but_asks_for_nothing() -> None:
    scene = connected().hear(created(), calling("resp_1", "cancelled"))
    assert [type(event) for event in scene.take_sent()] == [ask.ConversationItemCreate]


def test_a_model_that_only_calls_tools_is_not_asked_for_ever() -> None:
    scene = connected()
    for number in range(ROUNDS_LIMIT + 3):
        scene.hear(created(f"resp_{number}"), calling(f"resp_{number}"))
    assert scene.take_sent().count(CREATE) == ROUNDS_LIMIT
    scene.hear(created("resp_x"), done("resp_x", parts=()), created("resp_y"), calling("resp_y"))
    assert CREATE in scene.take_sent(), "a response in between ends the row"


def test_an_mcp_call_that_waits_for_consent_is_refused() -> None:
    item = Item(type="mcp_approval_request", id="mcpr_1")
    (event,) = connected().hear(said.ConversationItemDone(item=item)).take_sent()
    assert isinstance(event, ask.ConversationItemCreate)
    assert event.item.approve is False


@pytest.mark.parametrize("refusal", [REFUSED, error(None, type=ALREADY_ACTIVE)])
def test_a_response_after_a_tool_call_is_retried_when_another_was_in_the_way(
    refusal: said.ServerEvent,
) -> None:
    scene = connected().hear(created(), calling("resp_1"))
    scene.take()
    scene.hear(refusal, done("resp_other", parts=()))
    assert scene.take_sent() == [CREATE]


def test_a_response_that_began_is_not_asked_for_again() -> None:
    scene = connected().hear(created(), calling("resp_1"))
    assert scene.take_sent()[-1] == CREATE
    scene.hear(created("resp_3"), REFUSED, done("resp_3", parts=()))
    assert scene.take_sent() == [], "the response that began is the one we wanted"


def test_push_to_talk_beside_an_active_response_is_retried_once() -> None:
    scene = in_button_mode().press().until(102.0).release().until(103.0)
    scene.take()
    scene.hear(REFUSED)
    assert scene.take() == [], "a known race, not worth a warning"
    scene.hear(done("resp_other", "cancelled"))
    assert scene.take_sent() == [CREATE]
    assert scene.state == "thinking"
    scene.hear(REFUSED, done("resp_other", "cancelled"))
    assert scene.take_sent() == []
    scene.until(200.0)
    assert scene.names()[-2:] == ["thinking", "idle"]


def asked_in_vain() -> Scene:
    """Push-to-talk was handed over, and the server refused to answer beside another response."""
    scene = connected().press().until(102.0).release().until(103.0).hear(REFUSED)
    scene.take()
    return scene


def test_a_question_that_was_given_up_is_not_asked_again() -> None:
    scene = asked_in_vain().until(150.0)
    scene.take()
    assert scene.hear(done("resp_other")).take_sent() == []


def test_a_question_that_was_spoken_over_is_not_asked_again() -> None:
    scene = asked_in_vain().hear(speech_started("item_2"), done("resp_other", "cancelled"))
    assert scene.take_sent() == []


def test_a_question_that_was_taken_back_is_not_asked_again() -> None:
    scene = asked_in_vain().tap("side").hear(done("resp_other", "cancelled"))
    assert scene.take_sent() == []


def test_a_question_of_an_earlier_session_is_not_asked_in_the_next_one() -> None:
    scene = asked_in_vain().down().until(110.0).up("sess_2")
    assert scene.state == "ready"
    scene.hear(done("resp_other"))
    assert scene.take_sent() == []


# -- push-to-talk --------------------------------------------------------------------------------------


def test_push_to_talk_from_idle() -> None:
    scene = in_button_mode()
    assert scene.state == "idle"
    scene.until(101.0).press()
    assert scene.take() == [Send(1, CLEAR_INPUT), SetUplink(Gate.OPEN)]
    assert scene.state == "listening"
    scene.hear(said.InputAudioBufferCleared()).until(103.0).release()
    assert scene.state == "listening"
    assert scene.take() == []
    scene.until(103.0 + TALK_TAIL_S)
    assert scene.take() == [SetUplink(Gate.CLOSED), Send(1, COMMIT), Send(1, CREATE)]
    assert scene.state == "thinking"
    scene.hear(committed(), created(), started()).sound(103.0)
    assert scene.state == "speaking"
    assert len(scene.told(Notice.TURN_ANSWERED)) == 1
    scene.hear(done(), stopped()).silence()
    assert scene.state == "idle"


def test_every_push_to_talk_turn_is_answered() -> None:
    scene = in_button_mode()
    for number in range(3):
        scene.until(110.0 + 20 * number).press().until(scene.now + 2).release().until(scene.now + 1)
        name = f"resp_{number}"
        scene.hear(created(name), started(name)).sound(scene.now - 1.0)
        scene.hear(done(name), stopped(name)).silence()
    assert len(scene.told(Notice.TURN_ANSWERED)) == 3


def test_push_to_talk_in_a_conversation_switches_detection_off_and_on() -> None:
    scene = connected().press()
    assert scene.take_sent() == [OFF, CLEAR_INPUT]
    scene.until(102.0).release().until(103.0)
    assert scene.take_sent() == [COMMIT, CREATE, ON]
    assert scene.gate_is_open


def test_a_press_that_is_too_short_says_nothing() -> None:
    scene = connected().press()
    scene.take()
    scene.until(100.1).release()
    assert scene.take_sent() == [CLEAR_INPUT, ON]
    scene.until(110.0)
    assert scene.names() == ["connecting", "ready", "listening", "ready"]


def test_pressing_during_an_answer_stops_it_first() -> None:
    scene = speaking(in_button_mode(), 105.0).until(106.0).press()
    assert scene.take() == [
        Send(1, CANCEL),
        Send(1, CLEAR_OUTPUT),
        FlushPlayout(),
        Send(1, CLEAR_INPUT),
        SetUplink(Gate.OPEN),
    ]
    assert scene.state == "listening"
    scene.silence().hear(done(status="cancelled"), cleared())
    assert scene.take() == []
    assert scene.state == "listening"


def test_pressing_after_response_done_clears_only_the_sound() -> None:
    scene = speaking(in_button_mode(), 105.0).hear(done()).press()
    assert scene.take_sent() == [CLEAR_OUTPUT, CLEAR_INPUT]


def test_the_rest_of_an_answer_here_needs_no_word_to_the_server() -> None:
    scene = speaking(in_button_mode(), 105.0).hear(done(), stopped()).press()
    commands = scene.take()
    assert flushes(commands) == 1
    assert Send(1, CLEAR_OUTPUT) not in commands


def test_a_held_button_is_heard_while_an_answer_sounds() -> None:
    scene = connected().press().sound()
    assert scene.state == "speaking"
    assert scene.gate_is_open


def test_an_answer_to_what_was_said_before_the_press_is_cancelled() -> None:
    scene = asked(connected(), 103.0).press()
    scene.take()
    scene.hear(created("resp_old"))
    assert scene.take_sent() == [CANCEL, CLEAR_OUTPUT]
    scene.until(104.0).release().until(105.0).hear(done("resp_old", "cancelled"), created("resp_new"))
    assert scene.take_sent() == [COMMIT, CREATE, ON]
    assert scene.agent.status.response_id == "resp_new"


def test_a_press_in_the_tail_goes_on_with_the_utterance() -> None:
    scene = in_button_mode().press().until(102.0).release().until(102.1).press()
    scene.take()
    scene.until(103.0).release().until(104.0)
    assert scene.take_sent() == [COMMIT, CREATE]
    assert scene.names() == ["connecting", "idle", "listening", "thinking"]


def test_what_is_said_while_there_is_no_session_is_held_for_the_next_one() -> None:
    scene = in_button_mode().until(200.0).down()
    scene.take()
    scene.until(200.5).press()
    assert scene.take() == [SetUplink(Gate.HOLDING), OpenLink(2)]
    scene.until(203.0).release().until(204.0)
    assert scene.take() == []
    scene.event(happened.LinkUp(2, "sess_2", None))
    assert scene.take()[1:] == [Send(2, OFF), HandOver(2), SetUplink(Gate.OPEN, OPENED_AT)]
    assert scene.until(205.0).take() == [], "it is still being told"
    scene.caught_up().until(206.0)
    assert scene.take_sent() == [COMMIT, CREATE]
    assert scene.state == "thinking"


def test_what_is_said_without_a_session_is_forgotten_when_none_comes() -> None:
    scene = in_button_mode().until(200.0).down().until(200.5).press().until(203.0).release()
    scene.until(203.0 + LATE_LIMIT_S)
    assert scene.gate is Gate.CLOSED
    scene.take()
    assert scene.up("sess_2").until(300.0).take_sent() == [OFF]


def test_a_press_that_only_a_person_can_help_is_not_held() -> None:
    scene = in_button_mode().hear(error("insufficient_quota")).until(101.0).press().until(102.0)
    assert scene.state == "failed"
    assert scene.gate is Gate.CLOSED


def test_presses_with_the_link_down_make_no_storm() -> None:
    scene = in_button_mode().until(200.0).down().press().down()
    scene.take()
    scene.until(200.5).release().until(201.0).press()
    assert scene.take() == []


def test_a_press_while_muted_says_nothing() -> None:
    scene = in_button_mode().event(happened.MuteRequested(True))
    scene.take()
    scene.press().until(102.0).release().until(103.0)
    assert scene.take() == []
    assert scene.state == "muted"


def test_a_stuck_talk_button_is_let_go_by_time() -> None:
    scene = in_button_mode().press().until(100.0 + LONGEST_TALK_S)
    assert scene.state == "thinking"
    assert not scene.gate_is_open
    scene.until(400.0).release().until(500.0)
    assert scene.state == "idle"


def test_a_server_without_manual_turns_detects_them_while_the_button_is_held() -> None:
    scene = connected(settings(mode=Mode.BUTTON, takes_manual_turns=False)).press()
    assert scene.take() == [SetUplink(Gate.OPEN)]
    scene.hear(speech_started()).until(102.0).release().until(103.0)
    assert scene.take() == [SetUplink(Gate.CLOSED)]
    assert scene.state == "listening", "the server has not heard the end yet"
    scene.hear(speech_stopped(), created(), started())
    assert scene.take_sent() == []
    assert scene.state == "speaking"


def test_a_server_without_manual_turns_may_answer_while_the_button_is_held() -> None:
    scene = connected(settings(mode=Mode.BUTTON, takes_manual_turns=False)).press()
    scene.take()
    scene.hear(speech_started(), speech_stopped(), created())
    assert scene.take_sent() == []
    scene.until(102.0).release().until(103.0)
    assert scene.state == "thinking"


def test_a_short_press_leaves_a_server_without_manual_turns_alone() -> None:
    scene = connected(settings(takes_manual_turns=False)).hear(speech_started()).press()
    scene.until(100.1).release().until(103.0)
    assert scene.take() == []
    assert scene.state == "listening"


# -- conversations by button ---------------------------------------------------------------------------


def test_a_tap_starts_a_conversation_and_another_one_ends_it() -> None:
    scene = in_button_mode()
    scene.until(110.0).tap().until(111.0)
    assert scene.take_sent() == [CLEAR_INPUT, CLEAR_INPUT, ON]
    assert scene.state == "ready"
    assert scene.gate_is_open
    scene.until(120.0).tap().until(121.0)
    assert scene.take_sent() == [OFF, CLEAR_INPUT, CLEAR_INPUT, ON, OFF, CLEAR_INPUT]
    assert scene.state == "idle"
    assert not scene.gate_is_open


def test_a_conversation_ends_when_nobody_speaks() -> None:
    scene = in_button_mode(conversation_idle_limit_s=60.0).until(500.0).tap().until(501.0)
    assert scene.state == "ready", "the idle time counts from the tap"
    asked(scene, 540.0).hear(created(), started()).sound().hear(done(), stopped()).until(545.0).silence()
    scene.until(604.9)
    assert scene.state == "ready"
    scene.until(605.0)
    assert scene.state == "idle"
    assert scene.agent.status.cause == "time limit"


def test_a_conversation_does_not_end_while_somebody_speaks() -> None:
    scene = in_button_mode(conversation_idle_limit_s=60.0).tap().until(101.0)
    scene.hear(speech_started()).until(200.0)
    assert scene.state == "listening"
    scene.hear(speech_stopped()).until(201.0).hear(created(), started()).sound().until(300.0)
    assert scene.state == "speaking"
    scene.hear(done(), stopped()).silence().until(359.0)
    assert scene.state == "ready"


def test_a_long_hold_asks_only_when_it_is_over() -> None:
    scene = in_button_mode().press().until(140.0)
    assert scene.state == "listening"
    assert scene.agent.next_deadline() == 100.0 + LONGEST_TALK_S
    scene.release().until(141.0)
    assert scene.take_sent() == [CLEAR_INPUT, COMMIT, CREATE]
    assert not scene.told(Notice.NO_ANSWER)


def test_a_tap_during_an_answer_stops_it() -> None:
    scene = in_button_mode().tap().until(101.0)
    speaking(scene, 105.0).tap().until(106.0)
    assert scene.names()[-4:] == ["speaking", "listening", "ready", "idle"]


def test_an_open_conversation_goes_on_in_the_next_session() -> None:
    scene = in_button_mode().tap().until(101.0).down().until(103.0)
    scene.take()
    assert scene.up("sess_2").take_sent() == []
    assert scene.state == "ready"


def test_a_conversation_idles_anew_from_a_new_session_on() -> None:
    scene = in_button_mode(conversation_idle_limit_s=60.0).tap().until(110.0).down().until(150.0).up("sess_2")
    assert scene.until(209.0).state == "ready"
    assert scene.until(210.0).state == "idle"


def test_a_new_session_is_deaf_where_nobody_talks() -> None:
    assert Scene(settings(mode=Mode.BUTTON)).up().take_sent() == [OFF]


def test_a_tap_interrupts_in_always_on_mode() -> None:
    scene = speaking(connected(), 105.0).tap("side")
    assert scene.take()[:3] == [Send(1, CANCEL), Send(1, CLEAR_OUTPUT), FlushPlayout()]
    assert scene.state == "ready"


def test_interrupting_before_the_answer_begins_cancels_it_when_it_does() -> None:
    scene = asked(connected(), 103.0).tap("side")
    assert scene.state == "ready"
    scene.take()
    scene.hear(created())
    assert scene.take_sent() == [CANCEL, CLEAR_OUTPUT]
    assert scene.state == "ready"


def test_interrupting_an_answer_before_it_sounds_lets_nothing_of_it_be_heard() -> None:
    scene = asked(connected(), 103.0).hear(created())
    scene.take()
    assert scene.tap("side").take() == [Send(1, CANCEL), Send(1, CLEAR_OUTPUT), FlushPlayout()]
    assert scene.state == "ready"


def test_interrupting_nothing_does_nothing() -> None:
    assert connected().tap("side").take() == []


def test_interrupting_a_server_that_never_says_what_it_plays() -> None:
    scene = asked(connected(), 103.0).hear(created()).until(104.0).sound().hear(done())
    scene.take()
    scene.tap("side")
    assert scene.take()[:2] == [Send(1, CLEAR_OUTPUT), FlushPlayout()]


def test_an_unknown_button_means_nothing() -> None:
    assert connected().press("doorbell").release("doorbell").take() == []


# -- volume --------------------------------------------------------------------------------------------


def test_a_volume_is_set_and_told_when_it_is_reached() -> None:
    scene = connected()
    assert scene.event(happened.VolumeRequested(40)).take() == [SetVolume(40)]
    told = Tell(Notice.VOLUME_CHANGED, "the volume is 40 %", {"EDGE_VOLUME_PERCENT": "40"})
    assert scene.event(happened.VolumeChanged(40)).take() == [told]
    assert scene.state == "ready"


@pytest.mark.parametrize(("held_s", "by_percent"), [(0.1, STEP_PERCENT), (1.0, -STEP_PERCENT)])
def test_a_button_makes_it_louder_or_softer(held_s: float, by_percent: int) -> None:
    knob = ButtonSettings("knob", Action.VOLUME_UP, Action.VOLUME_DOWN, Action.NONE, hold_s=0.5)
    scene = connected(settings(buttons=(knob,)))
    scene.press("knob").until(scene.now + held_s).release("knob")
    assert scene.take() == [StepVolume(by_percent)]


# -- mute ----------------------------------------------------------------------------------------------


def test_mute_in_the_middle_of_speech_forgets_it() -> None:
    scene = connected().until(102.0).hear(speech_started()).until(103.0).event(happened.MuteRequested(True))
    assert scene.take() == [
        SetUplink(Gate.CLOSED),
        SetCapture(False),
        Send(1, CLEAR_INPUT),
        Tell(Notice.MUTED, "muted: the microphone device is closed"),
    ]
    assert scene.state == "muted"
    scene.event(happened.MuteRequested(False))
    assert scene.take() == [
        SetCapture(True),
        Tell(Notice.UNMUTED, "the microphone is open again"),
        SetUplink(Gate.OPEN),
    ]
    assert scene.state == "ready"


def test_muting_twice_is_muting_once() -> None:
    scene = connected()
    assert not scene.agent.is_muted
    scene.event(happened.MuteRequested(True)).take()
    assert scene.agent.is_muted
    assert scene.event(happened.MuteRequested(True)).take() == []


def test_a_long_press_mutes_and_another_one_unmutes() -> None:
    scene = connected().press("side").until(102.0).release("side")
    assert scene.state == "muted"
    assert not scene.capture_is_open
    scene.until(103.0).press("side").until(104.0).release("side")
    assert scene.state == "ready"
    assert scene.capture_is_open


def test_a_double_tap_mutes_in_button_mode() -> None:
    scene = in_button_mode().tap().until(100.2).tap().until(102.0)
    assert scene.state == "muted"


def test_mute_ends_push_to_talk() -> None:
    scene = connected().press().until(101.0)
    scene.take()
    scene.event(happened.MuteRequested(True))
    assert scene.take_sent() == [CLEAR_INPUT, ON]
    scene.until(102.0).release().until(103.0)
    assert scene.take() == []


def test_mute_survives_a_reconnect() -> None:
    scene = connected().event(happened.MuteRequested(True)).down().until(102.0).up("sess_2")
    assert scene.state == "muted"
    assert not scene.gate_is_open


def test_an_answer_goes_on_while_muted() -> None:
    scene = speaking(connected(), 105.0).event(happened.MuteRequested(True))
    assert scene.state == "speaking"
    scene.hear(done(), stopped()).silence()
    assert scene.state == "muted"


# -- devices, requests, the end ------------------------------------------------------------------------


@pytest.mark.parametrize("device", list(happened.Device))
def test_a_missing_device_is_shown_until_it_is_back(device: happened.Device) -> None:
    scene = connected().event(happened.DeviceLost(device, "unplugged"))
    assert scene.state == "failed"
    assert scene.agent.status.cause == f"no {device.value}"
    scene.event(happened.DeviceBack(device)).event(happened.DeviceBack(device))
    assert scene.state == "ready"
    assert len(scene.told(Notice.DEVICE_LOST)) == 1
    assert len(scene.told(Notice.DEVICE_BACK)) == 1


def test_a_loudspeaker_that_goes_missing_has_stopped_sounding() -> None:
    scene = speaking(connected(), 105.0).hear(done(), stopped())
    scene.event(happened.DeviceLost(happened.Device.LOUDSPEAKER, "unplugged"))
    scene.event(happened.DeviceBack(happened.Device.LOUDSPEAKER))
    assert scene.state == "ready"


@pytest.mark.parametrize("allowed", [True, False])
def test_raw_events_are_sent_only_where_that_is_allowed(allowed: bool) -> None:
    payload: dict[str, object] = {"type": "session.wrong"}
    scene = connected(settings(raw_events=allowed)).event(happened.RawEventRequested(payload))
    assert scene.take_sent() == ([ask.RawEvent(payload=payload)] if allowed else [])


def test_stopping_hangs_up_and_closes_the_microphone() -> None:
    scene = speaking(full_duplex(), 105.0)
    assert scene.agent.stop(106.0) == [SetUplink(Gate.CLOSED), CloseLink(1)]
    assert scene.agent.stop(106.0) == []
    assert scene.agent.handle(happened.ButtonPressed("talk"), 107.0) == []
    assert scene.agent.handle(happened.ServerSaid(1, speech_started()), 107.0) == []


def test_an_agent_that_never_started_can_be_stopped() -> None:
    agent = Agent(settings(), chance)
    assert agent.status.state is AgentState.STARTING
    assert agent.next_deadline() is None
    assert agent.stop(1.0) == [SetUplink(Gate.CLOSED)]
