from __future__ import annotations

import array
import math
from pathlib import Path

import pytest

from edge_agent.server.settings import CannotServe
from edge_agent.server.voice import (
    BIT_RATE,
    MARGIN_SAMPLES,
    PACKET_S,
    PACKET_SAMPLES,
    SAMPLE_RATE_HZ,
    Voice,
    encode,
    trimmed,
)

TONE = array.array("h", (int(8000 * math.sin(n / 8)) for n in range(SAMPLE_RATE_HZ))).tobytes()


def test_sound_becomes_packets_of_20_ms_and_one_for_the_delay_of_the_codec() -> None:
    made = encode(TONE)
    assert len(made.packets) in (50, 51)
    assert made.duration_s == pytest.approx(1.0, abs=2 * PACKET_S)
    assert sum(map(len, made.packets)) / made.duration_s < 2 * BIT_RATE / 8


def test_a_rest_is_filled_up_with_silence() -> None:
    assert len(encode(TONE[: 2 * PACKET_SAMPLES + 2]).packets) in (2, 3)


def test_silence_around_speech_is_cut_except_for_a_margin() -> None:
    silence = bytes(SAMPLE_RATE_HZ)
    loud = array.array("h", [1000] * 100).tobytes()
    assert len(trimmed(silence + loud + silence)) // 2 == 100 + 2 * MARGIN_SAMPLES
    assert trimmed(loud) == loud
    assert trimmed(silence)[MARGIN_SAMPLES * 2 :] == b""


async def test_flite_speaks() -> None:
    voice = Voice()
    said = await voice.speak("The answer is the number twelve.")
    assert said is not None
    assert 0.5 < said.duration_s < 3.0
    assert 0 < len(voice.silence) < 40


async def test_speed_changes_the_length() -> None:
    voice = Voice()
    fast, slow = await voice.speak("one two three", speed=1.5), await voice.speak("one two three", speed=0.75)
    assert fast is not None
    assert slow is not None
    assert 1.6 < slow.duration_s / fast.duration_s < 2.4


async def test_voices_differ_and_unknown_ones_sound_like_the_first() -> None:
    voice = Voice()
    first, other, unknown = [await voice.speak("hello", name) for name in ("slt", "rms", "marin")]
    assert first == unknown != other


async def test_options_in_a_text_are_just_words(tmp_path: Path) -> None:
    target = tmp_path / "stolen.wav"
    assert await Voice().speak(f"-o {target}") is not None
    assert not target.exists()


def fake_flite(folder: Path, script: str) -> str:
    path = folder / "flite"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("script", ["exit 1", "exit 0", "echo no sound", "printf 'RIFF1234WAVE'"])
async def test_a_flite_that_fails_is_logged_and_makes_no_sound(
    tmp_path: Path, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await Voice(fake_flite(tmp_path, script)).speak("hello") is None
    assert "flite" in caplog.text


async def test_a_flite_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge_agent.server.voice.SYNTHESIS_DEADLINE_S", 0.2)
    assert await Voice(fake_flite(tmp_path, "exec sleep 60")).speak("hello") is None
    assert "within" in caplog.text


def test_a_missing_flite_names_the_package() -> None:
    with pytest.raises(CannotServe, match="apt install flite"):
        Voice("no-such-flite")
