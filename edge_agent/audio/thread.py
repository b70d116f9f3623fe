"""What the sound threads have in common: a life with an owner, and the story of one device."""

from __future__ import annotations

import logging
import os
import resource
import threading
import time
from collections.abc import Callable

from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event
from edge_agent.errors import AudioDeviceError

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""How long a missing device is left alone: soon enough for who plugs it in, too seldom to be a load."""

REALTIME_PRIORITY = 5
"""Above every ordinary thread and far below the interrupts of the sound cards (50), as shairport-sync."""

CPU_EVERY_STEPS = 4
"""How often a thread looks at its own processor time, which takes a system call."""


class SoundThread:
    """A thread that counts its progress, stops when told and reports its crash.

    ``body`` runs in the thread; it calls :meth:`tick` for every period or retry and returns once
    :attr:`is_stopping`. Whatever it raises is a bug: it is logged, kept in :attr:`error` and given to
    ``on_crash``, in the thread. The thread never keeps the process alive.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[SoundThread], None],
        on_crash: Callable[[BaseException], None],
        *,
        is_urgent: bool = True,
    ) -> None:
        """``is_urgent``: a sound device waits for it; it takes real-time priority if it may."""
        self._body = body
        self._on_crash = on_crash
        self._is_urgent = is_urgent
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._progress = 0
        self._cpu_s = 0.0
        self.error: BaseException | None = None

    @property
    def progress(self) -> int:
        """A counter that grows as long as the thread does its work."""
        return self._progress

    @property
    def cpu_s(self) -> float:
        """How much processor time the thread had used a moment ago, or at its end, in seconds."""
        return self._cpu_s

    @property
    def is_stopping(self) -> bool:
        """Whether the thread was told to end."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Tell the thread to end and wait for it, ``timeout_s`` at most; returns whether it has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def tick(self) -> None:
        """Count one step of progress. For the body."""
        self._progress += 1
        # Here, not by whoever asks: the clock of a thread that has ended can't be read safely.
        if self._progress % CPU_EVERY_STEPS == 0:
            self._cpu_s = time.thread_time()

    def wait(self, duration_s: float) -> None:
        """Sleep, but not beyond :meth:`stop`. For the body."""
        self._stopping.wait(duration_s)

    def _run(self) -> None:
        if self._is_urgent and take_realtime_priority():
            logger.debug("%s: runs in real time, at priority %d", self._thread.name, REALTIME_PRIORITY)
        try:
            self._body(self)
        except Exception as error:
            logger.exception("%s: the thread crashed", self._thread.name)
            self.error = error
            self._on_crash(error)
        finally:
            self._cpu_s = time.thread_time()


def take_realtime_priority() -> bool:
    """Make the calling thread a real-time one if the process has been given the right; returns whether it is.

    The right is RLIMIT_RTPRIO (systemd's ``LimitRTPRIO=``, /etc/security/limits.d), not root's: who has not
    thought of it gets an ordinary thread. See sched(7).
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if limit != resource.RLIM_INFINITY and limit < REALTIME_PRIORITY:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
    except PermissionError as error:  # a sandbox may forbid what the limit allows
        logger.debug("no real-time priority: %s", error)
        return False
    return True


class DeviceStory:
    """Tells the loss and the return of a device, each once. A device is believed to work until it fails."""

    def __init__(self, device: Device, on_event: Callable[[Event], None]) -> None:
        self._device = device
        self._on_event = on_event
        self._is_lost = False

    def works(self) -> None:
        """The device has just moved a period."""
        if self._is_lost:
            self._is_lost = False
            self._on_event(DeviceBack(self._device))

    def failed(self, error: AudioDeviceError) -> None:
        """The device can't be opened or has gone."""
        if self._is_lost:
            logger.debug("%s: still no device: %s", self._device.value, error)
            return
        self._is_lost = True
        self._on_event(DeviceLost(self._device, str(error)))
