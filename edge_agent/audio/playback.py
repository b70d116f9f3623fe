"""The loudspeaker's thread: source to device, and what is audible now."""

from __future__ import annotations

import audioop
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.audio.device import PcmOutput
from edge_agent.audio.device_thread import DeviceThread
from edge_agent.audio.gain import Gain
from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.level import PeakMeter
from edge_agent.audio.thread import RETRY_S, SoundThread
from edge_agent.core.events import Device, Event, SoundEnded, SoundStarted
from edge_agent.core.pcm import (
    BYTES_PER_S,
    FADE_SAMPLES,
    SAMPLE_BYTES,
    SAMPLE_RATE_HZ,
    SILENCE,
    PcmQueue,
    fade_out,
)
from edge_agent.core.playout.samples import AUDIBLE_PEAK, mirrored, peak
from edge_agent.errors import AudioDeviceError

HANG_OVER_S = 0.250
"""Silence that ends the sound. Shorter pauses belong to speaking itself (closures of stops, gaps between
words): 250 ms is the classic boundary to pauses for thought (F. Goldman-Eisler, Psycholinguistics, 1968), and
about what people take to answer each other."""

ON_ITS_WAY_S = 0.300
"""How long the rest of an answer may still arrive after the server has stopped it: aiortc's jitter buffer
keeps four packets of 20 ms back, and a network's delay comes on top. The next answer comes later than that: a
person has to finish speaking first, and the server to notice."""

OWN_SOUND_LIMIT_S = 1.0
"""Two or three of the device's own sounds; one that waits for longer tells of something that is over."""

HISTORY_PERIODS = 10
"""What is remembered of what the device got, to fade out from: more than its buffer holds by default."""


class PcmSource(Protocol):
    """Where the sound comes from. ``pull`` belongs to the playback thread, the rest to any."""

    def pull(self, now: float) -> bytes:
        """Return what is to be played next, a period or as much as keeps the delay right; SILENCE itself, not
        a copy, when nothing is due. ``now`` is monotonic seconds."""

    def flush(self, now: float, ignore_s: float) -> None:
        """Drop all that waits, and what was on its way: sound that belongs to the next ``ignore_s``."""

    def clear(self) -> None:
        """Drop all that waits: there is no loudspeaker, and later would be too late."""


class Listener(Protocol):
    """Who is told what the device gets, in the playback thread."""

    def played(self, block: bytes) -> None:
        """Take what was written."""

    def flushed(self, unplayed_bytes: int) -> None:
        """Know that the device is silent: the newest so much was thrown away; 0: it ran dry.

        After what was thrown away comes what the device is filled with again, silence and all.
        """

    def stopped(self) -> None:
        """Know that the device has gone."""


class Playback(DeviceThread[PcmOutput]):
    """Plays ``source`` for ever, and tells ``listeners`` what the device got.

    SoundStarted is told when the first audible period is handed to the device, SoundEnded when HANG_OVER_S
    of silence came after the last one and the device has played that one; neither tells of what
    :meth:`play_over` adds. A device that fails is told once
    (DeviceLost), tried again every RETRY_S, and told once when it works again (DeviceBack); what should have
    been played meanwhile is dropped. ``on_event`` and ``on_crash`` are called in the sound thread; they must
    not wait.
    """

    def __init__(
        self,
        open_device: Callable[[], PcmOutput],
        source: PcmSource,
        on_event: Callable[[Event], None],
        on_crash: Callable[[BaseException], None],
        listeners: Sequence[Listener] = (),
        gain: Gain | None = None,
        keeps_echo_delay: bool = False,
    ) -> None:
        """``gain``: makes the sound louder or softer on its way to the device; None: as it comes.

        ``keeps_echo_delay``: an echo canceller has learnt how long sound takes from here to the microphone. A
        device that would change that by a drop plays a flushed sound to the end of its buffer instead: a
        leak of echo is worse, a server takes it for a person.
        """
        super().__init__("playback", Device.LOUDSPEAKER, open_device, on_event, on_crash)
        self._source = source
        self._listeners = listeners
        self._gain = gain or Gain()
        self._keeps_echo_delay = keeps_echo_delay
        self._on_event = on_event
        self._flush_is_due = Interrupt()
        self._own_sound = PcmQueue(round(OWN_SOUND_LIMIT_S * BYTES_PER_S))
        self._history: deque[bytes] = deque(maxlen=HISTORY_PERIODS)
        self._meter = PeakMeter()
        self._silent_s = 0.0
        self._is_sounding = False
        self.xruns = 0
        """How often the device ran dry, all devices of this run together."""

    @property
    def level_dbfs(self) -> float:
        """The level of what is played now, before the volume."""
        return self._meter.level_dbfs

    @property
    def is_sounding(self) -> bool:
        """Whether something audible is being played: from SoundStarted to SoundEnded."""
        return self._is_sounding

    def flush(self, ignore_s: float = 0.0) -> None:
        """Stop what is playing: the source is empty when this returns, the device's buffer a moment later,
        or when it has been played: see ``keeps_echo_delay``.

        The sound of the next ``ignore_s`` belongs to it and is dropped as well; the rest is played.
        """
        self._source.flush(time.monotonic(), ignore_s)
        self._flush_is_due.set()

    def play_over(self, pcm: bytes) -> None:
        """Play a sound of the device's own from the next period on, over what the source gives.

        It is as loud as everything else, and the far end gets it, but it is no answer: SoundStarted and
        SoundEnded don't tell of it, and a flush leaves it. Overflow rule: beyond OWN_SOUND_LIMIT_S the
        oldest is dropped.
        """
        self._own_sound.put(pcm)

    def _run(self, thread: SoundThread) -> None:
        while not thread.is_stopping:
            try:
                self._play(thread)
            except AudioDeviceError as error:
                for listener in self._listeners:
                    listener.stopped()
                self._fall_silent()
                self._story.failed(error)
                thread.wait(RETRY_S)
                thread.tick()
                self._source.clear()
                self._own_sound.clear()

    def _play(self, thread: SoundThread) -> None:
        """Play until the device fails, or is not wanted any more."""
        with self._opened() as device:
            self._flush_is_due.clear()
            known_xruns = 0
            while not thread.is_stopping:
                device.wait(self._flush_is_due)
                is_fading = self._flush_is_due.is_set() and self._flush_device(device)
                if not is_fading:
                    self._write(device, self._source.pull(time.monotonic()))
                if device.xruns != known_xruns:
                    self._tell_flushed(0)
                    self.xruns += device.xruns - known_xruns
                    known_xruns = device.xruns
                self._story.works()
                thread.tick()

    def _flush_device(self, device: PcmOutput) -> bool:
        """Cut off what the device plays, with a fade; returns whether there was anything to cut off."""
        self._flush_is_due.clear()
        if not self._is_sounding:
            return False
        if self._keeps_echo_delay and not device.restarts_in_time:
            self._hand_over(device, self._fading_end())
        else:
            self._drop(device)
        self._fall_silent()
        return True

    def _drop(self, device: PcmOutput) -> None:
        unplayed_bytes = _whole_samples(device.queued_s())
        unplayed = self._remembered(unplayed_bytes)
        device.drop()
        self._tell_flushed(unplayed_bytes)
        block = fade_out(unplayed) if unplayed else SILENCE
        device.write(block)
        self._tell_played(block.ljust(_whole_samples(device.queued_s()), b"\0"))

    def _fading_end(self) -> bytes:
        """The last period mirrored: it goes on without a step where the sound was flushed."""
        return fade_out(mirrored(self._history[-1], FADE_SAMPLES)) if self._history else SILENCE

    def _remembered(self, unplayed_bytes: int) -> bytes:
        """What the device would play next, as far as it is remembered: where the fade-out begins."""
        remembered = b"".join(self._history)
        is_remembered = 0 < unplayed_bytes <= len(remembered)
        return remembered[len(remembered) - unplayed_bytes :] if is_remembered else b""

    def _write(self, device: PcmOutput, block: bytes) -> None:
        magnitude = 0 if block is SILENCE else peak(block)
        self._meter.feed(magnitude, len(block) / BYTES_PER_S)
        is_audible = magnitude > AUDIBLE_PEAK
        if is_audible:
            self._silent_s = 0.0
            self._begin_to_sound()
        block = self._gain.apply(
            self._with_own_sound(block)
        )  # what is audible is judged before: an answer at volume 0 is one too
        self._hand_over(device, block)
        self._history.append(block)
        if self._is_sounding and not is_audible:
            self._silent_s += len(block) / BYTES_PER_S
            if self._silent_s >= HANG_OVER_S and self._silent_s >= device.queued_s():
                self._fall_silent()

    def _with_own_sound(self, block: bytes) -> bytes:
        if not self._own_sound.queued_bytes:
            return block
        own = self._own_sound.take(len(block)).ljust(len(block), b"\0")
        return audioop.add(block, own, SAMPLE_BYTES)

    def _hand_over(self, device: PcmOutput, block: bytes) -> None:
        device.write(block)
        self._tell_played(block)

    def _tell_played(self, block: bytes) -> None:
        for listener in self._listeners:
            listener.played(block)

    def _tell_flushed(self, unplayed_bytes: int) -> None:
        for listener in self._listeners:
            listener.flushed(unplayed_bytes)

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


def _whole_samples(duration_s: float) -> int:
    """Return how many bytes so much sound has."""
    return round(duration_s * SAMPLE_RATE_HZ) * SAMPLE_BYTES
