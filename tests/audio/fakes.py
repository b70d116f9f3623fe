"""Sound devices with levers."""

from __future__ import annotations

import threading
import time
from collections import deque

from edge_agent.audio.interrupt import Interrupt
from edge_agent.core.pcm import SAMPLE_RATE_HZ, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import DEADLINE_S

SAMPLE_BYTES_OF = {"S16_LE": 2, "S24_3LE": 3, "S24_LE": 4, "S32_LE": 4}


class Clock:
    """A monotonic clock that only sleeping moves, or the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, duration_s: float) -> None:
        self.now += duration_s


class FakeInput:
    """A microphone in a silent room, much faster than real time; ``hear`` makes it hear something."""

    def __init__(self) -> None:
        self.xruns = 0
        self.drift_ppm: float | None = None
        self.is_closed = False
        self.error: AudioDeviceError | Exception | None = None
        self.hangs = threading.Event()
        self.is_hanging = threading.Event()
        self.to_be_heard: deque[bytes] = deque()

    def hear(self, blocks: list[bytes]) -> None:
        self.to_be_heard.extend(blocks)

    def read(self) -> bytes:
        if self.error is not None:
            raise self.error
        while self.hangs.is_set():
            self.is_hanging.set()
            time.sleep(0.001)
        time.sleep(0.0001)
        return self.to_be_heard.popleft() if self.to_be_heard else SILENCE

    def close(self) -> None:
        self.is_closed = True


class FakeOutput:
    """A loudspeaker that plays as many periods as :meth:`step` lets it, or all after :meth:`run`."""

    def __init__(self) -> None:
        self.xruns = 0
        self.drift_ppm: float | None = None
        self.restarts_in_time = True
        self.is_closed = False
        self.error: AudioDeviceError | Exception | None = None
        self.queued = 0.0
        self.refilled = 0.0
        self.written: list[bytes] = []
        self.dropped_in: list[str] = []
        self._allowed = threading.Semaphore(0)
        self._runs = threading.Event()

    def step(self, periods: int) -> list[bytes]:
        """Let ``periods`` be written; returns them once the next one waits to be written."""
        before = len(self.written)
        for _ in range(periods):
            self._allowed.release()
        deadline = time.monotonic() + DEADLINE_S
        while len(self.written) < before + periods:
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.0005)
        return self.written[before:]

    def run(self) -> None:
        """Wait for nobody any more."""
        self._runs.set()
        self._allowed.release()

    def wait(self, interrupt: Interrupt | None = None) -> None:
        if self.error is not None:
            raise self.error
        if self._runs.is_set():
            time.sleep(0.0001)
        else:
            assert self._allowed.acquire(timeout=DEADLINE_S), "the test forgot the loudspeaker"

    def write(self, block: bytes) -> None:
        self.queued += self.refilled
        self.refilled = 0.0
        self.written.append(block)

    def drop(self) -> None:
        """The next block is followed by silence up to what there was before, and 5 ms more."""
        self.dropped_in.append(threading.current_thread().name)
        self.refilled = self.queued + 0.005
        self.queued = 0.0

    def queued_s(self) -> float:
        return self.queued

    def close(self) -> None:
        self.is_closed = True


class FakeHandle:
    """An opened ``alsaaudio.PCM``. ``script`` holds what the next calls answer, then all goes well.

    It plays what was written when the test says so (:meth:`play`), and has captured ``captured_frames`` more
    than were read.
    """

    def __init__(self, **differences: object) -> None:
        self._info: dict[str, object] = {
            "card_no": 0,
            "rate": SAMPLE_RATE_HZ,
            "channels": 1,
            "format_name": "S16_LE",
            "period_size": 480,
            "buffer_size": 4800,
        } | differences
        channels, sample_bytes = (
            self._info["channels"],
            SAMPLE_BYTES_OF.get(str(self._info["format_name"]), 2),
        )
        assert isinstance(channels, int)
        self.frame_bytes = channels * sample_bytes
        self.script: deque[int | bytes | Exception] = deque()
        self.written = bytearray()
        self._is_written_to = False
        self.queued_frames = 0
        self.captured_frames = 0
        self.free_frames: int | None = None
        self.stamp: tuple[int, int, int] = (0, 0, 0)
        self.calls: list[str] = []

    def play(self, frames: int) -> None:
        """Let the card play ``frames`` of what it holds."""
        self.queued_frames = max(0, self.queued_frames - frames)

    def info(self) -> dict[str, object]:
        return self._info

    def read(self) -> tuple[int, bytes]:
        period_frames = self._info["period_size"]
        assert isinstance(period_frames, int)
        answer = self._next(bytes(period_frames * self.frame_bytes))
        if isinstance(answer, bytes):
            self.captured_frames = max(0, self.captured_frames - len(answer) // self.frame_bytes)
            return len(answer) // self.frame_bytes, answer
        return answer, b""

    def write(self, data: bytes | memoryview) -> int:
        answer = self._next(len(data) // self.frame_bytes)
        assert isinstance(answer, int)
        taken_frames = max(0, answer)
        self._is_written_to = True
        self.written += data[: taken_frames * self.frame_bytes]
        self.queued_frames += taken_frames
        return answer

    def avail(self) -> int:
        if self.free_frames is not None:
            return self.free_frames
        buffer_frames = self._info["buffer_size"]
        assert isinstance(buffer_frames, int)
        return buffer_frames - self.queued_frames if self._is_written_to else self.captured_frames

    def htimestamp(self) -> tuple[int, int, int]:
        return self.stamp

    def set_tstamp_mode(self, mode: int) -> None:
        self.calls.append("set_tstamp_mode")

    def set_tstamp_type(self, type: int) -> None:
        self.calls.append("set_tstamp_type")

    def drop(self) -> int:
        self.calls.append("drop")
        self.queued_frames = 0
        return 0

    def close(self) -> None:
        self.calls.append("close")

    def _next(self, otherwise: int | bytes) -> int | bytes:
        answer = self.script.popleft() if self.script else otherwise
        if isinstance(answer, Exception):
            raise answer
        return answer
