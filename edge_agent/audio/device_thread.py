"""A sound thread with one device: what microphone and loudspeaker have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Generic, Protocol, TypeVar

from edge_agent.audio.thread import DeviceStory, SoundThread
from edge_agent.core.events import Device, Event


class Pcm(Protocol):
    """What every sound device has, whatever its direction."""

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the device runs; None while, or if, that is not known."""

    def close(self) -> None:
        """Let the device go; never raises."""


PcmT = TypeVar("PcmT", bound=Pcm)


class DeviceThread(ABC, Generic[PcmT]):
    """Opens ``device`` with ``open_device`` again and again, and tells when it goes and comes back.

    ``on_event`` and ``on_crash`` are called in the thread, whose name is ``name``; they must not wait.
    """

    def __init__(
        self,
        name: str,
        device: Device,
        open_device: Callable[[], PcmT],
        on_event: Callable[[Event], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._open_device = open_device
        self._device: PcmT | None = None
        self._story = DeviceStory(device, on_event)
        self._thread = SoundThread(name, self._run, on_crash)

    @property
    def progress(self) -> int:
        """A counter that grows with every period and every retry."""
        return self._thread.progress

    @property
    def cpu_s(self) -> float:
        """How much processor time the thread has used, in seconds."""
        return self._thread.cpu_s

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than the monotonic clock the device runs; None without one, or if not known."""
        device = self._device
        return None if device is None else device.drift_ppm

    @property
    def error(self) -> BaseException | None:
        """What the thread crashed of."""
        return self._thread.error

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Close the device and end the thread; returns whether it ended within ``timeout_s``."""
        return self._thread.stop(timeout_s)

    @contextmanager
    def _opened(self) -> Iterator[PcmT]:
        """Open the device, and close it in the end. Raises AudioDeviceError."""
        with closing(self._open_device()) as device:
            self._device = device
            try:
                yield device
            finally:
                self._device = None

    @abstractmethod
    def _run(self, thread: SoundThread) -> None:
        """Live in the thread until it is to stop."""
