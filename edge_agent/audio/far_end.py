"""What the loudspeaker plays, handed from its thread to the microphone's: the echo canceller's reference.

In go the samples that are written to the loudspeaker, in blocks of any length; out comes as much as the
microphone gives. The two threads are not synchronised, and two cards have two crystals, so what
waits between them is measured and kept short: a canceller copes with a delay of half a second, but each
change of it costs a fraction of a second of its attenuation, and a reference that comes after its echo is
worth nothing.
"""

from __future__ import annotations

import audioop
import enum
import math
import threading

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SAMPLE_BYTES, SILENCE

WINDOW_PERIODS = 100
"""The depth is judged by its lowest value in a second: what threads are late is over by then, what crystals
differ by is not (100 ppm are 0.1 ms a second)."""

LOWEST_PERIODS = 1.0
"""The depth may fall to this: one period in hand for a loudspeaker's thread that is late."""

HIGHEST_LOW_PERIODS = 2.0
"""The depth must fall to this within a second, or to what the loudspeaker's buffer holds, if that is more:
the reference of anything that sounds has then been taken before its echo arrives. It need not be less: a
canceller takes half a second of delay, but a step of 10 ms cost it 20 of 48 dB for a second (virtual cards,
whose depth wanders by two periods)."""

PATIENCE_WINDOWS = 5
"""How long a step of the alignment waits for silence; after that it is made in the middle of sound."""

FAR_OFF_PERIODS = 3
"""More steps than this are made at once: 40 ms off is no drift, something has stopped and gone on."""

LATE_LIMIT_PERIODS = 4
"""So much may come late and be left out, so that what follows it is in time. A loudspeaker whose thread is
later than 40 ms, or stays late for as long, has run dry and begins anew."""

LIMIT_PERIODS = 30
"""300 ms. Overflow rule: the oldest is dropped; who takes so late has lost as much of the microphone."""

SILENT_PEAK = 33
"""What peaks below, -60 dBFS, leaves no echo: the pauses of a codec, and a room's own noise."""


class Step(enum.Enum):
    """What one take does to the alignment."""

    NONE = "none"
    DROP = "drop"  # a period too much: leave one out
    INSERT = "insert"  # too little: give a period of silence in between


class Alignment:
    """Keeps the lowest depth of a second between LOWEST_PERIODS and a highest one, one period a step.

    The depth is how much was played and not taken, negative while the player is late. Steps are due when two
    seconds in a row agree. They are made when the next period is silent, or PATIENCE_WINDOWS later, or at
    once while more than FAR_OFF_PERIODS are due.
    """

    def __init__(self, highest_low_periods: float = HIGHEST_LOW_PERIODS) -> None:
        self._highest_low_periods = highest_low_periods
        self._window_periods = 0
        self._lowest = math.inf
        self._lowest_before: float | None = None
        self._due_steps = 0
        self._waited_windows = 0
        self.steps = 0
        """How many periods were dropped or inserted since the beginning."""

    def restart(self) -> None:
        """Judge anew: the depth has jumped for a reason that is known."""
        self._window_periods = 0
        self._lowest = math.inf
        self._lowest_before = None
        self._due_steps = 0
        self._waited_windows = 0

    def next_step(self, depth_periods: float, is_silent: bool, taken_periods: int = 1) -> Step:
        """Return what the take that leaves the depth behind does; ``is_silent``: the period that is next."""
        self._lowest = min(self._lowest, depth_periods)
        self._window_periods += taken_periods
        if self._window_periods >= WINDOW_PERIODS:
            self._judge()
        if not self._due_steps or not (is_silent or self._is_urgent):
            return Step.NONE
        step = Step.INSERT if self._due_steps > 0 else Step.DROP
        remaining_steps = self._due_steps - (1 if step is Step.INSERT else -1)
        self.restart()
        self._due_steps = remaining_steps
        self.steps += 1
        return step

    @property
    def is_due(self) -> bool:
        """Whether a step waits for its moment."""
        return self._due_steps != 0

    @property
    def _is_urgent(self) -> bool:
        return abs(self._due_steps) > FAR_OFF_PERIODS or self._waited_windows > PATIENCE_WINDOWS

    def _judge(self) -> None:
        before, lowest = self._lowest_before, self._lowest
        self._window_periods = 0
        self._lowest = math.inf
        self._lowest_before = lowest
        if before is None:
            return
        lack = math.ceil(LOWEST_PERIODS - max(before, lowest))
        excess = math.ceil(min(before, lowest) - self._highest_low_periods)
        self._due_steps = lack if lack > 0 else min(0, -excess)
        self._waited_windows = self._waited_windows + 1 if self._due_steps else 0


class FarEnd:
    """A bounded queue of played samples. No call waits for anything but the lock.

    ``fill_s`` is how long what was played waits in the loudspeaker's buffer: half of what that is beyond two
    periods stays in hand from the beginning, for a loudspeaker's thread that is late. ``played``,
    ``flushed`` and ``stopped`` belong to the playback thread, ``take`` and ``restart`` to the capture thread.
    """

    def __init__(self, fill_s: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._highest_low_periods = min(LIMIT_PERIODS / 2, max(HIGHEST_LOW_PERIODS, fill_s / PERIOD_S))
        self._samples = bytearray()
        self._late_bytes = 0
        self._late_for_bytes = 0
        self._is_running = False
        self._reserve_bytes = round((self._highest_low_periods - HIGHEST_LOW_PERIODS) / 2) * PERIOD_BYTES
        self._alignment = Alignment(self._highest_low_periods)

    @property
    def depth_periods(self) -> float:
        """What was played and not taken; negative while the player is late."""
        return (len(self._samples) - self._late_bytes) / PERIOD_BYTES

    @property
    def steps(self) -> int:
        """How often the alignment was changed by a period since the beginning."""
        return self._alignment.steps

    def played(self, pcm: bytes) -> None:
        """Append samples that were written to the loudspeaker."""
        with self._lock:
            if not self._is_running:
                self._samples += bytes(max(0, self._reserve_bytes - len(self._samples)))
            self._is_running = True
            missed_bytes = min(self._late_bytes, len(pcm))
            self._late_bytes -= missed_bytes
            self._samples += memoryview(pcm)[missed_bytes:]
            self._drop(len(self._samples) - LIMIT_PERIODS * PERIOD_BYTES)

    def flushed(self, unplayed_bytes: int) -> None:
        """The newest so much will not sound; 0: the loudspeaker ran dry, and is silent for as long.

        What was taken of it already is owed: so much of what follows is left out. So the depth is the same
        when the loudspeaker's buffer has been filled again, and a canceller need not look for the echo anew
        in the answer that follows.
        """
        if not unplayed_bytes:
            self.stopped()
            return
        with self._lock:
            if not self._is_running:
                return
            kept_bytes = max(0, len(self._samples) - unplayed_bytes)
            self._late_bytes += unplayed_bytes - (len(self._samples) - kept_bytes)
            del self._samples[kept_bytes:]

    def stopped(self) -> None:
        """The loudspeaker has gone."""
        with self._lock:
            self._samples[:] = bytes(len(self._samples))

    def restart(self) -> None:
        """The microphone begins, or begins again: only what was played last is still of interest."""
        with self._lock:
            self._drop(len(self._samples) - round(self._highest_low_periods) * PERIOD_BYTES)
            self._late_bytes = 0
            self._late_for_bytes = 0
            self._alignment.restart()

    def take(self, n_bytes: int = PERIOD_BYTES) -> bytes:
        """Return what belongs to the whole periods that were just captured: b"" when nothing was played."""
        with self._lock:
            if not self._is_running:
                return b""
            periods = n_bytes // PERIOD_BYTES
            is_silent = self._alignment.is_due and self._next_is_silent()
            step = self._alignment.next_step(self.depth_periods - periods, is_silent, periods)
            if step is Step.INSERT:
                return (SILENCE + self._next(n_bytes - PERIOD_BYTES)).ljust(n_bytes, b"\0")
            if step is Step.DROP:
                self._drop(PERIOD_BYTES)
            return self._next(n_bytes)

    def _next(self, n_bytes: int) -> bytes:
        block = bytes(self._samples[:n_bytes])
        self._drop(n_bytes)
        self._late_bytes += n_bytes - len(block)
        self._late_for_bytes = self._late_for_bytes + n_bytes if self._late_bytes else 0
        if self._late_for_bytes > LATE_LIMIT_PERIODS * PERIOD_BYTES:
            self._stand_still()
            self._samples += SILENCE  # one in hand, against being late again
        return block.ljust(n_bytes, b"\0") if block else b""

    def _next_is_silent(self) -> bool:
        return audioop.max(self._samples[:PERIOD_BYTES], SAMPLE_BYTES) < SILENT_PEAK

    def _drop(self, n_bytes: int) -> None:
        if n_bytes > 0:
            del self._samples[:n_bytes]

    def _stand_still(self) -> None:
        self._samples.clear()
        self._late_bytes = 0
        self._late_for_bytes = 0
        self._is_running = False
        self._alignment.restart()
