from __future__ import annotations

import wave
from pathlib import Path

import pytest

from edge_agent.audio.cards import Card
from edge_agent.demo.errors import DemoError
from edge_agent.demo.options import DemoOptions, SoundPlan, Voice, plan_sound

HEADSET = Card("plughw:CARD=Headset,DEV=0", "USB headset", can_capture=True, can_play=True)
JACK = Card("plughw:CARD=Headphones,DEV=0", "bcm2835 Headphones", can_capture=False, can_play=True)


def plan(tmp_path: Path, *cards: Card, input: str | None = None, output: str | None = None) -> SoundPlan:
    options = DemoOptions(input=input, output=output)
    return plan_sound(options, cards, tmp_path / "kept", tmp_path / "scratch")


def test_with_a_sound_card_it_listens_to_the_person(tmp_path: Path) -> None:
    assert plan(tmp_path, HEADSET) == SoundPlan(Voice.PERSON, "default", "default")


@pytest.mark.parametrize("cards", [(), (JACK,)])
def test_without_a_microphone_it_speaks_itself_and_records(tmp_path: Path, cards: tuple[Card, ...]) -> None:
    made = plan(tmp_path, *cards)
    assert made.voice is Voice.SYNTHETIC
    assert made.input == f"fifo:{tmp_path}/scratch/microphone"
    assert made.recording == tmp_path / "kept/loudspeaker.wav"


def test_without_a_card_the_answers_still_go_where_they_are_wanted(tmp_path: Path) -> None:
    made = plan(tmp_path, output="plughw:CARD=Headphones,DEV=0")
    assert made.voice is Voice.SYNTHETIC
    assert made.output == "plughw:CARD=Headphones,DEV=0"
    assert made.recording is None


def test_a_recorded_voice_is_played_for_its_length(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 24_000))
    made = plan(tmp_path, HEADSET, input=f"file:{path}")
    assert made == SoundPlan(Voice.RECORDED, f"file:{path}", "default", 1.5)


def test_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan(tmp_path, output="file:out.wav").recording == tmp_path / "out.wav"


@pytest.mark.parametrize("name", ["null", "plughw:CARD=Headset,DEV=0", "mic"])
def test_a_named_microphone_is_a_persons(tmp_path: Path, name: str) -> None:
    made = plan(tmp_path, input=name)
    assert (made.voice, made.input) == (Voice.PERSON, name)
    assert made.recording is not None


@pytest.mark.parametrize(
    ("input", "output", "expected"),
    [
        ("file:x.mp3", None, r"--input: expected file:PATH\.wav"),
        (None, "file:", r"--output: expected file:PATH\.wav"),
        ("", "null", "--input: expected"),
        ("file:/nonexistent/x.wav", None, "expected a WAV file at /nonexistent/x.wav"),
        ("file:/dev/null.wav", None, "expected a WAV file at /dev/null.wav"),
    ],
)
def test_a_device_that_cannot_be_used_is_named(
    tmp_path: Path, input: str | None, output: str | None, expected: str
) -> None:
    with pytest.raises(DemoError, match=expected):
        plan(tmp_path, HEADSET, input=input, output=output)
