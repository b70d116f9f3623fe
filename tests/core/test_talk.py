"""When the device listens, and what push-to-talk tells the server in which order."""

from __future__ import annotations

import pytest

from edge_agent.core.settings import Mode, TurnTaking
from edge_agent.core.talk import LEAST_TALK_S, LONGEST_TALK_S, TALK_TAIL_S, TRANSITIONS, Talk, TalkState
from edge_agent.errors import IllegalTransition
from edge_agent.protocol import client_events as ask
from tests.core.scenes import TURN_DETECTION_OFF, TURN_DETECTION_ON, settings

OFF = ask.SessionUpdate(session=TURN_DETECTION_OFF)
ON = ask.SessionUpdate(session=TURN_DETECTION_ON)
CLEAR = ask.InputAudioBufferClear()
COMMIT = ask.InputAudioBufferCommit()
CREATE = ask.ResponseCreate()


def turns(**changes: object) -> TurnTaking:
    return settings(**changes).turn_taking[0]


def button_talk(**changes: object) -> Talk:
    return Talk(settings(mode=Mode.BUTTON, **changes))


def always_on(**changes: object) -> Talk:
    return Talk(settings(mode=Mode.ALWAYS_ON, **changes))


def test_always_on_listens_from_the_start() -> None:
    talk = always_on()
    assert talk.wants_sound
    assert not talk.is_held
    assert talk.link_up(turns()) == []
    assert talk.toggle_conversation() == []
    assert talk.next_deadline() is None
    assert talk.tick(1e9) == []


def test_button_mode_is_deaf_until_somebody_wants_something() -> None:
    talk = button_talk()
    assert not talk.wants_sound
    assert talk.link_up(turns()) == [OFF]


def test_a_conversation_is_started_and_ended() -> None:
    talk = button_talk()
    assert talk.toggle_conversation() == [ON]
    assert talk.state.value == "open"
    assert talk.may_idle_out
    assert talk.link_up(turns()) == []
    assert talk.toggle_conversation() == [OFF, CLEAR]
    assert talk.state.value == "off"
    assert not talk.may_idle_out


def test_push_to_talk_clears_then_commits_then_asks() -> None:
    talk = button_talk()
    assert talk.press(1.0) == [CLEAR]
    assert talk.is_held
    assert talk.release(2.0) == []
    assert talk.is_held, "the gate stays open for the tail"
    assert talk.next_deadline() == 2.0 + TALK_TAIL_S
    assert talk.tick(2.0) == []
    assert talk.tick(2.0 + TALK_TAIL_S) == [COMMIT, CREATE]
    assert talk.state.value == "off"


@pytest.mark.parametrize("mode", list(Mode))
def test_push_to_talk_in_a_conversation_switches_the_detection_off_and_on_again(mode: Mode) -> None:
    talk = Talk(settings(mode=mode))
    talk.toggle_conversation()
    assert talk.press(1.0) == [OFF, CLEAR]
    assert talk.release(2.0) == []
    assert talk.tick(3.0) == [COMMIT, CREATE, ON]
    assert talk.state.value == "open"


def test_a_press_that_is_too_short_is_forgotten() -> None:
    talk = always_on()
    talk.press(1.0)
    assert talk.release(1.0 + LEAST_TALK_S - 0.01) == [CLEAR, ON]
    assert talk.state.value == "open"


def test_a_tap_is_taken_back() -> None:
    talk = button_talk()
    talk.press(1.0)
    assert talk.take_back(1.28) == [CLEAR]
    assert talk.state.value == "off"
    assert talk.take_back(1.3) == []


def test_a_press_in_the_tail_goes_on_with_the_same_utterance() -> None:
    talk = button_talk()
    talk.press(1.0)
    talk.release(2.0)
    assert talk.press(2.1) == []
    assert talk.next_deadline() == 1.0 + LONGEST_TALK_S
    assert talk.tick(2.5) == []
    assert talk.release(2.6) == []
    assert talk.tick(3.0) == [COMMIT, CREATE]


def test_a_tap_in_the_tail_does_not_lose_what_was_said() -> None:
    talk = button_talk()
    talk.press(1.0)
    talk.release(2.0)
    talk.press(2.1)
    assert talk.take_back(2.2) == []
    assert talk.tick(3.0) == [COMMIT, CREATE]


def test_a_stuck_button_does_not_keep_the_microphone_open() -> None:
    talk = button_talk()
    talk.press(1.0)
    assert talk.next_deadline() == 1.0 + LONGEST_TALK_S
    assert talk.tick(1.0 + LONGEST_TALK_S) == [COMMIT, CREATE]
    assert not talk.wants_sound
    assert talk.release(500.0) == []


def test_pressing_and_releasing_twice_changes_nothing() -> None:
    talk = button_talk()
    assert talk.release(1.0) == []
    talk.press(1.0)
    assert talk.press(1.5) == []
    talk.release(2.0)
    assert talk.release(2.1) == []


def test_a_conversation_that_is_toggled_while_talking_changes_when_the_talking_is_over() -> None:
    talk = button_talk()
    talk.press(1.0)
    assert talk.toggle_conversation() == []
    assert talk.is_held
    talk.release(2.0)
    assert talk.tick(3.0) == [COMMIT, CREATE, ON]
    assert talk.state.value == "open"


@pytest.mark.parametrize("released", [True, False])
def test_forgetting_ends_an_utterance(released: bool) -> None:
    talk = always_on()
    talk.press(1.0)
    if released:
        talk.release(2.0)
    assert talk.forget() == [CLEAR, ON]
    assert talk.state.value == "open"


def test_forgetting_clears_what_an_open_microphone_heard() -> None:
    assert always_on().forget() == [CLEAR]
    assert button_talk().forget() == []


def test_a_server_without_manual_turns_is_told_nothing() -> None:
    talk = button_talk(takes_manual_turns=False)
    assert talk.link_up(turns(takes_manual_turns=False)) == []
    assert talk.press(1.0) == []
    assert talk.wants_sound
    assert talk.release(2.0) == []
    assert talk.tick(3.0) == []
    assert not talk.wants_sound
    assert talk.toggle_conversation() == []
    assert talk.wants_sound
    assert talk.toggle_conversation() == []


@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_without_detection_is_only_talked_to_by_holding(mode: Mode) -> None:
    talk = Talk(settings(mode=mode, detects_turns=False))
    assert not talk.wants_sound
    assert talk.link_up(turns()) == []
    assert talk.toggle_conversation() == []
    assert not talk.wants_sound
    assert talk.press(1.0) == [CLEAR]
    talk.release(2.0)
    assert talk.tick(3.0) == [COMMIT, CREATE]


def test_a_server_whose_detection_needs_no_words_is_told_none() -> None:
    talk = always_on(detection_on={}, detection_off={})
    assert talk.wants_sound
    assert talk.press(1.0) == [CLEAR]


def test_a_move_that_the_table_does_not_hold_is_a_bug() -> None:
    talk = button_talk()
    with pytest.raises(IllegalTransition, match="talk: off -> tail"):
        talk._set_state(TalkState.TAIL)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(TalkState)
    assert all(TRANSITIONS.values())


def test_push_to_talk_is_done_as_the_newest_session_s_server_takes_it() -> None:
    talk = button_talk()
    assert talk.link_up(turns(takes_manual_turns=False)) == []
    assert talk.press(1.0) == []
    talk.forget()
    assert talk.link_up(turns(detection_off={"turn_detection": None})) == [
        ask.SessionUpdate(session={"turn_detection": None})
    ]
    assert talk.press(2.0) == [CLEAR]
