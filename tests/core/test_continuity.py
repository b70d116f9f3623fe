"""One conversation over many sessions, as a person notices it: losses, waits and renewals."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_agent.core import events as happened
from edge_agent.core.commands import (
    CloseLink,
    FlushPlayout,
    Gate,
    HandOver,
    OpenLink,
    Send,
    SetUplink,
    Tell,
)
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.gate import LONG_UNNOTICED_S, UNNOTICED_S
from edge_agent.core.lost_answer import SCARCELY_HEARD_S
from edge_agent.core.notices import Notice
from edge_agent.core.policy import HEALTHY_AFTER_S, PARKED, WAKE_SPACING_S
from edge_agent.core.settings import AgentSettings, Mode
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ApiError, ContentPart, Item
from tests.core.scenes import (
    OPENED_AT,
    TURN_DETECTION_OFF,
    Scene,
    asked,
    closes,
    committed,
    connected,
    created,
    delta,
    done,
    error,
    failed,
    flushes,
    full_duplex,
    in_button_mode,
    says,
    settings,
    speaking,
    speech_started,
    speech_stopped,
    started,
    stopped,
    wrote,
)

OFF = ask.SessionUpdate(session=TURN_DETECTION_OFF)
CLEAR = ask.InputAudioBufferClear()
COMMIT = ask.InputAudioBufferCommit()
CREATE = ask.ResponseCreate()


# -- what a server can't do --------------------------------------------------------------------------------


def test_a_server_that_refuses_turns_by_hand_is_asked_for_none_in_the_next_session() -> None:
    scene = in_button_mode().press()
    assert Send(1, CLEAR) in scene.take()
    scene.hear(error("unknown_event", "Unknown event: input_audio_buffer.clear"))
    scene.until(102.0).release().until(110.0).take()
    scene.down().until(115.0).up("sess_2").take()
    scene.press()
    assert CLEAR not in [each.event for each in scene.take() if isinstance(each, Send)]
    scene.until(117.0).release().until(120.0)
    assert COMMIT not in [each.event for each in scene.take() if isinstance(each, Send)]


# -- losses and waits ----------------------------------------------------------------------------------


def test_a_session_lost_while_speaking() -> None:
    scene = speaking(connected(), 105.0).down()
    commands = scene.take()
    assert commands[0] == FlushPlayout()
    assert scene.state == "reconnecting"
    assert not scene.gate_is_open
    scene.silence().until(106.0)
    assert scene.opened_at == [OPENED_AT, 106.0]
    scene.up("sess_2")
    assert scene.state == "ready"
    assert scene.names()[-3:] == ["speaking", "reconnecting", "ready"]


def test_what_waits_for_the_loudspeaker_does_not_outlive_the_session() -> None:
    assert flushes(connected().down().take()) == 1


def test_an_attempt_that_fails_has_nothing_to_flush() -> None:
    assert flushes(Scene().down().take()) == 0


def test_a_session_lost_while_somebody_talks_hears_it_all_in_the_next_one() -> None:
    scene = in_button_mode().until(101.0).press().until(102.0).down()
    assert scene.state == "reconnecting"
    assert scene.gate is Gate.HOLDING
    scene.until(104.0).up("sess_2")
    assert scene.take()[-1] == SetUplink(Gate.OPEN, OPENED_AT)
    scene.release().until(110.0)
    assert scene.take_sent() == [COMMIT, CREATE]


def test_speech_that_a_lost_session_has_not_answered_is_told_again() -> None:
    scene = speaking(full_duplex(), 105.0).hear(done(), stopped()).silence().until(110.0)
    scene.hear(speech_started()).until(112.0).hear(speech_stopped(), committed()).until(113.0).down()
    scene.take()
    scene.until(115.0).event(happened.LinkUp(2, "sess_2", None))
    assert scene.take()[-1] == SetUplink(Gate.OPEN, 105.0 - UNNOTICED_S), "the last that was surely heard"


def answered_since(scene: Scene, heard_s: float) -> float | None:
    """From when on the next session is told what was said, if an answer at 105 s was heard for so long.

    The one before, at 102 s, was heard to its end.
    """
    speaking(scene, 102.0).until(103.0).hear(done(), stopped()).silence()
    speaking(scene, 105.0, "resp_2").until(105.0 + heard_s).down().silence().until(109.0)
    scene.event(happened.LinkUp(2, "sess_2", None))
    (told,) = [each for each in scene.take() if isinstance(each, SetUplink) and each.gate is Gate.OPEN]
    return told.since


def test_a_question_is_told_again_if_no_more_than_a_word_of_its_answer_was_heard() -> None:
    assert answered_since(full_duplex(), SCARCELY_HEARD_S - 0.1) == 103.0 - UNNOTICED_S


def test_a_question_is_not_told_again_if_its_answer_was_heard_for_longer() -> None:
    assert answered_since(full_duplex(), SCARCELY_HEARD_S + 0.1) == 105.0 - UNNOTICED_S


def test_a_question_is_told_again_if_the_server_died_at_the_first_word_of_its_answer() -> None:
    scene = speaking(full_duplex(), 105.0).until(105.3).silence().until(107.6)
    scene.event(happened.LinkLapsed(scene.epoch)).until(113.0).down(FaultKind.PEER_DEAD).until(114.0).take()
    scene.event(happened.LinkUp(2, "sess_2", None))
    assert SetUplink(Gate.OPEN, OPENED_AT) in scene.take()


def test_a_word_that_nobody_has_asked_for_asks_nothing_again() -> None:
    scene = speaking(full_duplex(), 102.0).until(104.0).hear(done(), stopped()).silence()
    scene.until(106.0).hear(created("resp_2"), started("resp_2")).sound().until(106.2).down().silence().take()
    scene.until(109.0).event(happened.LinkUp(2, "sess_2", None))
    assert SetUplink(Gate.OPEN, 106.0 - UNNOTICED_S) in scene.take()


def test_events_of_an_older_session_are_stale() -> None:
    scene = connected().down().until(102.0).up("sess_2")
    scene.take()
    scene.hear(speech_started(), created(), started(), error("session_expired"), epoch=1)
    scene.event(happened.LinkUp(1, "sess_1", None))
    assert scene.take() == []
    assert scene.state == "ready"


def test_a_late_end_of_an_older_session_changes_nothing() -> None:
    scene = connected().hear(*[failed("server_error")] * 3).until(103.0)
    assert scene.epoch == 2
    scene.take()
    scene.event(happened.LinkDown(1, Fault(FaultKind.CLOSED, "bye")))
    assert scene.take() == []
    scene.up("sess_2")
    assert scene.state == "ready"


def test_nothing_is_believed_before_the_session_is_up() -> None:
    scene = Scene()
    scene.take()
    assert scene.hear(speech_started(), error("insufficient_quota")).take() == []
    assert scene.state == "connecting"


def test_a_second_word_that_the_session_is_up_changes_nothing() -> None:
    assert connected().up("sess_again").take() == []


def test_refused_settings_park_the_link_and_say_so() -> None:
    scene = Scene().down(FaultKind.SETUP_REFUSED, "no such voice", code="invalid_value", param="voice")
    assert scene.state == "failed"
    (told,) = scene.told(Notice.PARKED)
    assert "no such voice" in told.text
    assert scene.agent.next_deadline() == OPENED_AT + PARKED.steps_s[0]
    scene.until(OPENED_AT + PARKED.steps_s[0])
    assert scene.state == "connecting"
    assert scene.agent.status.cause == "next try"


@pytest.mark.parametrize("event", [failed("insufficient_quota"), error("insufficient_quota")])
def test_an_empty_account_parks_the_link(event: said.ServerEvent) -> None:
    scene = asked(connected(), 103.0).hear(created())
    scene.take()
    commands = scene.hear(event).take()
    assert closes(commands) == [1]
    assert scene.state == "failed"
    assert scene.agent.status.session_id == ""
    assert len(scene.told(Notice.PARKED)) == 1
    scene.press("side")
    assert scene.take() == [SetUplink(Gate.HOLDING), OpenLink(2)], "a person may try at once"


def test_too_many_requests_wait_as_long_as_the_server_says() -> None:
    scene = Scene().down(FaultKind.HTTP_STATUS, "slow down", http_status=429, retry_after_s=30.0)
    scene.until(200.0)
    assert scene.opened_at == [OPENED_AT, OPENED_AT + 30.0]
    assert len(scene.told(Notice.CONNECT_FAILED)) == 1


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    scene = connected().down(FaultKind.LOST, "silence")
    for _ in range(4):
        scene.until(scene.agent.next_deadline() or 0.0)
        scene.down(FaultKind.NETWORK, "refused")
    scene.until(scene.agent.next_deadline() or 0.0).up("sess_2")
    assert len(scene.told(Notice.SESSION_ENDED)) == 1
    assert len(scene.told(Notice.CONNECT_FAILED)) == 1
    assert len(scene.told(Notice.STILL_NO_SESSION)) == 3
    assert scene.told(Notice.SESSION_OPENED)[-1].text == "session sess_2 is open after 5 attempts"


def test_a_server_without_a_sign_of_life_is_shown_and_told_once() -> None:
    scene = connected()
    scene.event(happened.LinkDoubted(scene.epoch))
    assert scene.state == "reconnecting"
    scene.event(happened.LinkTrusted(scene.epoch))
    assert scene.state == "ready"
    assert len(scene.told(Notice.LINK_DOUBTED)) == len(scene.told(Notice.LINK_TRUSTED)) == 1
    assert len(scene.opened_at) == 1


def test_doubt_ends_with_the_session_that_it_is_about() -> None:
    scene = connected()
    scene.event(happened.LinkDoubted(scene.epoch)).down(FaultKind.PEER_DEAD)
    scene.until(scene.agent.next_deadline() or 0.0).up("sess_2")
    assert scene.state == "ready"
    scene.event(happened.LinkDoubted(scene.epoch - 1))
    assert scene.state == "ready"


def test_a_change_of_the_network_cuts_the_wait_for_it_short() -> None:
    scene = connected().down(FaultKind.PATH_DEAD)
    for _ in range(6):
        scene.until(scene.agent.next_deadline() or 0.0)
        scene.down(FaultKind.NETWORK, "unreachable")
    scene.until(scene.now + WAKE_SPACING_S)
    scene.event(happened.NetworkChanged())
    assert scene.opened_at[-1] == scene.now


def test_a_change_of_the_network_does_not_hurry_a_server_that_wants_to_be_left_alone() -> None:
    scene = Scene().down(FaultKind.HTTP_STATUS, "slow down", http_status=429, retry_after_s=30.0)
    scene.until(scene.now + 10.0).event(happened.NetworkChanged())
    assert len(scene.opened_at) == 1


def test_a_refusal_that_parks_again_is_not_told_again() -> None:
    scene = Scene().down(FaultKind.HTTP_STATUS, "401", http_status=401)
    scene.until(OPENED_AT + PARKED.steps_s[0]).down(FaultKind.HTTP_STATUS, "401, request 2", http_status=401)
    assert len(scene.told(Notice.PARKED)) == 1
    assert len(scene.told(Notice.STILL_NO_SESSION)) == 1


def test_an_expired_session_is_replaced_at_once() -> None:
    scene = connected().until(OPENED_AT + HEALTHY_AFTER_S)
    commands = scene.hear(error("session_expired", "an hour is over")).take()
    assert [command for command in commands if not isinstance(command, Tell)] == [
        SetUplink(Gate.HOLDING),
        CloseLink(1),
        FlushPlayout(),
        OpenLink(2),
    ]
    assert scene.up("sess_2").state == "ready"


def test_accept_then_drop_keeps_backing_off() -> None:
    scene = Scene()
    for attempt in range(1, 6):
        scene.up().until(scene.now + 0.1).down()
        while scene.epoch == attempt:
            scene.until(scene.now + 0.1)
    gaps = [later - earlier for earlier, later in pairwise(scene.opened_at)]
    assert gaps == pytest.approx([1.1, 2.1, 4.1, 8.1, 16.1], abs=0.11)


def test_three_transient_errors_in_a_minute_renew_the_session() -> None:
    scene = connected()
    for number in range(3):
        scene.until(110.0 + number).hear(created(), failed("rate_limit_exceeded"))
    assert closes(scene.take()) == [1]
    assert scene.state == "reconnecting"
    assert len(scene.told(Notice.RESPONSE_FAILED)) == 2
    assert len(scene.told(Notice.SESSION_ENDED)) == 1
    scene.until(115.0).up("sess_2")
    assert scene.state == "ready"


def test_a_failed_response_leaves_the_device_ready() -> None:
    scene = asked(connected(), 103.0).hear(created(), failed("server_error"))
    assert scene.state == "ready"
    (told,) = scene.told(Notice.RESPONSE_FAILED)
    assert told.fields == {"EDGE_ERROR_CODE": "server_error", "EDGE_RESPONSE_ID": "resp_1"}


def test_an_error_about_our_request_is_told_and_kept() -> None:
    scene = connected().hear(error("invalid_value", "no such voice", param="session.voice"))
    (told,) = scene.told(Notice.SERVER_ERROR)
    assert told.text == "the server reports an error: no such voice (parameter session.voice)"
    assert scene.state == "ready"


def test_a_harmless_race_is_not_worth_a_word() -> None:
    assert connected().hear(error("response_cancel_not_active")).take() == []


def test_a_failed_transcription_is_told_and_the_answer_goes_on() -> None:
    scene = asked(connected(), 103.0)
    event = said.ConversationItemInputAudioTranscriptionFailed(error=ApiError(message="mumbled"))
    scene.hear(event)
    assert len(scene.told(Notice.SERVER_ERROR)) == 1
    assert scene.state == "thinking"


# -- renewal -------------------------------------------------------------------------------------------


def renewable(agent_settings: AgentSettings | None = None) -> Scene:
    """A session of 100 s, which is due to be renewed from 180 s on."""
    scene = Scene(agent_settings).up(lifetime_s=100.0)
    scene.take()
    return scene


def test_a_session_is_renewed_while_nobody_speaks() -> None:
    scene = renewable().until(179.9)
    assert scene.take() == []
    assert scene.until(180.0).take() == [OpenLink(2)]
    scene.until(181.0).up("sess_2", 100.0)
    held, handed_over, hung_up, told, opened = scene.take()
    assert (handed_over, hung_up) == (HandOver(2), CloseLink(1))
    assert isinstance(told, Tell)
    assert told.text == "session sess_2 has taken over from session sess_1"
    assert (held, opened) == (SetUplink(Gate.HOLDING), SetUplink(Gate.OPEN, 181.0 - LONG_UNNOTICED_S))
    assert scene.names() == ["connecting", "ready"], "nobody notices"
    assert scene.gate_is_open
    assert scene.agent.status.session_id == "sess_2"


def test_who_takes_over_is_not_told_what_was_answered() -> None:
    scene = speaking(renewable(), 178.0).hear(done(), stopped(), wrote("hello")).until(181.0).silence()
    scene.until(181.5).up("sess_2", 100.0).until(182.0)
    opened = [command for command in scene.take() if isinstance(command, SetUplink)]
    since = opened[-1].since
    assert since is not None
    assert since > 177.5, "the question ended then"


def test_an_answer_is_heard_to_its_end_before_the_session_is_renewed() -> None:
    scene = speaking(renewable(), 178.0).until(184.0)
    assert scene.take() == []
    assert scene.hear(done(), stopped()).until(185.0).take() == []
    assert scene.silence().take() == [OpenLink(2)]


def test_who_begins_to_speak_is_answered_by_the_session_that_heard_it() -> None:
    scene = renewable().until(180.0).hear(speech_started(), epoch=1)
    assert scene.until(180.5).up("sess_2", 100.0).take()[1:] == []
    scene.hear(speech_stopped(), committed(), wrote("hello"), created(), started(), epoch=1).sound()
    scene.hear(done(), stopped(), epoch=1).until(182.0).silence()
    assert [command for command in scene.take() if not isinstance(command, Tell | SetUplink)] == [
        Send(2, remembered("hello")[0]),
        HandOver(2),
        CloseLink(1),
    ]


def test_a_successor_that_waits_while_somebody_speaks_is_given_up_and_asked_for_again() -> None:
    scene = renewable().until(180.0).hear(speech_started(), epoch=1).until(181.0).up("sess_2", 100.0)
    scene.take()
    assert closes(scene.until(184.0).take()) == [2]
    scene.hear(speech_stopped(), created(), done(status="cancelled"), epoch=1).until(186.0)
    assert OpenLink(3) in scene.take()


def test_a_successor_is_opened_at_the_latest_even_while_somebody_speaks() -> None:
    scene = renewable().until(170.0).hear(speech_started()).until(194.9)
    assert scene.take() == []
    assert scene.until(195.0).take() == [OpenLink(2)]
    scene.up("sess_2", 100.0).until(199.0)
    assert scene.take() == [], "a turn is not cut"
    scene.event(happened.LinkDown(1, Fault(FaultKind.EXPIRED, "a minute is over", "session_expired")))
    commands = scene.take()
    assert HandOver(2) in commands
    assert closes(commands) == []
    assert scene.state == "ready"


def test_what_a_successor_says_before_it_takes_over_is_not_heard() -> None:
    scene = renewable().until(180.0).hear(speech_started(), epoch=1).up("sess_2", 100.0)
    scene.take()
    scene.hear(created("resp_x"), error("insufficient_quota"), epoch=2)
    assert scene.take() == []
    assert scene.state == "listening"


def test_what_the_former_session_says_after_the_renewal_is_not_heard() -> None:
    scene = renewable().until(180.0).up("sess_2", 100.0)
    scene.take()
    scene.hear(speech_started(), error("session_expired"), epoch=1)
    scene.event(happened.LinkDown(1, Fault(FaultKind.CLOSED, "bye")))
    assert scene.take() == []
    assert scene.state == "ready"


def test_a_renewal_that_fails_is_told_and_tried_again() -> None:
    scene = renewable().until(180.0)
    scene.event(happened.LinkDown(2, Fault(FaultKind.NETWORK, "refused")))
    (told,) = scene.told(Notice.NO_SUCCESSOR)
    assert told.text == "no session to follow this one: refused (next try in 1 s)"
    assert scene.state == "ready"
    scene.until(182.0)
    assert scene.opened_at == [OPENED_AT, 180.0, 181.0]


def test_a_session_lost_during_its_renewal_costs_no_more_time_than_that() -> None:
    scene = renewable().until(180.0)
    scene.event(happened.LinkDown(1, Fault(FaultKind.LOST, "gone")))
    assert scene.state == "reconnecting"
    assert scene.up("sess_2", 100.0).state == "ready"
    assert scene.opened_at == [OPENED_AT, 180.0]


def test_a_device_without_a_conversation_tells_each_session_not_to_listen() -> None:
    scene = renewable(settings(mode=Mode.BUTTON)).until(180.0).up("sess_2", 100.0)
    commands = scene.take()
    assert commands[1:4] == [Send(2, OFF), HandOver(2), CloseLink(1)]


def test_a_renewal_does_not_keep_a_conversation_from_ending() -> None:
    scene = renewable(settings(mode=Mode.BUTTON, conversation_idle_limit_s=60.0)).until(150.0).tap()
    scene.until(185.0).up("sess_2", 100.0)
    assert scene.until(210.0).state == "ready"
    assert scene.until(211.0).state == "idle"


def test_a_talk_button_is_not_let_go_by_a_renewal() -> None:
    scene = renewable(settings(mode=Mode.BUTTON)).until(175.0).press().until(181.0)
    assert scene.opened_at == [OPENED_AT]
    scene.release().until(181.2).hear(created(), started()).sound().hear(done(), stopped()).silence()
    assert len(scene.opened_at) == 2


def remembered(*words: str) -> list[ask.ClientEvent]:
    """What a new session is told: the person's and the answer's words in turn."""
    kinds = (("user", "input_text"), ("assistant", "output_text"))
    return [
        ask.ConversationItemCreate(
            item=Item(type="message", role=role, content=(ContentPart(type=kind, text=text),))
        )
        for (role, kind), text in zip(kinds * len(words), words, strict=False)
    ]


def answered_once(scene: Scene) -> Scene:
    """Somebody has asked, and the answer is over."""
    asked(scene, 150.0).hear(wrote("what time is it"), created(), started()).sound()
    scene.hear(says("It is noon."), done(), stopped()).until(152.0).silence()
    scene.take()
    return scene


def test_a_new_session_is_told_what_was_said_before_it_takes_over() -> None:
    scene = answered_once(renewable()).until(180.0).up("sess_2", 100.0)
    told = [Send(2, event) for event in remembered("what time is it", "It is noon.")]
    assert scene.take()[3:7] == [*told, HandOver(2), CloseLink(1)]


def test_a_session_after_a_loss_is_told_as_well() -> None:
    scene = answered_once(renewable()).down().until(160.0)
    scene.take()
    assert scene.up("sess_2").take_sent() == remembered("what time is it", "It is noon.")


def test_a_session_after_a_loss_is_told_how_far_an_answer_got() -> None:
    scene = asked(renewable(), 150.0).hear(wrote("what time is it"), created(), started()).sound()
    scene.hear(delta(text="It is noon, "), delta(text="and warm")).until(158.0).down().silence().until(170.0)
    scene.take()
    assert remembered("what time is it", "It is noon, and warm")[1] in scene.up("sess_2").take_sent()


def test_a_question_that_is_said_again_is_not_written_too() -> None:
    scene = asked(answered_once(renewable()), 160.0).hear(wrote("what day is it", "item_v")).down()
    scene.until(165.0).take()
    assert scene.up("sess_2").take_sent() == remembered("what time is it", "It is noon.")


def test_a_renewal_waits_for_the_words_of_what_was_said() -> None:
    scene = asked(renewable(), 178.0).hear(created(), done(status="completed", parts=())).until(180.5)
    assert scene.take() == []
    scene.hear(wrote("what time is it"))
    assert scene.take() == [OpenLink(2)]
