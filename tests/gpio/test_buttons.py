from __future__ import annotations

import threading

import pytest
from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from edge_agent.errors import PinError
from edge_agent.gpio.buttons import Buttons
from edge_agent.gpio.settings import ButtonWiring

Edges = list[tuple[str, bool]]


def test_every_edge_is_told_bounces_included(factory: MockFactory) -> None:
    edges: Edges = []
    buttons = Buttons([ButtonWiring("talk", 17)], factory, lambda name, down: edges.append((name, down)))
    pin = factory.pin(17)
    for _ in range(3):
        pin.drive_low()
        pin.drive_high()
    assert edges == [("talk", True), ("talk", False)] * 3
    buttons.close()


def test_edges_are_told_in_the_thread_that_saw_them(factory: MockFactory) -> None:
    seen_in: list[threading.Thread] = []
    buttons = Buttons(
        [ButtonWiring("talk", 17)], factory, lambda _name, _down: seen_in.append(threading.current_thread())
    )
    thread = threading.Thread(target=factory.pin(17).drive_low)
    thread.start()
    thread.join(timeout=5.0)
    assert seen_in == [thread]
    buttons.close()


@pytest.mark.parametrize(
    ("active_low", "pull", "expected_pull"),
    [(True, True, "up"), (False, True, "down"), (True, False, "floating"), (False, False, "floating")],
)
def test_wiring_decides_level_and_resistor(
    factory: MockFactory, active_low: bool, pull: bool, expected_pull: str
) -> None:
    edges: Edges = []
    pin = factory.pin(22)
    (pin.drive_high if active_low else pin.drive_low)()
    wiring = ButtonWiring("talk", 22, active_low=active_low, pull=pull)
    buttons = Buttons([wiring], factory, lambda name, down: edges.append((name, down)))
    assert pin.pull == expected_pull
    (pin.drive_low if active_low else pin.drive_high)()
    assert edges == [("talk", True)]
    buttons.close()


def test_a_button_held_at_the_start_tells_only_its_release(factory: MockFactory) -> None:
    edges: Edges = []
    factory.pin(22).drive_low()
    wiring = ButtonWiring("talk", 22, pull=False)
    buttons = Buttons([wiring], factory, lambda name, down: edges.append((name, down)))
    assert edges == []
    factory.pin(22).drive_high()
    assert edges == [("talk", False)]
    buttons.close()


def test_buttons_are_told_apart(factory: MockFactory) -> None:
    edges: Edges = []
    wiring = [ButtonWiring("talk", 17), ButtonWiring("mute", 27)]
    buttons = Buttons(wiring, factory, lambda name, down: edges.append((name, down)))
    factory.pin(27).drive_low()
    factory.pin(17).drive_low()
    assert edges == [("mute", True), ("talk", True)]
    buttons.close()


def test_a_closed_button_tells_nothing_and_frees_its_pin(factory: MockFactory) -> None:
    edges: Edges = []
    buttons = Buttons([ButtonWiring("talk", 17)], factory, lambda name, down: edges.append((name, down)))
    buttons.close()
    buttons.close()
    factory.pin(17).drive_low()
    assert edges == []
    Buttons([ButtonWiring("talk", 17)], factory, lambda _name, _down: None).close()


def test_without_pins_there_are_no_buttons() -> None:
    Buttons([ButtonWiring("talk", 17)], None, lambda _name, _down: None).close()


@pytest.mark.parametrize("pin", [6, 99])
def test_a_pin_that_cannot_be_used_is_named_and_no_other_stays_taken(factory: MockFactory, pin: int) -> None:
    other = LED(6, pin_factory=factory)
    wiring = [ButtonWiring("talk", 17), ButtonWiring("mute", pin)]
    with pytest.raises(PinError, match=rf"gpio\.buttons: mute on GPIO{pin} can't be used"):
        Buttons(wiring, factory, lambda _name, _down: None)
    other.close()
    Buttons(wiring[:1], factory, lambda _name, _down: None).close()
