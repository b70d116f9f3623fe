from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.audio.fifo import FifoInput
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES
from edge_agent.core.playout.samples import peak
from edge_agent.demo import mouth
from edge_agent.demo.errors import DemoError
from edge_agent.demo.mouth import QUESTIONS, say, synthesize


def test_there_are_enough_different_questions() -> None:
    assert len(set(QUESTIONS)) == len(QUESTIONS) >= 8


async def test_a_question_is_spoken_aloud_in_the_format_inside() -> None:
    pcm = await synthesize(QUESTIONS[0])
    assert 0.5 < len(pcm) / BYTES_PER_S < 5.0
    assert peak(pcm) > 3000


async def test_a_missing_flite_is_told_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match="sudo apt install flite"):
        await synthesize("hello")


async def test_a_flite_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in_for_flite(tmp_path, "exit 7")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match="exit code 7"):
        await synthesize("hello")


async def test_a_flite_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in_for_flite(tmp_path, "exec /bin/sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mouth, "SYNTHESIS_LIMIT_S", 0.3)
    with pytest.raises(DemoError, match="within"):
        await synthesize("hello")


def stand_in_for_flite(folder: Path, command: str) -> None:
    (folder / "flite").write_text(f"#!/bin/sh\n{command}\n")
    (folder / "flite").chmod(0o755)


async def test_all_of_a_question_arrives_in_order_at_the_pace_of_the_reader(tmp_path: Path) -> None:
    microphone = FifoInput(tmp_path / "microphone")
    pcm = b"".join(n.to_bytes(2, "little") for n in range(1, 30_001))
    speaking = asyncio.create_task(say(pcm, tmp_path / "microphone"))
    heard = bytearray()
    async with asyncio.timeout(20.0):
        while len(heard) < len(pcm):
            block = await asyncio.to_thread(microphone.read)
            if any(block):
                heard += block
        await speaking
    assert bytes(heard[: len(pcm)]) == pcm
    assert len(heard) - len(pcm) < PERIOD_BYTES
    microphone.close()


async def test_without_a_listener_the_question_is_refused(tmp_path: Path) -> None:
    FifoInput(tmp_path / "microphone").close()
    with pytest.raises(DemoError, match="does not listen"):
        await say(bytes(1000), tmp_path / "microphone")


async def test_a_listener_that_stops_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mouth, "LATE_LIMIT_S", -1.8)
    microphone = FifoInput(tmp_path / "microphone")
    with pytest.raises(DemoError, match="stopped listening"):
        await say(bytes(2 * BYTES_PER_S), tmp_path / "microphone")
    microphone.close()


async def test_a_listener_that_goes_is_told(tmp_path: Path) -> None:
    microphone = FifoInput(tmp_path / "microphone")
    speaking = asyncio.create_task(say(bytes(2 * BYTES_PER_S), tmp_path / "microphone"))
    await asyncio.sleep(0)
    microphone.close()
    with pytest.raises(DemoError, match="has closed"):
        await speaking
