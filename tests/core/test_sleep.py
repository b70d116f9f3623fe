"""Whole evenings of a device that sleeps: what wakes it, what is sent, and what tells of it."""

from __future__ import annotations

import pytest

from edge_agent.core import events as happened
from edge_agent.core.attention import UNMET_LIMIT_S
from edge_agent.core.commands import (
    Earcon,
    Gate,
    HandOver,
    ListenFor,
    Listening,
    OpenLink,
    PlaySound,
    SetUplink,
)
from edge_agent.core.settings import Action, AgentSettings, AttentionSettings, ButtonSettings, Mode
from edge_agent.core.vigil import VOICE_LOOK_BACK_S, WORD_LOOK_BACK_S
from tests.core.scenes import Scene, closes, created, done, settings, speech_started, speech_stopped
from tests.core.scenes import committed as heard_out
from tests.core.scenes import started as plays
from tests.core.scenes import stopped as played

WORD = happened.WakeWordHeard("Okay Nabu")
FOLLOW_UP_S = 8.0
CALL_BUTTON = ButtonSettings("talk", Action.CONVERSATION, Action.TALK, Action.NONE, hold_s=0.3)


def called(**changes: object) -> AgentSettings:
    """Settings of a device that waits for its word."""
    attention = AttentionSettings(FOLLOW_UP_S, keep_warm_s=0.0, refractory_s=2.0, has_sounds=True)
    return settings(mode=Mode.WAKE_WORD, **{"attention": attention, "buttons": (CALL_BUTTON,), **changes})


def sleepy() -> AgentSettings:
    """Settings of a device that always listens, and sleeps after a minute without a word."""
    return settings(attention=AttentionSettings(awake_for_s=60.0))


def sounds(scene: Scene) -> list[Earcon]:
    return [command.sound for _, command in scene.log if isinstance(command, PlaySound)]


def listening(scene: Scene) -> Listening:
    told = [command.what for _, command in scene.log if isinstance(command, ListenFor)]
    return told[-1] if told else Listening.NOTHING


def gate(scene: Scene) -> SetUplink:
    return next(command for _, command in reversed(scene.log) if isinstance(command, SetUplink))


def turn(scene: Scene, response_id: str = "resp_1") -> Scene:
    """A question and its answer, from the first word to the last sound; three seconds."""
    scene.hear(speech_started()).until(scene.now + 1.0).hear(speech_stopped(), heard_out())
    scene.hear(created(response_id), plays(response_id)).sound().until(scene.now + 2.0)
    return scene.hear(done(response_id), played(response_id)).silence()


# -- the wake word -------------------------------------------------------------------------------------


def test_before_the_word_there_is_no_session_and_what_is_said_stays_in_the_device() -> None:
    scene = Scene(called()).until(10_000.0)
    assert scene.names() == ["asleep"]
    assert scene.opened_at == []
    assert listening(scene) is Listening.WORD
    assert gate(scene).gate is Gate.LISTENING


def test_the_word_opens_a_session_that_hears_it_and_what_was_said_in_the_same_breath() -> None:
    scene = Scene(called()).until(200.0)
    scene.take()
    scene.event(WORD)
    assert scene.take() == [SetUplink(Gate.HOLDING), OpenLink(1), PlaySound(Earcon.AWAKE)]
    assert scene.state == "listening"
    scene.until(201.5).up()
    commands = scene.take()
    assert commands[-1] == SetUplink(Gate.OPEN, since=200.0 - WORD_LOOK_BACK_S)
    assert HandOver(1) in commands
    assert scene.state == "ready"


def test_after_an_answer_it_hears_a_question_without_the_word_and_then_sleeps() -> None:
    scene = turn(Scene(called()).until(200.0).event(WORD).up())
    turn(scene.until(scene.now + FOLLOW_UP_S - 0.1), "resp_2")
    assert len(scene.opened_at) == 1
    scene.take()
    scene.until(scene.now + FOLLOW_UP_S + 0.5)
    assert closes(scene.take()) == [1]
    assert scene.state == "asleep"
    assert sounds(scene) == [Earcon.AWAKE, Earcon.ASLEEP]
    assert listening(scene) is Listening.WORD
    assert gate(scene).gate is Gate.LISTENING


def test_a_call_that_nothing_follows_is_over_and_says_so() -> None:
    scene = Scene(called()).until(200.0).event(WORD).up().until(200.0 + FOLLOW_UP_S)
    assert scene.state == "asleep"
    assert sounds(scene) == [Earcon.AWAKE, Earcon.NOT_HEARD]


def test_a_call_that_no_server_answers_is_given_up_with_a_sound_of_its_own() -> None:
    scene = Scene(called()).until(200.0).event(WORD).down().until(200.0 + UNMET_LIMIT_S - 1.0)
    assert scene.state == "connecting"
    scene.until(200.0 + UNMET_LIMIT_S)
    attempts = len(scene.opened_at)
    assert scene.until(5000.0).state == "asleep"
    assert len(scene.opened_at) == attempts
    assert sounds(scene) == [Earcon.AWAKE, Earcon.ERROR]


def test_the_word_once_more_within_the_refractory_time_wakes_nobody_and_it_goes_on_listening() -> None:
    scene = Scene(called()).event(WORD).tap(for_s=0.05)  # called, and sent to sleep again
    assert scene.state == "asleep"
    scene.until(101.0).event(WORD)
    assert scene.state == "asleep"
    assert listening(scene) is Listening.WORD
    assert scene.until(103.0).event(WORD).state == "listening"


def test_a_button_calls_it_and_sends_it_to_sleep() -> None:
    scene = Scene(called()).tap().up()
    assert scene.state == "ready"
    assert sounds(scene) == [Earcon.AWAKE]
    scene.until(scene.now + 2.0).tap()
    assert scene.state == "asleep"
    assert closes(scene.take()) == [1]


def test_who_holds_the_talk_button_needs_no_word() -> None:
    scene = Scene(called()).press().until(101.0)
    assert scene.opened_at == [100.0]
    assert gate(scene).gate is Gate.HOLDING
    scene.up()
    assert gate(scene).gate is Gate.OPEN


def test_a_muted_device_does_not_listen_for_its_word_and_shows_that() -> None:
    scene = Scene(called()).event(happened.MuteRequested(True))
    assert scene.state == "muted"
    assert not scene.capture_is_open
    assert listening(scene) is Listening.NOTHING
    assert gate(scene).gate is Gate.CLOSED
    scene.event(happened.MuteRequested(False))
    assert scene.state == "asleep"
    assert listening(scene) is Listening.WORD


def test_a_device_without_its_microphone_is_not_asleep_but_failed() -> None:
    scene = Scene(called()).event(happened.DeviceLost(happened.Device.MICROPHONE, "unplugged"))
    assert scene.state == "failed"


def test_sounds_can_be_left_out() -> None:
    quiet = called(attention=AttentionSettings(FOLLOW_UP_S, keep_warm_s=0.0))
    assert sounds(Scene(quiet).event(WORD).up().until(200.0)) == []


def test_a_session_that_is_kept_warm_hears_nothing_until_the_word_and_then_at_once() -> None:
    warm = called(attention=AttentionSettings(FOLLOW_UP_S, keep_warm_s=60.0))
    scene = Scene(warm).event(WORD).up().until(100.0 + FOLLOW_UP_S)
    assert scene.state == "asleep"
    assert gate(scene).gate is Gate.LISTENING
    scene.take()
    scene.until(150.0).event(WORD)
    assert len(scene.opened_at) == 1
    assert gate(scene) == SetUplink(Gate.OPEN, since=150.0 - WORD_LOOK_BACK_S)
    assert scene.until(150.0 + FOLLOW_UP_S).state == "asleep"
    scene.take()
    assert closes(scene.until(150.0 + FOLLOW_UP_S + 60.0).take()) == [1]


# -- a device that always listens ----------------------------------------------------------------------


def test_a_quiet_home_has_no_session_and_a_voice_opens_one_that_hears_all_of_it() -> None:
    scene = Scene(sleepy()).up().until(161.0)
    assert scene.state == "asleep"
    assert closes(scene.take()) == [1]
    assert listening(scene) is Listening.VOICE
    scene.until(5000.0).event(happened.VoiceHeard())
    assert scene.opened_at == [100.0, 5000.0]
    assert scene.state == "listening"
    scene.until(5001.0).up()
    assert gate(scene) == SetUplink(Gate.OPEN, since=5000.0 - VOICE_LOOK_BACK_S)
    assert sounds(scene) == []


def test_a_false_alarm_costs_one_session_and_it_sleeps_again() -> None:
    scene = Scene(sleepy()).up().until(161.0).event(happened.VoiceHeard()).up().until(500.0)
    assert len(scene.opened_at) == 2
    assert scene.state == "asleep"


def test_any_button_wakes_a_device_that_always_listens() -> None:
    scene = Scene(sleepy()).up().until(200.0)
    assert scene.press("side").opened_at == [100.0, 200.0]


@pytest.mark.parametrize("event", [WORD, happened.VoiceHeard()])
def test_what_was_not_listened_for_wakes_nobody(event: happened.Event) -> None:
    assert Scene(settings(mode=Mode.BUTTON)).up().event(event).state == "idle"
    asleep = Scene(sleepy()).up().until(200.0) if event is WORD else Scene(called())
    assert asleep.event(event).state == "asleep"


def test_a_conversation_keeps_it_awake() -> None:
    scene = Scene(sleepy()).up()
    for number in range(10):
        turn(scene.until(scene.now + 55.0), f"resp_{number}")
    assert len(scene.opened_at) == 1


# -- a device with a button ----------------------------------------------------------------------------


def test_in_button_mode_a_press_opens_a_session_which_outlives_the_conversation_for_a_while() -> None:
    scene = Scene(settings(mode=Mode.BUTTON, attention=AttentionSettings(keep_warm_s=30.0))).until(1000.0)
    assert scene.state == "idle"
    assert scene.opened_at == []
    scene.tap().until(1000.9)
    assert scene.opened_at == [1000.0]
    assert gate(scene).gate is Gate.HOLDING
    scene.until(1001.0).up()
    assert gate(scene).gate is Gate.OPEN
    scene.until(1010.0).tap().until(1011.0)
    scene.take()
    assert closes(scene.until(1042.0).take()) == [1]
    assert scene.state == "idle"


def test_what_is_said_with_the_talk_button_is_answered_by_a_session_that_comes_later() -> None:
    scene = Scene(settings(mode=Mode.BUTTON, attention=AttentionSettings(keep_warm_s=0.0))).until(1000.0)
    scene.press().until(1002.0)
    assert scene.opened_at == [1000.0]
    scene.up().event(happened.MicrophoneCaughtUp()).release().until(1003.0)
    assert len(scene.opened_at) == 1
    assert scene.state == "thinking"
