"""The microphone's thread: device to uplink, and a clock that goes on when there is no device."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import zip_longest

from edge_agent.audio.both_ends import BothEnds
from edge_agent.audio.device import PcmInput
from edge_agent.audio.device_thread import DeviceThread
from edge_agent.audio.ear import Ear
from edge_agent.audio.echo import EchoCanceller
from edge_agent.audio.far_end import FarEnd
from edge_agent.audio.level import PeakMeter, from_dbfs
from edge_agent.audio.thread import RETRY_S, SoundThread
from edge_agent.audio.uplink import Uplink
from edge_agent.core.events import Device, Event
from edge_agent.core.likeness import likeness
from edge_agent.core.pcm import (
    BYTES_PER_S,
    PERIOD_S,
    PERIOD_SAMPLES,
    SAMPLE_RATE_HZ,
    SILENCE,
    in_periods,
)
from edge_agent.core.playout.samples import AUDIBLE_PEAK, peak
from edge_agent.errors import AudioDeviceError

VOICE_DBFS = -40.0
"""A peak above this is a voice: rooms peak at -60 to -50 dBFS, speech at a metre's distance above -30."""

STAND_IN_S = 2 * PERIOD_S
"""How often silence is sent while there is no microphone: one packet a time."""

IDLE_STAND_IN_S = 0.1
"""The same while nobody listens either. Also how long it takes at most to notice that the mute is over."""


class Capture(DeviceThread[PcmInput]):
    """Reads the microphone while it is enabled, which it is at first, and feeds it to ``uplink``.

    Every block passes through ``canceller``, if there is one, together with what ``far_end`` says was played.
    Levels and voices are those of the cleaned sound. ``both_ends`` remembers it; ``ear`` hears it always.
    ``duck`` is told of each period whether it held a voice, whether something was played, and the time.

    A device that fails is told once (DeviceLost), tried again every RETRY_S, and told once when it works
    again (DeviceBack). While there is none, or it is disabled, the session hears silence and the sample
    clock goes on, so that a server's voice detection ends a turn that was cut off. ``on_event`` and
    ``on_crash`` are called in the sound thread; they must not wait.
    """

    def __init__(
        self,
        open_device: Callable[[], PcmInput],
        uplink: Uplink,
        on_event: Callable[[Event], None],
        on_crash: Callable[[BaseException], None],
        both_ends: BothEnds,
        far_end: FarEnd | None = None,
        canceller: EchoCanceller | None = None,
        duck: Callable[[bool, bool, float], None] | None = None,
        ear: Ear | None = None,
    ) -> None:
        super().__init__("capture", Device.MICROPHONE, open_device, on_event, on_crash)
        self._uplink = uplink
        self._far_end = far_end
        self._canceller = canceller
        self._duck = duck
        self._ear = ear
        self._both_ends = both_ends
        self._meter = PeakMeter()
        self._voice_peak = from_dbfs(VOICE_DBFS)
        self._is_enabled = True
        self._heard_until_s = time.monotonic()
        self.last_voice_at: float | None = None
        """Monotonic seconds of the last voice that came through an open gate, None if never."""
        self.xruns = 0
        """How often samples were lost, all devices of this run together."""

    @property
    def level_dbfs(self) -> float:
        """The microphone's level now, gate or not; the floor without a device."""
        return self._meter.level_dbfs

    @property
    def echo_likeness(self) -> float:
        """How much of the last 2 s of cleaned sound is what was played, 0 to 1: see core.likeness.

        For any thread; takes some 15 ms on a PC.
        """
        return likeness(*self._both_ends.snapshot())

    def set_enabled(self, enabled: bool) -> None:
        """Open or close the device. Closed within a period, open again within IDLE_STAND_IN_S."""
        self._is_enabled = enabled

    def _run(self, thread: SoundThread) -> None:
        self._heard_until_s = time.monotonic()
        while not thread.is_stopping:
            try:
                self._record(thread)
            except AudioDeviceError as error:
                self._story.failed(error)
                self._stand_in(thread, until_s=time.monotonic() + RETRY_S)
            while not self._is_enabled and not thread.is_stopping:
                self._stand_in(thread, until_s=time.monotonic() + IDLE_STAND_IN_S)

    def _record(self, thread: SoundThread) -> None:
        """Read until the device fails, or is not wanted any more."""
        if not self._is_enabled:
            return
        with self._opened() as device:
            known_xruns: int | None = None  # the first block comes after a gap as well
            while self._is_enabled and not thread.is_stopping:
                block = device.read()
                if device.xruns != known_xruns:
                    self._close_gap(block)
                    if self._far_end is not None:
                        self._far_end.restart()
                    self.xruns += device.xruns - (known_xruns or 0)
                    known_xruns = device.xruns
                self._take(block)
                self._story.works()
                thread.tick()

    def _take(self, block: bytes) -> None:
        now = time.monotonic()
        played = b"" if self._far_end is None else self._far_end.take(len(block))
        cleaned = block if self._canceller is None else self._canceller.process(block, played)
        self._uplink.feed(cleaned)
        if self._ear is not None:
            self._ear.hear(cleaned)
        self._heard_until_s = now
        self._both_ends.heard(cleaned)
        magnitude = peak(cleaned)
        self._meter.feed(magnitude, len(cleaned) / BYTES_PER_S)
        is_heard = self._uplink.gate_is_open
        if is_heard and magnitude > self._voice_peak:
            self.last_voice_at = now
        if self._duck is not None:
            for near, far in zip_longest(in_periods(cleaned), in_periods(played), fillvalue=b""):
                self._duck(is_heard and peak(near) > self._voice_peak, peak(far) > AUDIBLE_PEAK, now)

    def _close_gap(self, block: bytes) -> None:
        """Advance the sample clock to ``block``, which has just been read: what was in between is lost."""
        gap_s = time.monotonic() - len(block) / BYTES_PER_S - self._heard_until_s
        gap_samples = max(0, round(gap_s * SAMPLE_RATE_HZ))
        self._uplink.skip(gap_samples)
        self._both_ends.missed(gap_samples)

    def _stand_in(self, thread: SoundThread, until_s: float) -> None:
        """Be the microphone that there is not, until ``until_s``, a change of the enabling or the end."""
        self._meter.reset()
        if self._ear is not None:
            self._ear.pause()
        self._both_ends.deafened()
        was_enabled = self._is_enabled
        while not thread.is_stopping and self._is_enabled is was_enabled and time.monotonic() < until_s:
            thread.wait(STAND_IN_S if self._uplink.is_connected else IDLE_STAND_IN_S)
            self._pass_time()
            thread.tick()

    def _pass_time(self) -> None:
        periods = int((time.monotonic() - self._heard_until_s) / PERIOD_S)
        self._heard_until_s += periods * PERIOD_S
        if periods * PERIOD_S > 2 * IDLE_STAND_IN_S:
            self._uplink.skip(periods * PERIOD_SAMPLES)  # a stopped process must not send it all at once
            return
        for _ in range(periods):
            self._uplink.feed(SILENCE)
