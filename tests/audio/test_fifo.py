from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.audio.fifo import FifoInput, FifoOutput
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import blocks_of, tone

BLOCKS = blocks_of(tone(700, 0.08))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pipe"


@pytest.fixture
def microphone(path: Path) -> Iterator[FifoInput]:
    microphone = FifoInput(path)
    yield microphone
    microphone.close()


@pytest.fixture
def writer(path: Path, microphone: FifoInput) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    yield fd
    os.close(fd)


@pytest.fixture
def loudspeaker(path: Path) -> Iterator[FifoOutput]:
    loudspeaker = FifoOutput(path)
    yield loudspeaker
    loudspeaker.close()


def read_from(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def fill(writer: int) -> int:
    """Write until the pipe takes no more; returns how much that was."""
    written_bytes = 0
    with contextlib.suppress(BlockingIOError):
        while written_bytes < 10 * 96_000:
            written_bytes += os.write(writer, BLOCKS[0])
    return written_bytes


def test_the_pipe_is_made_for_its_owner_alone(path: Path, microphone: FifoInput) -> None:
    mode = path.stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_what_is_written_is_heard_bit_by_bit(microphone: FifoInput, writer: int) -> None:
    os.write(writer, b"".join(BLOCKS))
    assert [microphone.read() for _ in BLOCKS] == BLOCKS


def test_a_block_may_have_two_periods(path: Path) -> None:
    with contextlib.closing(FifoInput(path, block_periods=2)) as microphone:
        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, BLOCKS[0] + BLOCKS[1] + BLOCKS[2])
        heard = [microphone.read() for _ in range(3)]
        os.close(writer)
    assert heard == [BLOCKS[0] + BLOCKS[1], SILENCE * 2, BLOCKS[2] + SILENCE]


def test_what_was_written_before_is_not_heard(path: Path, microphone: FifoInput, writer: int) -> None:
    fill(writer)
    reopened = FifoInput(path)
    assert reopened.read() == SILENCE
    os.write(writer, BLOCKS[0])
    assert reopened.read() == BLOCKS[0]
    reopened.close()


def test_nobody_writing_is_silence_at_real_time(microphone: FifoInput) -> None:
    began_s = time.monotonic()
    assert {microphone.read() for _ in range(10)} == {SILENCE}
    assert time.monotonic() - began_s >= 10 * PERIOD_S - 0.001


def test_writers_may_come_and_go(path: Path, microphone: FifoInput) -> None:
    for block in BLOCKS[:3]:
        with path.open("wb", buffering=0) as writer:
            writer.write(block)
        assert microphone.read() == block
        assert microphone.read() == SILENCE


def test_a_block_that_arrives_in_parts_is_put_together(microphone: FifoInput, writer: int) -> None:
    os.write(writer, BLOCKS[0][:301])
    assert microphone.read() == SILENCE
    os.write(writer, BLOCKS[0][301:] + BLOCKS[1])
    assert microphone.read() == BLOCKS[0]
    assert microphone.read() == BLOCKS[1]


def test_the_end_of_a_sound_is_not_held_back(microphone: FifoInput, writer: int) -> None:
    os.write(writer, BLOCKS[0][:300])
    assert microphone.read() == SILENCE
    assert microphone.read() == BLOCKS[0][:300].ljust(PERIOD_BYTES, b"\0")
    assert microphone.read() == SILENCE


def test_a_writer_that_runs_ahead_has_to_wait(microphone: FifoInput, writer: int) -> None:
    assert fill(writer) <= 96_000  # a second


def test_what_is_played_is_passed_on_bit_by_bit(path: Path, loudspeaker: FifoOutput) -> None:
    reader = read_from(path)
    for block in BLOCKS:
        loudspeaker.write(block)
    assert loudspeaker.queued_s() == pytest.approx(len(BLOCKS) * PERIOD_S)
    assert os.read(reader, 100_000) == b"".join(BLOCKS)
    os.close(reader)


def test_without_a_reader_sound_is_lost_in_real_time(loudspeaker: FifoOutput) -> None:
    began_s = time.monotonic()
    for block in BLOCKS:
        loudspeaker.write(block)
    loudspeaker.wait()
    assert time.monotonic() - began_s >= len(BLOCKS) * PERIOD_S - 0.001
    assert loudspeaker.queued_s() == 0
    loudspeaker.drop()


def test_readers_may_come_and_go(path: Path, loudspeaker: FifoOutput) -> None:
    for block in BLOCKS[:3]:
        reader = read_from(path)
        loudspeaker.write(block)
        assert os.read(reader, 100_000) == block
        os.close(reader)
        loudspeaker.write(SILENCE)


def test_what_a_slow_reader_can_not_take_is_dropped_and_counted(path: Path, loudspeaker: FifoOutput) -> None:
    reader = read_from(path)
    other_writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    fill(other_writer)
    loudspeaker.write(BLOCKS[0])
    assert loudspeaker.xruns == 1
    os.close(other_writer)
    os.close(reader)


def test_dropping_takes_back_what_was_not_read(path: Path, loudspeaker: FifoOutput) -> None:
    reader = read_from(path)
    for block in BLOCKS:
        loudspeaker.write(block)
    loudspeaker.drop()
    assert loudspeaker.queued_s() == 0
    loudspeaker.drop()
    loudspeaker.write(BLOCKS[1])
    assert os.read(reader, 100_000) == BLOCKS[1]
    os.close(reader)


@pytest.mark.parametrize("device", [FifoInput, FifoOutput])
def test_another_kind_of_file_is_refused(path: Path, device: type[FifoInput | FifoOutput]) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(AudioDeviceError, match="expected a named pipe, got another kind of file"):
        device(path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("device", [FifoInput, FifoOutput])
def test_a_place_without_a_folder_is_named(tmp_path: Path, device: type[FifoInput | FifoOutput]) -> None:
    with pytest.raises(AudioDeviceError, match="No such file or directory; expected a named pipe"):
        device(tmp_path / "missing" / "pipe")
