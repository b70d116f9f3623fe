"""Sound devices with levers."""

from __future__ import annotations

import threading
import time
from collections import deque

from edge_agent.core.pcm import SAMPLE_RATE_HZ, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import DEADLINE_S


class FakeInput:
    """A microphone in a silent room, much faster than real time; ``hear`` makes it hear something."""

    def __init__(self) -> None:
        self.xruns = 0
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
        self.is_closed = False
        self.error: AudioDeviceError | Exception | None = None
        self.queued = 0.0
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

    def wait(self) -> None:
        if self.error is not None:
            raise self.error
        if self._runs.is_set():
            time.sleep(0.0001)
        else:
            assert self._allowed.acquire(timeout=DEADLINE_S), "the test forgot the loudspeaker"

    def write(self, block: bytes) -> None:
        self.written.append(block)

    def drop(self) -> None:
        self.dropped_in.append(threading.current_thread().name)
        self.queued = 0.0

    def queued_s(self) -> float:
        return self.queued

    def close(self) -> None:
        self.is_closed = True


class FakeHandle:
    """An opened ``alsaaudio.PCM``. ``script`` holds what the next calls answer, then all goes well."""

    def __init__(self, **differences: object) -> None:
        self._info: dict[str, object] = {
            "rate": SAMPLE_RATE_HZ,
            "channels": 1,
            "format_name": "S16_LE",
            "period_size": 480,
            "buffer_size": 1920,
        } | differences
        self.script: deque[int | bytes | Exception] = deque()
        self.written = bytearray()
        self.free_frames = 1920
        self.calls: list[str] = []

    def info(self) -> dict[str, object]:
        return self._info

    def read(self) -> tuple[int, bytes]:
        answer = self._next(SILENCE)
        if isinstance(answer, bytes):
            return len(answer) // 2, answer
        return answer, b""

    def write(self, data: bytes | memoryview) -> int:
        frame_bytes = 4 if self._info["channels"] == 2 else 2
        answer = self._next(len(data) // frame_bytes)
        assert isinstance(answer, int)
        self.written += data[: max(0, answer) * frame_bytes]
        return answer

    def avail(self) -> int:
        return self.free_frames

    def drop(self) -> int:
        self.calls.append("drop")
        return 0

    def close(self) -> None:
        self.calls.append("close")

    def _next(self, otherwise: int | bytes) -> int | bytes:
        answer = self.script.popleft() if self.script else otherwise
        if isinstance(answer, Exception):
            raise answer
        return answer
