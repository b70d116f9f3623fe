from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_agent.audio.wake_word import WakeWord, WakeWordSettings, is_installed
from edge_agent.core.pcm import PERIOD_BYTES, SILENCE
from edge_agent.errors import ConfigError
from tests.speech import spoken

VOICES = ("rms", "awb", "kal16", "slt")
"""Voices of flite that the model takes for people: 0.996 sure of rms and 0.90 of slt; 0.85 is enough."""


def models() -> Path:
    """Where the package keeps its models."""
    spec = find_spec("pymicro_wakeword")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"


def moments_of_the_word(pcm: bytes, word: WakeWord) -> Iterator[float]:
    """When the word was heard, in seconds from the beginning."""
    for at in range(0, len(pcm), PERIOD_BYTES):
        if word.hear(pcm[at : at + PERIOD_BYTES]):
            yield at / 96_000


@pytest.fixture(scope="module")
def okay_nabu() -> WakeWord:
    return WakeWord(WakeWordSettings())


@pytest.mark.parametrize("voice", VOICES)
def test_the_word_is_heard_soon_after_it_was_said(voice: str, okay_nabu: WakeWord) -> None:
    okay_nabu.reset()
    assert okay_nabu.word == "Okay Nabu"
    pcm = SILENCE * 100 + spoken("okay nabu, what time is it", voice)
    first = next(moments_of_the_word(pcm, okay_nabu))
    assert 1.5 < first < 2.6


@pytest.mark.parametrize("voice", VOICES)
def test_other_speech_is_not_the_word(voice: str, okay_nabu: WakeWord) -> None:
    okay_nabu.reset()
    other = spoken("okay, nobody knew what time it was, so the cook went out to buy a new one", voice)
    assert list(moments_of_the_word(SILENCE * 100 + other + SILENCE * 100, okay_nabu)) == []


def test_what_was_heard_before_a_reset_is_forgotten(okay_nabu: WakeWord) -> None:
    word = spoken("okay nabu", "rms")
    half = len(word) // 2 // PERIOD_BYTES * PERIOD_BYTES
    okay_nabu.reset()
    assert list(moments_of_the_word(SILENCE * 100 + word[:half], okay_nabu)) == []
    okay_nabu.reset()
    assert list(moments_of_the_word(word[half:] + SILENCE * 100, okay_nabu)) == []


def test_a_threshold_of_ones_own_counts(okay_nabu: WakeWord) -> None:
    never = WakeWord(WakeWordSettings(threshold=1.0))
    assert list(moments_of_the_word(SILENCE * 100 + spoken("okay nabu", "rms"), never)) == []


def test_a_model_of_ones_own_is_used(tmp_path: Path) -> None:
    for suffix in ("json", "tflite"):
        shutil.copy(models() / f"hey_jarvis.{suffix}", tmp_path)
    assert WakeWord(WakeWordSettings(model=tmp_path / "hey_jarvis.json")).word == "Hey Jarvis"


def test_a_model_that_can_not_be_used_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    description = tmp_path / "mine.json"
    settings = WakeWordSettings(model=description)
    with pytest.raises(ConfigError, match=r"wake\.model: .*mine\.json.*No such file"):
        WakeWord(settings)
    description.write_text("{")
    with pytest.raises(ConfigError, match=r"wake\.model"):
        WakeWord(settings)
    description.write_text((models() / "hey_jarvis.json").read_text())
    with pytest.raises(ConfigError, match=r"No such file.*hey_jarvis\.tflite"):
        WakeWord(settings)
    whole = (models() / "hey_jarvis.tflite").read_bytes()
    for broken in (b"", b"\0" * 1000, whole[:8] + b"\0" * 1000, whole[:20_000]):
        (tmp_path / "hey_jarvis.tflite").write_bytes(broken)
        with pytest.raises(ConfigError, match="no TensorFlow Lite model"):
            WakeWord(settings)


def test_a_word_without_a_model_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"wake\.word: open_sesame"):
        WakeWord(WakeWordSettings(word="open_sesame"))


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_installed()
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    with pytest.raises(ConfigError, match=r"pip install 'edge-agent\[wake\]'"):
        WakeWord(WakeWordSettings())
