"""The loudspeaker's thread: queue to device, silence in between, and what is audible now."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing

from edge_agent.audio.device import PcmOutput
from edge_agent.audio.level import PeakMeter, from_dbfs, peak
from edge_agent.audio.thread import RETRY_S, DeviceStory, SoundThread
from edge_agent.core.events import Device, Event, SoundEnded, SoundStarted
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S, SILENCE, PcmQueue, fade_out
from edge_agent.errors import AudioDeviceError, IllegalTransition

PREFILL_S = 0.040
"""What a spurt waits for before it begins, so that the next packet may be a little late: two of 20 ms."""

CATCH_UP_S = 0.200
"""With more than this in the queue, inaudible periods are left out: a backlog shrinks in the pauses."""

AUDIBLE_DBFS = -50.0
"""A peak above this is sound: 30 dB below a voice at its usual -20 dBFS, well above a codec's own noise."""

_AUDIBLE_PEAK = from_dbfs(AUDIBLE_DBFS)

HANG_OVER_S = 0.250
"""Silence that ends the sound. Shorter pauses belong to speaking itself (closures of stops, gaps between
words): 250 ms is the classic boundary to pauses for thought (F. Goldman-Eisler, Psycholinguistics, 1968), and
about what people take to answer each other."""

ON_ITS_WAY_S = 0.300
"""How long the rest of an answer may still arrive after the server has stopped it: aiortc's jitter buffer
keeps four packets of 20 ms back, and a network's delay comes on top. The next answer comes later than that: a
person has to finish speaking first, and the server to notice."""

HISTORY_PERIODS = 10
"""What is remembered of what the device got, to fade out from: more than its buffer holds by default."""


class Spurt(enum.Enum):
    """Where the playout stands between two stretches of sound."""

    DRY = "dry"  # the queue is empty
    FILLING = "filling"  # something arrived; waiting for PREFILL_S of it, or for as long
    PLAYING = "playing"


MOVES: dict[Spurt, frozenset[Spurt]] = {
    Spurt.DRY: frozenset({Spurt.FILLING}),
    Spurt.FILLING: frozenset({Spurt.PLAYING, Spurt.DRY}),
    Spurt.PLAYING: frozenset({Spurt.DRY}),
}


class Playout:
    """Decides for each period whether the queue is played or silence. Knows no device and no clock."""

    def __init__(self, queue: PcmQueue) -> None:
        self._queue = queue
        self._spurt = Spurt.DRY
        self._waited_periods = 0

    @property
    def spurt(self) -> Spurt:
        """Where the playout stands."""
        return self._spurt

    def next_block(self) -> bytes:
        """Return the period to play now. SILENCE itself, not a copy, when nothing is due."""
        queued_bytes = self._queue.queued_bytes
        if self._spurt is Spurt.DRY and queued_bytes:
            self._set_spurt(Spurt.FILLING)
            self._waited_periods = 0
        if self._spurt is Spurt.FILLING:
            self._fill(queued_bytes)
        if self._spurt is not Spurt.PLAYING:
            return SILENCE
        block = self._queue.take(PERIOD_BYTES)
        if queued_bytes > CATCH_UP_S * BYTES_PER_S and peak(block) <= _AUDIBLE_PEAK:
            block = self._queue.take(PERIOD_BYTES)
        if len(block) == PERIOD_BYTES:
            return block
        self._set_spurt(Spurt.DRY)
        return block.ljust(PERIOD_BYTES, b"\0") if block else SILENCE

    def flushed(self) -> None:
        """The queue was emptied from outside: the next sound is a new spurt."""
        if self._spurt is not Spurt.DRY:
            self._set_spurt(Spurt.DRY)

    def _fill(self, queued_bytes: int) -> None:
        is_filled = queued_bytes >= PREFILL_S * BYTES_PER_S
        if is_filled or self._waited_periods * PERIOD_S >= PREFILL_S:
            self._set_spurt(Spurt.PLAYING)
        self._waited_periods += 1

    def _set_spurt(self, spurt: Spurt) -> None:
        if spurt not in MOVES[self._spurt]:
            raise IllegalTransition(f"playout: {self._spurt.value} -> {spurt.value}")
        self._spurt = spurt


class Playback:
    """Plays ``queue`` for ever, silence while it is dry.

    SoundStarted is told when the first audible period is handed to the device, SoundEnded when HANG_OVER_S
    of silence came after the last one and the device has played that one. A device that fails is told once
    (DeviceLost), tried again every RETRY_S, and told once when it works again (DeviceBack); what should have
    been played meanwhile is dropped. ``on_event`` and ``on_crash`` are called in the sound thread; they must
    not wait.
    """

    def __init__(
        self,
        open_device: Callable[[], PcmOutput],
        queue: PcmQueue,
        on_event: Callable[[Event], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._open_device = open_device
        self._queue = queue
        self._playout = Playout(queue)
        self._on_event = on_event
        self._story = DeviceStory(Device.LOUDSPEAKER, on_event)
        self._thread = SoundThread("playback", self._run, on_crash)
        self._flush_is_due = threading.Event()
        self._flush_ignores_s = 0.0
        self._ignored_periods = 0
        self._history: deque[bytes] = deque(maxlen=HISTORY_PERIODS)
        self._meter = PeakMeter()
        self._silent_s = 0.0
        self._is_sounding = False
        self.xruns = 0
        """How often the device ran dry, all devices of this run together."""

    @property
    def progress(self) -> int:
        """A counter that grows with every period and every retry."""
        return self._thread.progress

    @property
    def error(self) -> BaseException | None:
        """What the thread crashed of."""
        return self._thread.error

    @property
    def level_dbfs(self) -> float:
        """The level of what is played now."""
        return self._meter.level_dbfs

    @property
    def is_sounding(self) -> bool:
        """Whether something audible is being played: from SoundStarted to SoundEnded."""
        return self._is_sounding

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Silence the device and end the thread; returns whether it ended within ``timeout_s``."""
        return self._thread.stop(timeout_s)

    def flush(self, ignore_s: float = 0.0) -> None:
        """Stop what is playing: the queue is empty when this returns, the device's buffer within a period.

        What comes into the queue within ``ignore_s`` belongs to it and is dropped; the rest is played.
        """
        self._queue.clear()
        self._flush_ignores_s = ignore_s
        self._flush_is_due.set()

    def _run(self, thread: SoundThread) -> None:
        while not thread.is_stopping:
            try:
                self._play(thread)
            except AudioDeviceError as error:
                self._fall_silent()
                self._story.failed(error)
                thread.wait(RETRY_S)
                thread.tick()
                self._queue.clear()

    def _play(self, thread: SoundThread) -> None:
        """Play until the device fails, or is not wanted any more."""
        with closing(self._open_device()) as device:
            self._flush_is_due.clear()
            known_xruns = 0
            while not thread.is_stopping:
                if self._flush_is_due.is_set():
                    self._flush_device(device)
                if self._ignored_periods:
                    self._ignored_periods -= 1
                    self._queue.clear()
                self._write(device, self._playout.next_block())
                self.xruns += device.xruns - known_xruns
                known_xruns = device.xruns
                self._story.works()
                thread.tick()

    def _flush_device(self, device: PcmOutput) -> None:
        self._flush_is_due.clear()
        self._ignored_periods = round(self._flush_ignores_s / PERIOD_S)
        self._playout.flushed()
        if not self._is_sounding:
            return
        unplayed = self._unplayed(device)
        device.drop()
        device.write(fade_out(unplayed) if unplayed else SILENCE)
        self._fall_silent()

    def _unplayed(self, device: PcmOutput) -> bytes:
        """What the device would play next, as far as it is remembered: where the fade-out begins."""
        unplayed_bytes = round(device.queued_s() * BYTES_PER_S) // 2 * 2
        remembered = b"".join(self._history)
        is_remembered = 0 < unplayed_bytes <= len(remembered)
        return remembered[len(remembered) - unplayed_bytes :] if is_remembered else b""

    def _write(self, device: PcmOutput, block: bytes) -> None:
        magnitude = 0 if block is SILENCE else peak(block)
        self._meter.feed(magnitude)
        is_audible = magnitude > _AUDIBLE_PEAK
        if is_audible:
            self._silent_s = 0.0
            self._begin_to_sound()
        device.write(block)
        self._history.append(block)
        if self._is_sounding and not is_audible:
            self._silent_s += PERIOD_S
            if self._silent_s >= HANG_OVER_S and self._silent_s >= device.queued_s():
                self._fall_silent()

    def _begin_to_sound(self) -> None:
        if not self._is_sounding:
            self._is_sounding = True
            self._on_event(SoundStarted())

    def _fall_silent(self) -> None:
        self._silent_s = 0.0
        self._history.clear()
        if self._is_sounding:
            self._is_sounding = False
            self._on_event(SoundEnded())
