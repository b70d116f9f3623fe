"""What a person is told, and under which notice and fields."""

from __future__ import annotations

from typing import get_args

import pytest

from edge_agent.core import events as happened
from edge_agent.core import reports
from edge_agent.core.conversation import TurnAnswered
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.lapse import Missed
from edge_agent.core.notices import Notice, Severity
from edge_agent.protocol.server_events import UnknownEvent
from tests.core import scenes

CAUSES: list[tuple[happened.Event, str]] = [
    (happened.ServerSaid(1, scenes.speech_started()), "input_audio_buffer.speech_started"),
    (happened.ServerSaid(1, UnknownEvent(type="news")), "news"),
    (happened.LinkUp(1, "sess_1", None), "session is open"),
    (happened.LinkDown(1, Fault(FaultKind.LOST, "gone")), "lost"),
    (happened.LinkDown(1, Fault(FaultKind.CLOSED, "gone", "session_expired")), "session_expired"),
    (happened.LinkDoubted(1), "no sign of life"),
    (happened.LinkTrusted(1), "sign of life"),
    (happened.LinkLapsed(1), "silence of the server"),
    (happened.LinkStirred(1), "something from the server"),
    (happened.LinkMended(1, Missed(7.0)), "way is open again"),
    (happened.SoundStarted(), "sound"),
    (happened.SoundEnded(), "end of sound"),
    (happened.MicrophoneCaughtUp(), "microphone"),
    (happened.MicrophonePaused(), "microphone"),
    (happened.EchoMeasured(0.9), "echo"),
    (happened.WakeWordHeard("Okay Nabu"), "wake word"),
    (happened.VoiceHeard(), "voice"),
    (happened.ButtonPressed("talk"), "button talk"),
    (happened.ButtonReleased("talk"), "button talk"),
    (happened.DeviceLost(happened.Device.MICROPHONE, "unplugged"), "no microphone"),
    (happened.DeviceBack(happened.Device.LOUDSPEAKER), "loudspeaker is back"),
    (happened.MuteRequested(True), "mute"),
    (happened.MuteRequested(False), "unmute"),
    (happened.VolumeRequested(50), "volume"),
    (happened.VolumeChanged(50), "volume"),
    (happened.NetworkChanged(), "network changed"),
    (happened.ClockRead(0.0), "clock"),
    (happened.ClockSet(), "clock is set"),
    (happened.RawEventRequested({}), "request"),
]


@pytest.mark.parametrize(("event", "cause"), CAUSES)
def test_every_event_is_a_cause_in_a_few_words(event: happened.Event, cause: str) -> None:
    assert reports.cause_of(event) == cause


def test_no_event_is_left_out() -> None:
    assert {type(event) for event, _ in CAUSES} == set(get_args(happened.Event))


def test_a_session_may_have_no_name() -> None:
    assert reports.session_opened("", 1).text == "session without a name is open"
    assert reports.session_opened("sess_1", 1).fields == {"EDGE_SESSION_ID": "sess_1"}


def test_a_session_that_took_several_attempts_says_so() -> None:
    assert reports.session_opened("sess_1", 4).text == "session sess_1 is open after 4 attempts"


def test_a_failed_attempt_says_why_and_when_the_next_one_comes() -> None:
    told = reports.link_is_down(
        Fault(FaultKind.NETWORK, "refused"), 1.25, None, is_parked=False, is_told=False
    )
    assert told.notice is Notice.CONNECT_FAILED
    assert told.text == "no session: refused (next try in 1.2 s)"
    assert told.fields == {"EDGE_ERROR_CODE": "network"}


def test_an_ended_session_is_named() -> None:
    fault = Fault(FaultKind.CLOSED, "bye", "session_expired")
    told = reports.link_is_down(fault, 0.0, "sess_1", is_parked=False, is_told=False)
    assert told.notice is Notice.SESSION_ENDED
    assert told.fields == {"EDGE_ERROR_CODE": "session_expired", "EDGE_SESSION_ID": "sess_1"}


def test_a_parked_link_says_what_a_person_can_do() -> None:
    fault = Fault(FaultKind.HTTP_STATUS, "401")
    told = reports.link_is_down(fault, 900.0, None, is_parked=True, is_told=False)
    assert told.notice is Notice.PARKED
    assert told.text == "no session: 401 (next try in 15 min; a button press or a reload tries at once)"


@pytest.mark.parametrize("is_parked", [True, False])
def test_what_was_told_before_is_not_worth_a_line_again(is_parked: bool) -> None:
    fault = Fault(FaultKind.NETWORK, "refused")
    told = reports.link_is_down(fault, 1.0, None, is_parked=is_parked, is_told=True)
    assert told.notice is Notice.STILL_NO_SESSION
    assert told.notice.severity is Severity.DEBUG
    assert told.text.startswith("no session: refused (next try in 1.0 s")


def test_trouble_of_a_response_names_it() -> None:
    told = reports.server_trouble(Fault(FaultKind.RESPONSE_FAILED, "busy", "rate_limit_exceeded"), "resp_1")
    assert told.notice is Notice.RESPONSE_FAILED
    assert told.text == "a response failed: busy"
    assert told.fields == {"EDGE_ERROR_CODE": "rate_limit_exceeded", "EDGE_RESPONSE_ID": "resp_1"}


@pytest.mark.parametrize(
    ("fault", "text", "code"),
    [
        (
            Fault(FaultKind.ERROR_EVENT, "bad", "invalid_value", param="session.voice"),
            "the server reports an error: bad (parameter session.voice)",
            "invalid_value",
        ),
        (
            Fault(FaultKind.TRANSCRIPTION_FAILED, "mumbled", error_type="transcription_error"),
            "a transcription failed: mumbled",
            "transcription_error",
        ),
        (Fault(FaultKind.ERROR_EVENT, "hm"), "the server reports an error: hm", "unknown"),
    ],
)
def test_trouble_of_the_session_says_what_and_where(fault: Fault, text: str, code: str) -> None:
    told = reports.server_trouble(fault, "")
    assert told.notice is Notice.SERVER_ERROR
    assert (told.text, told.fields) == (text, {"EDGE_ERROR_CODE": code})


def test_an_answer_is_reported_with_its_latency_if_that_is_known() -> None:
    told = reports.answered(TurnAnswered("resp_1", 0.7654))
    assert told.text == "answered 765 ms after the person's last sound"
    assert told.fields == {"EDGE_RESPONSE_ID": "resp_1", "EDGE_LATENCY_MS": "765"}
    assert reports.answered(TurnAnswered("resp_1", None)).fields == {"EDGE_RESPONSE_ID": "resp_1"}


def test_devices_are_named_as_people_know_them() -> None:
    assert reports.device_lost(happened.Device.MICROPHONE, "unplugged").text == "microphone: unplugged"
    assert reports.device_back(happened.Device.LOUDSPEAKER).text == "the loudspeaker works again"
