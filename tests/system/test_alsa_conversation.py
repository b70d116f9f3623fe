"""A conversation with both sides on real ALSA handles: asked into one sound card, answered out of another."""

from __future__ import annotations

import difflib
import re
import threading
import wave
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.device import DeviceSettings
from edge_agent.core.pcm import PERIOD_BYTES, SAMPLE_RATE_HZ, SILENCE
from tests.processes import DEADLINE_S, Daemon, running_daemon
from tests.speech import recognised, spoken
from tests.system.local_server import local_server
from tests.virtual_cards import VirtualCards, virtual_cards

SETTINGS = DeviceSettings(playout_fill_s=0.3)
"""Of the person, who is never late."""

LEAD_IN = SILENCE * 30
"""What a virtual card may lose while it connects, and what is thrown away when it is closed."""

QUESTIONS = ("what is seven plus five", "repeat after me the sun is shining")

ENOUGH = 0.6
"""Share of the letters that a recogniser gets right which does not know what is coming."""


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCards]:
    with virtual_cards() as cards:
        for name, value in cards.environment.items():
            monkeypatch.setenv(name, value)
        yield cards


@pytest.fixture
def daemon(cards: VirtualCards) -> Iterator[Daemon]:
    with local_server() as server:
        config = {
            "endpoints": [server.endpoint()],
            "session": {"transcription": {"model": "local"}},
            "sound": {"input": "mic", "output": "speaker"},
        }
        with running_daemon(config, cards.environment) as daemon:
            yield daemon


def test_questions_to_a_card_are_answered_on_a_card(daemon: Daemon, tmp_path: Path) -> None:
    daemon.seen.wait_for_state("ready")
    with recording_of("answer", tmp_path / "answers.wav"):
        for question in QUESTIONS:
            mark = daemon.seen.mark
            play_into("question", spoken(question))
            daemon.seen.wait_for_state("speaking", mark=mark)
            daemon.seen.wait_for_state("ready", mark=mark)
            assert daemon.seen.states(mark) == ["listening", "thinking", "speaking", "ready"]
            (turn,) = daemon.seen.since(mark, "turn")
            assert turn["voice_to_voice_ms"] > 0
    assert daemon.close() == 0
    assert "error" not in daemon.process.output
    said = [line for line in daemon.seen.since(0, "transcript") if line["final"]]
    assert [line["text"] for line in said if line["role"] == "user"] == list(QUESTIONS)
    answers = " ".join(line["text"] for line in said if line["role"] == "assistant").lower()
    heard = recognised(tmp_path / "answers.wav")
    assert likeness(re.sub(r"[^a-z ]", "", answers), heard) >= ENOUGH, (answers, heard)


def likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def play_into(name: str, pcm: bytes) -> None:
    """Play on an ALSA device, which takes as long as it sounds."""
    whole = LEAD_IN + pcm + LEAD_IN
    with closing(AlsaOutput.open(name, SETTINGS)) as mouth:
        for start in range(0, len(whole), PERIOD_BYTES):
            mouth.write(whole[start : start + PERIOD_BYTES].ljust(PERIOD_BYTES, b"\0"))


@contextmanager
def recording_of(name: str, path: Path) -> Iterator[None]:
    """Record an ALSA device for the length of the block."""
    is_over = threading.Event()
    blocks: list[bytes] = []

    def record() -> None:
        with closing(AlsaInput.open(name, SETTINGS)) as ear:
            while not is_over.is_set():
                blocks.append(ear.read())

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(DEADLINE_S)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes(b"".join(blocks))
