"""How often a server that does not want us is called in an hour: as often as the policy's table says."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from edge_agent.core import events as happened
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.notices import Notice
from edge_agent.core.policy import BACKOFF, CLOCK, CLOCK_NOT_SET, PARKED, RATE_LIMIT, WAKE_SPACING_S
from edge_agent.core.ways import Offer
from tests.core.scenes import OPENED_AT, Scene, error, settings

HOUR_S = 3600.0

Server = Callable[[Scene], object]
"""What a server does with a call."""


def refuse(status: int, code: str | None = None, **fields: object) -> Server:
    return lambda scene: scene.down(FaultKind.HTTP_STATUS, "no", http_status=status, code=code, **fields)


def accept_and_drop(scene: Scene) -> None:
    scene.up().down(FaultKind.CLOSED, "bye")


def accept_and_find_no_credit(scene: Scene) -> None:
    scene.up().hear(error("insufficient_quota"))


def attempts_of(server: Server, presses_every_s: float | None = None) -> list[float]:
    """Return when the server was called in the first hour, in seconds from the start."""
    return [opened - OPENED_AT for opened in hour_with(server, presses_every_s).opened_at]


def hour_with(server: Server, presses_every_s: float | None = None) -> Scene:
    """Live for an hour with a server that does this with every call."""
    scene = Scene(settings())
    press_at = OPENED_AT + (presses_every_s or 2 * HOUR_S)
    answered = 0
    while True:
        while len(scene.opened_at) > answered:
            answered += 1
            server(scene)
        deadline = scene.agent.next_deadline()
        at = min(press_at, deadline if deadline is not None else 2 * HOUR_S)
        if at >= OPENED_AT + HOUR_S:
            return scene
        scene.until(at)
        if at == press_at and len(scene.opened_at) == answered:
            press_at += presses_every_s or 0.0
            scene.press("side").until(at + 0.1).release("side")


def times_by(waits_s: list[float]) -> list[float]:
    """Return the moments of attempts that follow each other after these waits, within an hour."""
    return [at for at in itertools.accumulate([0.0, *waits_s]) if at < HOUR_S]


def steps(steps_s: tuple[float, ...], least_s: float = 0.0) -> list[float]:
    return [max(step, least_s) for step in (*steps_s, *[steps_s[-1]] * 400)]


@pytest.mark.parametrize(
    ("server", "attempts"),
    [
        (refuse(429), times_by(steps(RATE_LIMIT.steps_s, RATE_LIMIT.least_s))),
        (refuse(429, retry_after_s=120.0), times_by([120.0] * 30)),
        (refuse(503), times_by(steps(BACKOFF.steps_s))),
        (refuse(429, "insufficient_quota"), times_by(steps(PARKED.steps_s))),
        (refuse(401, "invalid_api_key"), times_by(steps(PARKED.steps_s))),
        (accept_and_find_no_credit, times_by(steps(PARKED.steps_s))),
    ],
)
def test_refusals_are_met_as_often_as_the_table_says(server: Server, attempts: list[float]) -> None:
    assert attempts_of(server) == pytest.approx(attempts)


@pytest.mark.parametrize(
    ("server", "count"),
    [
        (refuse(429), 65),  # 10, 20, 30, 40, 56, 88 s, then every minute
        (refuse(429, retry_after_s=120.0), 30),  # every two minutes
        (refuse(503), 65),  # 1, 3, 7, 15, 31, 63 s, then every minute
        (refuse(429, "insufficient_quota"), 2),  # at once, and after 15 min
        (accept_and_find_no_credit, 2),
        (accept_and_drop, 60),  # ten in any ten minutes
    ],
)
def test_the_attempts_of_an_hour_are_so_many(server: Server, count: int) -> None:
    assert len(attempts_of(server)) == count


def test_a_server_that_accepts_and_drops_gets_ten_sessions_in_ten_minutes() -> None:
    attempts = attempts_of(accept_and_drop)
    assert attempts[:10] == pytest.approx(times_by(steps(BACKOFF.steps_s))[:10])
    assert attempts[10] == pytest.approx(600.0)
    assert all(later - earlier >= 600.0 for earlier, later in zip(attempts, attempts[10:], strict=False))


def test_a_button_pressed_all_the_time_does_not_get_round_the_storm_breaker() -> None:
    attempts = attempts_of(accept_and_drop, presses_every_s=3.0)
    assert len(attempts) == 60
    assert all(later - earlier >= 600.0 for earlier, later in zip(attempts, attempts[10:], strict=False))


def test_three_endpoints_that_fail_are_each_tried_at_once_and_then_in_turn() -> None:
    offers = (Offer("one"), Offer("two"), Offer("three", is_paid=False))
    turns = settings().turn_taking * 3
    scene = Scene(settings(offers=offers, turn_taking=turns))
    for _ in range(3):
        scene.down(FaultKind.NETWORK, "refused")
    ways = [command.way.endpoint for _, command in scene.log if hasattr(command, "way")]
    assert ways == [0, 1, 2]
    assert scene.opened_at == [OPENED_AT] * 3


def test_a_clock_that_is_not_set_is_waited_for_and_followed_at_once() -> None:
    scene = Scene(settings())
    for _ in range(3):
        scene.down(FaultKind.TLS, "in 1970", code=CLOCK_NOT_SET).until(scene.now + CLOCK.steps_s[0])
    assert scene.opened_at == [OPENED_AT + number * CLOCK.steps_s[0] for number in range(4)]
    scene.down(FaultKind.TLS, "in 1970", code=CLOCK_NOT_SET).until(scene.now + 5.0)
    scene.event(happened.ClockSet())
    assert scene.opened_at[-1] == scene.now


def test_another_network_is_tried_at_once_but_mends_no_account() -> None:
    scene = Scene(settings())
    scene.down(FaultKind.NETWORK, "refused").until(scene.now + 1.0)
    scene.down(FaultKind.NETWORK, "refused").until(scene.now + 1.0)
    assert len(scene.opened_at) == 2
    scene.until(scene.now + 0.9).event(happened.NetworkChanged())
    assert len(scene.opened_at) == 2, "not twice within two seconds"
    scene.until(scene.now + 1.1)
    assert scene.opened_at[2] - scene.opened_at[1] == WAKE_SPACING_S
    scene.down(FaultKind.HTTP_STATUS, "no", http_status=401).until(scene.now + 5.0)
    scene.event(happened.NetworkChanged())
    assert len(scene.opened_at) == 3


def test_a_wait_for_the_storm_breaker_is_told_as_such() -> None:
    scene = hour_with(accept_and_drop)
    told = [tell for tell in scene.told(Notice.SESSION_ENDED) if "section reconnect" in tell.text]
    assert told[0] is scene.told(Notice.SESSION_ENDED)[9]
    assert "next try in 6 min" in told[0].text
    assert scene.opened_at[9:11] == [OPENED_AT + 243.0, OPENED_AT + 600.0]


def test_failed_ways_back_are_no_news() -> None:
    offers = (Offer("cloud"), Offer("local", is_paid=False))
    scene = Scene(settings(offers=offers, turn_taking=settings().turn_taking * 2))
    scene.down(FaultKind.NETWORK, "refused").up("sess_local")
    for _ in range(3):
        scene.until(scene.agent.next_deadline() or scene.now)
        scene.event(happened.LinkDown(scene.epoch, Fault(FaultKind.NETWORK, "refused")))
    assert len(scene.told(Notice.ENDPOINT_LEFT)) == 1
    assert len(scene.told(Notice.NO_WAY_BACK)) == 3
    assert scene.told(Notice.NO_SUCCESSOR) == []
    assert scene.state == "ready"
