"""When full duplex is given up, and when it is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.core import reports
from edge_agent.core.breaker import HALF_FOR_S, HEALTHY_SOUND_S, TRANSITIONS, Breaker, BreakerState
from edge_agent.core.commands import Tell
from edge_agent.core.notices import Notice
from edge_agent.core.settings import AgentSettings, Duplex
from edge_agent.errors import IllegalTransition

CANCELLED = AgentSettings(duplex=Duplex.AUTO, echo_is_cancelled=True)
MANY_TRIPS = len(HALF_FOR_S) + 2


def tripped(now: float = 100.0) -> Breaker:
    breaker = Breaker(CANCELLED)
    breaker.heard_itself(now - 1.0)
    breaker.heard_itself(now)
    assert breaker.is_half
    return breaker


def speak(breaker: Breaker, now: float, for_s: float) -> None:
    """The loudspeaker sounds from ``now`` on."""
    breaker.sound_started(now)
    breaker.sound_ended(now + for_s)


@pytest.mark.parametrize(
    ("duplex", "echo_is_cancelled", "is_half"),
    [
        (Duplex.AUTO, True, False),
        (Duplex.AUTO, False, True),
        (Duplex.HALF, True, True),
        (Duplex.HALF, False, True),
        (Duplex.FULL, True, False),
        (Duplex.FULL, False, False),
    ],
)
def test_auto_is_full_where_echo_is_cancelled(duplex: Duplex, echo_is_cancelled: bool, is_half: bool) -> None:
    breaker = Breaker(AgentSettings(duplex=duplex, echo_is_cancelled=echo_is_cancelled))
    assert breaker.is_half is is_half
    assert breaker.next_deadline() is None, "and it stays so"


def test_one_self_interruption_changes_nothing_the_second_is_the_last() -> None:
    breaker = Breaker(CANCELLED)
    assert breaker.heard_itself(100.0) == []
    assert not breaker.is_half
    (told,) = breaker.heard_itself(103.0)
    assert breaker.is_half
    assert told.notice is Notice.HEARS_ITSELF
    assert "half duplex for 30 s" in told.text
    assert "Turn the volume down" in told.text
    assert breaker.heard_itself(104.0) == [], "told once"


def test_a_minute_of_sound_without_hearing_itself_is_forgiven() -> None:
    breaker = Breaker(CANCELLED)
    breaker.heard_itself(100.0)
    speak(breaker, 110.0, HEALTHY_SOUND_S / 2)
    speak(breaker, 210.0, HEALTHY_SOUND_S / 2)
    assert breaker.state is BreakerState.TRUSTED
    breaker.heard_itself(300.0)
    assert not breaker.is_half


def test_silence_proves_nothing() -> None:
    breaker = Breaker(CANCELLED)
    breaker.heard_itself(100.0)
    speak(breaker, 110.0, HEALTHY_SOUND_S / 2)
    breaker.tick(100_000.0)
    breaker.heard_itself(100_001.0)
    assert breaker.is_half


def test_the_sound_before_a_self_interruption_proves_nothing() -> None:
    breaker = Breaker(CANCELLED)
    breaker.sound_started(100.0)
    breaker.heard_itself(100.0 + HEALTHY_SOUND_S)
    breaker.sound_ended(100.1 + HEALTHY_SOUND_S)
    assert breaker.state is BreakerState.DOUBTED


def test_full_duplex_is_tried_again_and_told() -> None:
    breaker = tripped(100.0)
    assert breaker.next_deadline() == 130.0
    assert breaker.tick(129.9) == []
    assert breaker.tick(130.0) == [reports.FULL_DUPLEX_AGAIN]
    assert not breaker.is_half
    assert breaker.next_deadline() is None


def test_a_try_that_fails_ends_at_its_first_self_interruption() -> None:
    breaker = tripped(100.0)
    breaker.tick(130.0)
    (told,) = breaker.heard_itself(140.0)
    assert breaker.is_half
    assert "half duplex for 2 min" in told.text


def test_the_waits_grow_up_to_an_hour() -> None:
    breaker = Breaker(CANCELLED)
    breaker.heard_itself(0.0)
    waits_s = []
    now = 1.0
    for _ in range(MANY_TRIPS):
        breaker.heard_itself(now)
        deadline = breaker.next_deadline()
        assert deadline is not None
        waits_s.append(deadline - now)
        breaker.tick(deadline)
        now = deadline + 1.0
    assert waits_s == pytest.approx([*HALF_FOR_S, HALF_FOR_S[-1], HALF_FOR_S[-1]])


def test_a_try_that_works_makes_the_waits_short_again() -> None:
    breaker = tripped(100.0)
    breaker.tick(130.0)
    breaker.heard_itself(131.0)
    breaker.tick(131.0 + HALF_FOR_S[1])
    speak(breaker, 300.0, HEALTHY_SOUND_S)
    assert breaker.state is BreakerState.TRUSTED
    breaker.heard_itself(400.0)
    breaker.heard_itself(401.0)
    assert breaker.next_deadline() == 401.0 + HALF_FOR_S[0]


@pytest.mark.parametrize("echo_is_cancelled", [True, False])
def test_full_duplex_that_was_asked_for_stays_and_is_warned_of_once(echo_is_cancelled: bool) -> None:
    breaker = Breaker(AgentSettings(duplex=Duplex.FULL, echo_is_cancelled=echo_is_cancelled))
    told = [tell for number in range(10) for tell in breaker.heard_itself(100.0 + number)]
    assert told == [reports.FULL_DUPLEX_FAILS]
    assert not breaker.is_half
    assert breaker.tick(1e6) == []


def test_what_cannot_be_in_half_duplex_is_no_evidence() -> None:
    breaker = Breaker(AgentSettings(duplex=Duplex.HALF))
    assert breaker.heard_itself(100.0) == []
    assert breaker.next_deadline() is None


steps = st.lists(
    st.tuples(st.sampled_from(["hears itself", "starts", "ends", "ticks"]), st.floats(0.0, 200.0)),
    max_size=60,
)


@given(steps)
@effort(derandomize=True, database=None)
def test_two_self_interruptions_are_the_most_and_there_is_always_another_try(
    steps: list[tuple[str, float]],
) -> None:
    breaker = Breaker(CANCELLED)
    now, heard, limit = 0.0, 0, 2
    for what, wait_s in steps:
        now += wait_s
        if what == "starts":
            breaker.sound_started(now)
        elif what == "ends":
            breaker.sound_ended(now)
            heard = 0 if breaker.state is BreakerState.TRUSTED else heard
            limit = 2 if breaker.state is BreakerState.TRUSTED else limit
        elif what == "ticks":
            told: list[Tell] = breaker.tick(now)
            heard, limit = (0, 1) if told else (heard, limit)
        elif not breaker.is_half:
            breaker.heard_itself(now)
            heard += 1
        assert heard <= limit
        assert breaker.is_half == (heard == limit)
        deadline = breaker.next_deadline()
        assert (deadline is not None) == breaker.is_half
        assert deadline is None or deadline <= now + HALF_FOR_S[-1]
    breaker.tick(now + HALF_FOR_S[-1])
    assert not breaker.is_half


def test_a_move_that_the_table_does_not_hold_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="breaker: trusted -> half"):
        Breaker(CANCELLED)._set_state(BreakerState.HALF)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(BreakerState)
