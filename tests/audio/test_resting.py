from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.audio import pace, resting
from edge_agent.audio.alsa import AlsaOutput
from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.resting import QUIET_PEAK, REST_AFTER_S, RestingOutput
from edge_agent.core.pcm import PERIOD_S, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.fakes import Clock, FakeOutput
from tests.audio.sounds import blocks_of, tone
from tests.virtual_cards import VirtualCards

BLOCK = tone(800, 0.01)
FAINT = tone(800, 0.01, peak=QUIET_PEAK - 1)
REST_PERIODS = round(REST_AFTER_S / PERIOD_S)


class Maker:
    def __init__(self) -> None:
        self.made: list[FakeOutput] = []
        self.error: AudioDeviceError | None = None

    def __call__(self) -> FakeOutput:
        if self.error is not None:
            raise self.error
        self.made.append(FakeOutput())
        self.made[-1].run()
        return self.made[-1]


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def output(maker: Maker) -> RestingOutput:
    return RestingOutput(maker)


def rest(output: RestingOutput) -> None:
    for _ in range(REST_PERIODS + 1):
        if not output.is_resting:
            output.write(SILENCE)
    assert output.is_resting


def test_a_device_rests_after_a_while_of_silence(maker: Maker, output: RestingOutput) -> None:
    output.write(BLOCK)
    for _ in range(REST_PERIODS - 1):
        output.write(FAINT)
    assert not output.is_resting
    output.write(FAINT)
    assert output.is_resting
    assert maker.made[0].is_closed


def test_any_sound_puts_the_rest_off(output: RestingOutput) -> None:
    for _ in range(3):
        for _ in range(REST_PERIODS - 1):
            output.write(SILENCE)
        output.write(BLOCK)
    assert not output.is_resting


def test_a_resting_device_keeps_the_pace_of_the_clock(
    output: RestingOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(output)
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    began_s = clock.now
    for _ in range(100):
        output.wait()
        output.write(SILENCE)
    assert clock.now - began_s == pytest.approx(1.0, abs=2 * PERIOD_S)
    assert output.queued_s() == 0.0
    output.drop()
    output.close()


def test_the_first_sound_wakes_it_and_is_whole(maker: Maker, output: RestingOutput) -> None:
    rest(output)
    output.write(BLOCK)
    assert maker.made[1].written == [SILENCE, BLOCK]
    assert not output.is_resting


def test_underruns_and_drift_are_those_of_all_its_lives(maker: Maker, output: RestingOutput) -> None:
    maker.made[0].xruns = 2
    maker.made[0].drift_ppm = 40.0
    assert (output.xruns, output.drift_ppm) == (2, 40.0)
    rest(output)
    assert (output.xruns, output.drift_ppm) == (2, None)
    output.write(BLOCK)
    maker.made[1].xruns = 1
    assert output.xruns == 3


def test_a_device_that_went_while_it_rested_is_told_when_it_is_needed(
    maker: Maker, output: RestingOutput
) -> None:
    rest(output)
    maker.error = AudioDeviceError("plughw:7: No such device; plug it in")
    output.write(SILENCE)
    with pytest.raises(AudioDeviceError, match="plug it in"):
        output.write(BLOCK)


def test_a_real_card_gets_every_sample_after_a_rest(
    cards: VirtualCards, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resting, "REST_AFTER_S", 0.05)
    tape = tmp_path / "tape"
    sound = tone(800, 0.2)
    card = f"tee:SLAVE=speaker,FILE={tape},FORMAT=raw"
    with closing(RestingOutput(lambda: AlsaOutput.open(card, DeviceSettings()))) as output:
        while not output.is_resting:
            output.write(SILENCE)
        for block in blocks_of(sound + SILENCE * 4):
            output.write(block)
    assert sound.strip(b"\0") in tape.read_bytes()
