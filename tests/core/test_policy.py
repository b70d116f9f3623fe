"""The one table of reactions and waiting times."""

from __future__ import annotations

import pytest

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.policy import (
    BACKOFF,
    BACKOFF_FLOOR_S,
    BLOCKED,
    CLOCK,
    CLOCK_NOT_SET,
    PARKED,
    POLICY,
    RATE_LIMIT,
    RENEWAL,
    RETRY_AFTER_CAP_S,
    Delay,
    Leave,
    Trouble,
    render_table,
    rule_for,
)

CASES: list[tuple[Fault, Trouble, Delay, Leave]] = [
    (Fault(FaultKind.NETWORK, "refused"), Trouble.UNREACHABLE, BACKOFF, Leave.AT_ONCE),
    (Fault(FaultKind.TIMEOUT, "15 s"), Trouble.UNREACHABLE, BACKOFF, Leave.AT_ONCE),
    (Fault(FaultKind.NO_PATH, "UDP"), Trouble.NO_PATH, BACKOFF, Leave.TRANSPORT),
    (Fault(FaultKind.LOST, "gone"), Trouble.ENDED, BACKOFF, Leave.SECOND_TIME),
    (Fault(FaultKind.PATH_DEAD, "no way"), Trouble.UNREACHABLE, BACKOFF, Leave.AT_ONCE),
    (Fault(FaultKind.PEER_DEAD, "silence"), Trouble.ENDED, RENEWAL, Leave.SECOND_TIME),
    (Fault(FaultKind.DEAF, "no sound"), Trouble.ENDED, RENEWAL, Leave.SECOND_TIME),
    (Fault(FaultKind.MOVED, "new lease"), Trouble.ENDED, RENEWAL, Leave.NEVER),
    (Fault(FaultKind.EXPIRED, "an hour"), Trouble.EXPIRED, RENEWAL, Leave.NEVER),
    (
        Fault(FaultKind.HTTP_STATUS, "slow down", http_status=429),
        Trouble.RATE_LIMITED,
        RATE_LIMIT,
        Leave.AT_ONCE,
    ),
    (Fault(FaultKind.HTTP_STATUS, "busy", http_status=503), Trouble.UNREACHABLE, BACKOFF, Leave.AT_ONCE),
    (Fault(FaultKind.HTTP_STATUS, "key", http_status=401), Trouble.REFUSED, PARKED, Leave.AT_ONCE),
    (
        Fault(FaultKind.HTTP_STATUS, "no credit", "insufficient_quota", http_status=429),
        Trouble.ACCOUNT,
        PARKED,
        Leave.AT_ONCE,
    ),
    (Fault(FaultKind.SETUP_REFUSED, "beta", "invalid_value"), Trouble.REFUSED, PARKED, Leave.AT_ONCE),
    (Fault(FaultKind.TLS, "early", CLOCK_NOT_SET), Trouble.NO_CLOCK, CLOCK, Leave.AT_ONCE),
    (Fault(FaultKind.TLS, "expired", "certificate_expired"), Trouble.BLOCKED, BLOCKED, Leave.AT_ONCE),
    (Fault(FaultKind.TLS, "self-signed"), Trouble.BLOCKED, BLOCKED, Leave.AT_ONCE),
]


@pytest.mark.parametrize(("fault", "trouble", "delay", "leave"), CASES)
def test_the_first_row_that_holds_decides(fault: Fault, trouble: Trouble, delay: Delay, leave: Leave) -> None:
    rule = rule_for(fault)
    assert (rule.trouble, rule.delay, rule.leave) == (trouble, delay, leave)


def test_every_fault_has_a_row() -> None:
    assert all(rule_for(Fault(kind, "?")) in POLICY for kind in FaultKind)


def test_every_row_can_be_met() -> None:
    rows = {rule_for(fault).trigger for fault, *_ in CASES}
    rows |= {
        rule_for(Fault(kind, "?", code)).trigger for kind in FaultKind for code in (None, "server_error")
    }
    assert rows == {rule.trigger for rule in POLICY}


@pytest.mark.parametrize(
    ("delay", "waits_s"),
    [
        (BACKOFF, [1, 2, 4, 8, 16, 32, 60, 60]),
        (PARKED, [900, 3600, 21_600, 21_600]),
        (BLOCKED, [30, 60, 120, 240, 480, 600, 600]),
        (CLOCK, [15, 15]),
        (RATE_LIMIT, [10, 10, 10, 10, 16, 32, 60]),
    ],
)
def test_each_failure_in_a_row_waits_for_the_next_step(delay: Delay, waits_s: list[float]) -> None:
    assert [delay.wait_s(number, 1.0) for number in range(1, len(waits_s) + 1)] == waits_s


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, BACKOFF_FLOOR_S), (0.5, 30.0), (1.0, 60.0)])
def test_full_jitter_lies_between_the_floor_and_the_step(chance: float, wait_s: float) -> None:
    assert BACKOFF.wait_s(99, chance) == wait_s


def test_chance_shortens_no_wait_that_is_meant_to_be_long() -> None:
    assert PARKED.wait_s(1, 0.0) == PARKED.wait_s(1, 1.0)


@pytest.mark.parametrize(("asked_s", "wait_s"), [(0.0, 1.0), (42.0, 42.0), (1e9, RETRY_AFTER_CAP_S)])
def test_the_server_s_own_time_is_honoured_within_reason(asked_s: float, wait_s: float) -> None:
    assert RATE_LIMIT.wait_s(1, 1.0, asked_s) == wait_s


def test_the_table_is_shown_with_every_row() -> None:
    table = render_table()
    assert table.count("\n") == len(POLICY) + 2
    assert "| account | told to a person; tried again after minutes | 15 min, 1 h, 6 h |" in table
