from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.attention import (
    TRANSITIONS,
    UNMET_LIMIT_S,
    Attention,
    AttentionState,
)
from edge_agent.core.commands import Listening
from edge_agent.core.settings import AttentionSettings, Mode
from edge_agent.errors import IllegalTransition

Kind = tuple[Mode, AttentionSettings]

CALLED: Kind = (Mode.WAKE_WORD, AttentionSettings(awake_for_s=8.0, keep_warm_s=0.0, refractory_s=2.0))
SLEEPY: Kind = (Mode.ALWAYS_ON, AttentionSettings(awake_for_s=60.0))
WAKEFUL: Kind = (Mode.ALWAYS_ON, AttentionSettings())
WARM_BUTTON: Kind = (Mode.BUTTON, AttentionSettings())
COOLING_BUTTON: Kind = (Mode.BUTTON, AttentionSettings(keep_warm_s=30.0))


def awake(kind: Kind, now: float = 0.0) -> Attention:
    """An attention that was woken at ``now`` and has its session."""
    attention = Attention(*kind)
    attention.wake(now)
    attention.see(has_session=True, is_busy=False, now=now)
    return attention


def test_a_device_that_always_listens_never_sleeps_unless_it_may() -> None:
    attention = Attention(*WAKEFUL)
    attention.see(has_session=True, is_busy=False, now=0.0)
    assert attention.is_awake
    assert attention.next_deadline() is None
    assert not attention.tick(1e9)
    assert attention.wants_session


def test_a_device_that_always_listens_sleeps_when_nobody_has_spoken_for_a_while() -> None:
    attention = awake(SLEEPY)
    attention.see(has_session=True, is_busy=True, now=50.0)
    assert attention.next_deadline() is None
    attention.see(has_session=True, is_busy=False, now=70.0)
    attention.see(has_session=True, is_busy=False, now=90.0)
    assert attention.next_deadline() == 130.0
    assert not attention.tick(129.0)
    assert attention.tick(130.0)
    assert not attention.wants_session
    assert attention.listens_for is Listening.VOICE
    assert attention.wake(200.0)
    assert attention.wants_session
    assert attention.listens_for is Listening.NOTHING


def test_a_device_that_always_listens_does_not_hide_a_lost_session_by_sleeping() -> None:
    attention = awake(SLEEPY)
    attention.see(has_session=False, is_busy=False, now=10.0)
    assert attention.next_deadline() is None
    attention.see(has_session=True, is_busy=False, now=500.0)
    assert attention.next_deadline() == 560.0


def test_before_its_word_no_session_is_wanted() -> None:
    attention = Attention(*CALLED)
    assert not attention.is_awake
    assert not attention.wants_session
    assert attention.listens_for is Listening.WORD
    assert attention.next_deadline() is None


def test_the_word_wakes_and_the_time_to_speak_begins_when_the_session_is_there() -> None:
    attention = Attention(*CALLED)
    assert attention.hear_word(100.0)
    assert attention.wants_session
    attention.see(has_session=True, is_busy=False, now=103.0)
    assert attention.next_deadline() == 111.0
    assert attention.tick(111.0)
    assert not attention.was_busy
    assert not attention.wants_session


def test_after_an_answer_a_question_needs_no_word_for_a_while() -> None:
    attention = awake(CALLED)
    attention.see(has_session=True, is_busy=True, now=1.0)
    attention.see(has_session=True, is_busy=False, now=20.0)
    assert not attention.tick(27.9)
    attention.see(has_session=True, is_busy=True, now=27.9)
    assert not attention.tick(60.0)
    attention.see(has_session=True, is_busy=False, now=60.0)
    assert attention.tick(68.0)
    assert attention.was_busy


def test_the_word_again_within_the_refractory_time_is_the_same_one() -> None:
    attention = Attention(*CALLED)
    assert attention.hear_word(10.0)
    assert not attention.hear_word(10.5)
    attention.sleep(11.0)
    assert not attention.hear_word(11.9)
    assert attention.hear_word(12.0)


def test_without_a_session_the_call_is_given_up() -> None:
    attention = Attention(*CALLED)
    attention.hear_word(0.0)
    attention.see(has_session=False, is_busy=False, now=0.1)
    assert not attention.tick(UNMET_LIMIT_S - 0.1)
    assert attention.tick(UNMET_LIMIT_S + 0.1)


def test_a_session_that_ends_while_awake_leaves_time_for_the_next_one() -> None:
    attention = awake(CALLED)
    attention.see(has_session=False, is_busy=False, now=7.9)
    assert attention.next_deadline() == 7.9 + UNMET_LIMIT_S


def test_in_button_mode_the_session_is_kept_warm_for_ever_or_for_a_while() -> None:
    warm, cooling = Attention(*WARM_BUTTON), Attention(*COOLING_BUTTON)
    assert warm.wants_session
    assert not cooling.wants_session
    cooling.wake(10.0)
    assert cooling.wants_session
    assert cooling.next_deadline() is None
    cooling.sleep(50.0)
    assert cooling.wants_session
    assert cooling.next_deadline() == 80.0
    assert not cooling.tick(80.0)
    assert not cooling.wants_session
    assert cooling.next_deadline() is None
    assert cooling.listens_for is Listening.NOTHING


def test_waking_while_warm_goes_on_with_the_session() -> None:
    attention = awake(COOLING_BUTTON)
    attention.sleep(10.0)
    attention.wake(39.0)
    assert not attention.tick(40.0)
    assert attention.wants_session


def test_what_changes_nothing_is_no_news() -> None:
    attention = awake(CALLED)
    assert not attention.wake(1.0)
    assert not attention.hear_word(5.0)
    assert attention.sleep(6.0)
    assert not attention.sleep(7.0)


def test_an_illegal_move_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="asleep -> asleep"):
        Attention(*CALLED)._set_state(AttentionState.ASLEEP)
    assert set(TRANSITIONS) == set(AttentionState)


@given(
    st.sampled_from([CALLED, SLEEPY, COOLING_BUTTON]),
    st.lists(st.tuples(st.sampled_from("wsbqdt"), st.floats(0.0, 50.0)), max_size=40),
)
def test_after_a_tick_the_next_deadline_lies_ahead(kind: Kind, steps: list[tuple[str, float]]) -> None:
    attention, now = Attention(*kind), 0.0
    for step, wait_s in steps:
        now += wait_s
        attention.tick(now)
        match step:
            case "w":
                attention.hear_word(now)
            case "s":
                attention.sleep(now)
            case "t":
                attention.wake(now)
            case _:
                attention.see(has_session=step != "d", is_busy=step == "b", now=now)
        attention.tick(now)
        deadline = attention.next_deadline()
        assert deadline is None or deadline > now
        assert attention.wants_session or not attention.is_awake
