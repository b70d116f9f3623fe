"""What microphone and loudspeaker have in common: a device that is open for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edge_agent.audio.device_thread import DeviceThread
from edge_agent.audio.thread import SoundThread
from edge_agent.core.events import Device
from edge_agent.errors import AudioDeviceError

LONG_S = 10.0


class Tape:
    """A device whose clock is wrong by 100 ppm."""

    drift_ppm: float | None = 100.0
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Recorder(DeviceThread[Tape]):
    """Uses its device as a test says, once."""

    def __init__(self, tape: Tape, use: Callable[[], None], crashes: list[BaseException]) -> None:
        super().__init__("recorder", Device.MICROPHONE, lambda: tape, print, crashes.append)
        self._use = use

    def _run(self, thread: SoundThread) -> None:
        with self._opened():
            self._use()
            thread.tick()


def test_the_device_is_there_while_it_is_used_and_closed_afterwards() -> None:
    tape, is_used, may_end = Tape(), threading.Event(), threading.Event()

    def use() -> None:
        is_used.set()
        may_end.wait(LONG_S)

    recorder = Recorder(tape, use, [])
    recorder.start()
    assert is_used.wait(LONG_S)
    assert (recorder.drift_ppm, tape.is_closed) == (100.0, False)
    may_end.set()
    assert recorder.stop(LONG_S)
    assert recorder.drift_ppm is None, "a device that is closed has no clock"
    assert (tape.is_closed, recorder.progress) == (True, 1)
    assert recorder.cpu_s > 0.0


@pytest.mark.parametrize("error", [AudioDeviceError("unplugged"), ValueError("a bug")])
def test_a_device_that_fails_is_closed(error: Exception) -> None:
    def use() -> None:
        raise error

    crashes: list[BaseException] = []
    tape = Tape()
    recorder = Recorder(tape, use, crashes)
    recorder.start()
    assert recorder.stop(LONG_S)
    assert tape.is_closed
    assert (recorder.error, crashes) == (error, [error])
