"""A real mixer of a virtual card, and a fake one for what that one lacks: a scale in dB."""

from __future__ import annotations

import alsaaudio
import pytest

from edge_agent.audio.mixer import CardMixer, mixer_of
from tests.virtual_cards import VirtualCards


@pytest.mark.parametrize(
    ("pcm_name", "mixer"),
    [
        ("plughw:CARD=Device,DEV=0", "hw:Device"),
        ("sysdefault:CARD=vc4hdmi0", "hw:vc4hdmi0"),
        ("hw:Device,0", "hw:Device"),
        ("plughw:1", "hw:1"),
        ("hw:1,0", "hw:1"),
        ("default", "default"),
        ("speaker", "speaker"),
    ],
)
def test_a_card_is_found_by_its_pcm(pcm_name: str, mixer: str) -> None:
    assert mixer_of(pcm_name) == mixer


def test_the_volume_of_a_card_is_set_and_read(cards: VirtualCards) -> None:
    mixer = CardMixer("speaker")
    for percent in (100, 35, 0, 60):
        assert mixer.set_percent(percent)
        assert mixer.percent() == pytest.approx(percent, abs=1)
    assert CardMixer("speaker", "Master").percent() == pytest.approx(60, abs=1)


@pytest.mark.parametrize(("pcm_name", "control"), [("speaker", "Treble"), ("answer", None), ("hw:31", None)])
def test_a_card_without_such_a_control_says_so(
    cards: VirtualCards, capfd: pytest.CaptureFixture[str], pcm_name: str, control: str | None
) -> None:
    mixer = CardMixer(pcm_name, control)
    assert mixer.percent() is None
    assert not mixer.set_percent(50)
    assert capfd.readouterr().err == ""


def test_a_control_for_recording_alone_is_not_taken(cards: VirtualCards) -> None:
    assert CardMixer("speaker", "Capture").percent() is None


class FakeMixer:
    """A control from -51 dB to 0 dB in steps of 1.5 dB, as the codec of a HAT has it."""

    def __init__(self, capabilities: tuple[str, ...] = ("Playback Volume",), switch: bool = True) -> None:
        self.capabilities = list(capabilities)
        self.switch = switch
        self.centibels = -2000
        self.is_muted = False

    def __call__(self, *, control: str, device: str) -> FakeMixer:
        return self

    def volumecap(self) -> list[str]:
        return self.capabilities

    def switchcap(self) -> list[str]:
        return ["Playback Mute"] if self.switch else []

    def getrange(self, *, pcmtype: int, units: int) -> list[int]:
        return [-5100, 0]

    def getvolume(self, *, pcmtype: int, units: int) -> list[int]:
        assert units == alsaaudio.VOLUME_UNITS_DB
        return [self.centibels, self.centibels - 150]

    def getmute(self) -> list[int]:
        return [int(self.is_muted)] * 2

    def setvolume(self, volume: int, *, pcmtype: int, units: int) -> None:
        assert units == alsaaudio.VOLUME_UNITS_DB
        self.centibels = 150 * (volume // 150)

    def setmute(self, mute: int) -> None:
        self.is_muted = bool(mute)

    def close(self) -> None: ...


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeMixer:
    fake = FakeMixer()
    monkeypatch.setattr(alsaaudio, "mixers", lambda *, device: ["Mic", "Speaker", "Headphone"])
    monkeypatch.setattr(alsaaudio, "Mixer", fake)
    return fake


def test_a_scale_in_decibels_is_used(fake: FakeMixer) -> None:
    mixer = CardMixer("hw:1")
    assert mixer.set_percent(50)
    assert fake.centibels == pytest.approx(-1806, abs=150)
    assert mixer.percent() == pytest.approx(50, abs=4)
    mixer.set_percent(100)
    assert (fake.centibels, mixer.percent()) == (0, 100)


def test_nothing_is_silent_by_the_switch_where_there_is_one(fake: FakeMixer) -> None:
    mixer = CardMixer("hw:1")
    mixer.set_percent(0)
    assert (fake.is_muted, fake.centibels, mixer.percent()) == (True, -5100, 0)
    mixer.set_percent(10)
    assert not fake.is_muted
    fake.switch = False
    mixer.set_percent(0)
    assert fake.centibels == -5100


def test_a_control_that_does_not_set_the_volume_is_passed_over(fake: FakeMixer) -> None:
    fake.capabilities = ["Capture Volume"]
    assert CardMixer("hw:1").percent() is None
