"""What is booked before it is charged, what is settled after, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.core.budget import Budget
from edge_agent.core.commands import Command, Earcon, PlaySound, SaveLedger, Tell
from edge_agent.core.faults import FaultKind
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import LEASE_MS, ORPHAN_MS, RENEWED_EVERY_MS, Limits, MoneyLimit, cautious, money
from edge_agent.core.notices import Notice
from edge_agent.core.periods import Period
from edge_agent.core.prices import Prices
from edge_agent.core.tally import Tally
from tests.core.books import (
    COMMITTED,
    HOUR_S,
    NOON_S,
    PRICES,
    SPOKE,
    WORST,
    budget,
    costs,
    created,
    done,
    heard,
    hour,
    ledger,
    limits,
)

DAY = Period.DAY
LEASE = PRICES.of_open_ms(LEASE_MS)


def opened(it: Budget, epoch: int = 1, now: float = 0.0) -> Budget:
    """A session is open on it."""
    it.opening(epoch, 0, now)
    it.opened(epoch, now)
    return it


def answer(it: Budget, tokens: int | None, now: float = 1.0, epoch: int = 1) -> list[Command]:
    """One turn of a conversation; returns what the end of it commands."""
    for event in (SPOKE, COMMITTED, created()):
        it.server_said(epoch, event, now)
    return it.server_said(epoch, done(tokens=tokens), now)


def kept(commands: list[Command]) -> Ledger:
    """The ledger as it would be after a power cut now."""
    (saved,) = (command for command in commands if isinstance(command, SaveLedger))
    later = Ledger.read(saved.text, hour)
    later.begin(NOON_S + 60.0, 0.0)
    return later


def told(commands: list[Command], notice: Notice) -> list[str]:
    return [c.text for c in commands if isinstance(c, Tell) and c.notice is notice]


# -- answers -------------------------------------------------------------------------------------------


def test_an_answer_is_held_at_its_worst_before_it_can_begin_and_settled_when_it_is_done() -> None:
    it = opened(budget())
    assert kept(it.server_said(1, SPOKE, 1.0)).spent_micros(DAY) == WORST
    assert it.server_said(1, COMMITTED, 2.0) == []
    assert it.server_said(1, created(), 2.1) == []
    settled = kept(it.server_said(1, done(tokens=123), 5.0))
    assert settled.spent_micros(DAY) == 123
    assert settled.used(DAY).responses == 1
    assert settled.used(DAY).tokens == {"audio_output": 123}


def test_an_answer_that_we_ask_for_is_held_before_we_ask() -> None:
    assert kept(opened(budget()).asked(1, 1.0)).spent_micros(DAY) == WORST


def test_an_answer_of_which_the_server_does_not_say_what_it_used_costs_the_worst() -> None:
    it = opened(budget())
    answer(it, None)
    assert it.ledger.used(DAY).micros == WORST


def test_an_answer_that_failed_without_a_bill_costs_nothing() -> None:
    it = opened(budget())
    it.server_said(1, created(), 1.0)
    it.server_said(1, done(tokens=None, status="failed"), 2.0)
    assert it.ledger.spent_micros(DAY) == 0


def test_a_session_that_ends_in_an_answer_is_charged_for_it_at_its_worst() -> None:
    it = opened(budget())
    for event in (SPOKE, COMMITTED, created()):
        it.server_said(1, event, 1.0)
    assert kept(it.ended(1, 2.0, FaultKind.LOST)).used(DAY).micros == WORST


def test_a_session_that_ends_after_a_noise_is_not_charged_for_an_answer() -> None:
    it = opened(budget())
    it.server_said(1, SPOKE, 1.0)
    assert it.ledger.spent_micros(DAY) == WORST
    it.ended(1, 2.0)
    assert it.ledger.spent_micros(DAY) == 0


def test_a_transcription_is_booked_and_kept_with_what_follows() -> None:
    it = opened(budget())
    it.server_said(1, SPOKE, 1.0)
    assert it.server_said(1, heard(10), 1.0) == []
    assert it.ledger.used(DAY).micros == 10
    assert kept(it.server_said(1, done(), 2.0)).used(DAY).tokens["transcription_input"] == 10


def test_a_transcription_that_comes_after_the_answer_is_kept_at_once() -> None:
    assert kept(opened(budget()).server_said(1, heard(10), 1.0)).used(DAY).micros == 10


def test_what_is_said_of_a_session_that_is_gone_books_nothing() -> None:
    it = opened(budget())
    it.ended(1, 1.0)
    assert it.server_said(1, done(), 2.0) == it.asked(1, 2.0) == it.opened(1, 2.0) == it.ended(1, 2.0) == []
    assert it.ledger.spent_micros(DAY) == 0


# -- sessions ------------------------------------------------------------------------------------------


def test_a_session_and_its_first_minutes_are_held_before_it_is_opened() -> None:
    it = budget(limits(), costs(Prices(per_minute=60, per_session=7)))
    assert kept(it.opening(1, 0, 0.0)).spent_micros(DAY) == 7 + 60 * 6.25
    it.opened(1, 0.5)
    assert it.ledger.used(DAY) == Tally(7, sessions=1)
    it.ended(1, 30.0)
    assert it.ledger.used(DAY) == Tally(7 + 30, sessions=1, open_ms=30_000)
    assert it.ledger.held_micros == 0


def test_the_minutes_of_a_long_session_are_held_lease_after_lease() -> None:
    big = limits(money={DAY: MoneyLimit(hard=10**9)})
    it = opened(budget(big, costs(PRICES)))
    writes = 0
    while (deadline := it.next_deadline()) is not None and deadline < HOUR_S:
        writes += len(it.tick(deadline))
        spent = it.ledger.spent_micros(DAY)
        assert spent >= PRICES.of_open_ms(round(deadline * 1000) + LEASE_MS - ORPHAN_MS)
    assert writes <= HOUR_S * 1000 / (LEASE_MS - ORPHAN_MS)
    it.ended(1, HOUR_S)
    assert it.ledger.used(DAY).open_ms == it.ledger.used(DAY).micros == 3_600_000


def test_attempts_that_reach_nobody_cost_nothing_and_are_written_once() -> None:
    it = budget(limits(), costs(Prices(per_session=7)))
    writes = []
    for epoch in range(20):
        writes += it.opening(epoch, 0, epoch * 10.0)
        writes += it.ended(epoch, epoch * 10.0 + 1, FaultKind.NETWORK)
    assert len(writes) == 1
    assert it.ledger.spent_micros(DAY) == it.ledger.used(DAY).sessions == 0


def test_an_attempt_that_a_server_may_have_taken_counts() -> None:
    it = budget(limits(), costs(Prices(per_session=7)))
    it.opening(1, 0, 0.0)
    it.ended(1, 15.0, FaultKind.TIMEOUT)
    assert it.ledger.used(DAY).sessions == 1
    assert it.ledger.used(DAY).micros == 7


def test_a_power_cut_in_a_session_costs_the_rest_of_its_lease() -> None:
    it = budget(limits(), costs(Prices(per_minute=60)))
    it.opening(1, 0, 0.0)
    assert kept(it.opened(1, 1.0)).used(DAY).micros == 375


# -- limits --------------------------------------------------------------------------------------------


def test_it_is_over_before_an_answer_could_exceed_the_limit() -> None:
    it = opened(budget())
    for index in range(9):
        assert it.against(1, 0, index) is None
        answer(it, 1_000, index)
    assert it.against(1, 0, 9.0) is None
    answer(it, 1, 9.0)
    refused = it.against(1, 0, 10.0)
    assert refused is not None
    assert refused.words == (
        "0.009001 EUR of 0.01 EUR for this day are spent or held, and 0.001 EUR more may be needed"
    )
    assert refused.until == "the next day"
    it.ended(1, 10.0)
    assert it.against(None, 0, 10.0) is not None


def test_an_answer_that_is_paid_for_is_not_refused_any_more() -> None:
    it = opened(budget())
    answer(it, 9_000)
    it.server_said(1, SPOKE, 2.0)
    assert it.against(1, 0, 2.0) is None
    it.server_said(1, created(), 3.0)
    assert it.against(1, 0, 3.0) is None


def test_it_opens_again_when_the_day_is_over_and_looks_once_a_minute() -> None:
    it = budget(limits(), books=ledger())
    it.ledger.book("cloud", Tally(micros=9_500))
    now, looks = 0.0, 0
    while it.against(None, 0, now) is not None:
        deadline = it.next_deadline()
        assert deadline is not None
        assert now < deadline <= now + 60.0
        now, looks = deadline, looks + 1
    assert now == 12 * HOUR_S  # the ledger began at noon
    assert looks == 12 * 60
    assert it.next_deadline() is None


def test_a_session_needs_its_first_lease_and_an_answer() -> None:
    it = budget(limits(money={DAY: MoneyLimit(hard=costs(PRICES).to_begin)}), costs(PRICES))
    assert it.against(None, 0, 0.0) is None
    it.ledger.book("cloud", Tally(micros=1))
    assert it.against(1, 0, 0.0) is None  # it is not open
    it.opening(2, 0, 0.0)
    assert it.against(None, 0, 0.0) is not None


def test_a_session_that_ended_with_its_lease_is_not_followed_by_another_at_once() -> None:
    orphan = PRICES.of_open_ms(ORPHAN_MS)
    for hard in range(LEASE + WORST, 2 * LEASE + 2 * orphan + WORST, orphan // 3):
        it = opened(budget(limits(money={DAY: MoneyLimit(hard=hard)}), costs(PRICES)))
        it.tick(RENEWED_EVERY_MS / 1000)
        if it.against(1, 0, RENEWED_EVERY_MS / 1000) is not None:
            it.ended(1, RENEWED_EVERY_MS / 1000)
            assert it.against(None, 0, RENEWED_EVERY_MS / 1000) is not None


def test_a_lease_that_does_not_fit_in_ends_the_session() -> None:
    it = opened(budget(limits(money={DAY: MoneyLimit(hard=LEASE + WORST)}), costs(PRICES)))
    assert it.against(1, 0, 1.0) is None
    deadline = it.next_deadline()
    assert deadline == (LEASE_MS - ORPHAN_MS) / 1000
    it.tick(deadline)
    assert it.against(1, 0, deadline) is not None
    assert it.ledger.spent_micros(DAY) <= LEASE
    it.ended(1, deadline + 10.0)
    assert it.ledger.spent_micros(DAY) <= LEASE


def test_an_endpoint_that_costs_nothing_is_not_refused_for_money() -> None:
    it = budget(limits(), costs(), costs(Prices(), 0))
    it.ledger.book("cloud", Tally(micros=10_000))
    assert it.against(None, 0, 0.0) is not None
    assert it.against(None, 1, 0.0) is None


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"responses_per_day": 2}, "2 responses are the limit for one day"),
        ({"sessions_per_day": 1}, "1 sessions are the limit for one day"),
        ({"sessions_per_hour": 1}, "1 sessions are the limit for one hour"),
        ({"open_hours_per_day": 0.5}, "0.5 hours of open sessions are the limit for one day"),
    ],
)
def test_counts_have_limits_of_their_own(limit: dict[str, Any], words: str) -> None:
    it = opened(budget(Limits(**limit)))
    answer(it, 5)
    assert it.against(1, 0, 2.0) is None
    answer(it, 5, 1900.0)
    it.ended(1, 1900.0)
    refused = it.against(None, 0, 1900.0)
    assert refused is not None
    assert refused.words == words


def test_answers_have_a_limit_for_each_minute() -> None:
    it = opened(budget(Limits(responses_per_minute=3)))
    for now in (0.0, 20.0, 30.0):
        assert it.against(1, 0, now) is None
        answer(it, 5, now)
    refused = it.against(1, 0, 30.0)
    assert refused is not None
    assert refused.until == "30 s from now"
    assert it.next_deadline() == 60.0
    assert it.against(1, 0, 60.0) is None


# -- what is told --------------------------------------------------------------------------------------


def test_a_soft_limit_is_told_once_in_its_period_also_after_a_restart() -> None:
    it = opened(budget())
    assert not told(answer(it, 4_999), Notice.BUDGET_LOW)
    assert not it.is_low
    commands = answer(it, 1)
    assert told(commands, Notice.BUDGET_LOW) == ["0.005 EUR were spent in this day"]
    assert PlaySound(Earcon.BUDGET) in commands
    assert it.is_low
    later = opened(budget(books=kept(commands)))
    assert not told(answer(later, 1), Notice.BUDGET_LOW)
    later.ledger.advance(24 * HOUR_S)
    assert told(answer(later, 5_000, 24 * HOUR_S), Notice.BUDGET_LOW)


def test_that_it_is_over_is_told_once_in_its_period() -> None:
    it = budget()
    it.ledger.book("cloud", Tally(micros=9_500))
    refused = it.against(None, 0, 0.0)
    assert refused is not None
    commands = it.refused(refused, 0.0)
    assert told(commands, Notice.BUDGET_SPENT)
    assert PlaySound(Earcon.BUDGET) in commands
    assert it.refused(refused, 1.0) == []
    assert budget(books=kept(commands)).refused(refused, 1.0) == []


def test_lost_books_are_no_free_money() -> None:
    assert cautious(limits()).micros == 5_000
    assert cautious(limits(money={DAY: MoneyLimit(hard=10_000)})).micros == 5_000
    assert cautious(Limits()).micros == 0


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "0.00 EUR"),
        (3_000_000, "3.00 EUR"),
        (1, "0.000001 EUR"),
        (12_340_000, "12.34 EUR"),
        (-5, "-0.000005 EUR"),
    ],
)
def test_money_has_the_digits_that_it_needs(micros: int, words: str) -> None:
    assert money(micros, "EUR") == words
    assert money(3_000_000, "") == "3.00"
