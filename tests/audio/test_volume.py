from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge_agent.audio.gain import Gain
from edge_agent.audio.mixer import CardMixer
from edge_agent.audio.volume import CHANGES_LIMIT, Volume, VolumeKnob
from tests.audio.sounds import wait_until
from tests.virtual_cards import VirtualCards


@pytest.fixture
def gain() -> Gain:
    return Gain()


def test_without_a_control_the_samples_are_made_softer(gain: Gain) -> None:
    volume = Volume(gain, None)
    assert (volume.percent(), volume.chosen_percent) == (100, None)
    assert volume.set(50) == 50
    assert gain.wanted == pytest.approx(0.125)
    assert volume.step(-10) == volume.percent() == volume.chosen_percent == 40


def test_a_volume_has_limits(gain: Gain) -> None:
    volume = Volume(gain, None)
    assert [volume.step(30) for _ in range(3)] == [130, 150, 150]
    assert volume.set(-5) == 0
    assert gain.wanted == 0.0


def test_a_cards_control_is_left_alone_until_somebody_turns_it(cards: VirtualCards, gain: Gain) -> None:
    CardMixer("speaker").set_percent(42)
    volume = Volume(gain, CardMixer("speaker"))
    volume.renew()
    assert volume.percent() == CardMixer("speaker").percent() == pytest.approx(42, abs=1)
    volume.step(10)
    assert CardMixer("speaker").percent() == pytest.approx(52, abs=1)
    assert gain.wanted == 1.0


def test_beyond_the_cards_own_the_samples_are_amplified(cards: VirtualCards, gain: Gain) -> None:
    volume = Volume(gain, CardMixer("speaker"))
    assert volume.set(120) == volume.percent() == 120
    assert CardMixer("speaker").percent() == 100
    assert gain.wanted == pytest.approx(1.728)
    volume.set(80)
    assert gain.wanted == 1.0


def test_a_control_that_somebody_else_turned_is_stepped_from_there(cards: VirtualCards, gain: Gain) -> None:
    volume = Volume(gain, CardMixer("speaker"))
    volume.set(80)
    CardMixer("speaker").set_percent(30)
    assert volume.step(10) == pytest.approx(40, abs=1)


def test_a_control_that_is_missing_is_stood_in_for_until_it_is_there(cards: VirtualCards, gain: Gain) -> None:
    volume = Volume(gain, CardMixer("speaker"))
    volume.set(50)
    cards.unplug()
    try:
        volume.renew()
        assert gain.wanted == pytest.approx(0.125)
        assert volume.percent() == 50
    finally:
        cards.plug_in()
    volume.renew()
    assert gain.wanted == 1.0
    assert CardMixer("speaker").percent() == pytest.approx(50, abs=1)


class TestKnob:
    @pytest.fixture
    def told(self) -> list[int]:
        return []

    @pytest.fixture
    def knob(self, gain: Gain, told: list[int]) -> Iterator[VolumeKnob]:
        knob = VolumeKnob(Volume(gain, None), told.append)
        knob.start()
        yield knob
        knob.stop()

    def test_changes_are_made_in_order_and_told(self, knob: VolumeKnob, told: list[int]) -> None:
        knob.begin_at(50)
        knob.step(10)
        knob.set(30)
        knob.renew()
        knob.step(-10)
        wait_until(lambda: len(told) == 3, "three changes")
        assert told == [60, 30, 20]

    def test_a_control_that_hangs_holds_up_nobody(self, gain: Gain) -> None:
        released = threading.Event()
        told: list[int] = []

        def hang(percent: int) -> None:
            told.append(percent)
            released.wait(20)

        knob = VolumeKnob(Volume(gain, None), hang)
        knob.start()
        knob.set(100)
        wait_until(lambda: told, "the first change")
        for _ in range(2 * CHANGES_LIMIT):
            knob.step(-1)
        released.set()
        wait_until(lambda: len(told) == 1 + CHANGES_LIMIT, "those that found room")
        assert told[-1] == 100 - CHANGES_LIMIT
        knob.stop()
