"""What the device hears by itself, without a server: a voice, or its wake word."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from edge_agent.audio.thread import SoundThread
from edge_agent.core.commands import Listening
from edge_agent.core.events import Event, VoiceHeard, WakeWordHeard
from edge_agent.core.pcm import PERIOD_BYTES, in_periods
from edge_agent.core.voice_activity import VoiceActivity

BATCH_PERIODS = 6
"""The wake word's thread gets 60 ms at a time: it need not wake a hundred times a second, and who waits for
the sound that says "awake" waits 30 ms longer on average."""

WAITING_BATCHES = 16
"""A second may wait for a thread that is held up. Overflow rule: what finds no room is not listened to."""

IDLE_S = 0.5
"""How often the thread shows that it lives while there is nothing to hear."""


class Word(Protocol):
    """A wake word's detector; for one thread."""

    @property
    def word(self) -> str:
        """The word, as a person would write it."""

    def hear(self, pcm: bytes) -> bool:
        """Take more sound; returns whether the word was in it."""

    def reset(self) -> None:
        """Forget what was heard."""


class Ear:
    """Listens for what :meth:`listen_for` says, at first for nothing.

    ``hear`` and ``pause`` belong to the capture thread. The wake word has a thread of its own, from
    :meth:`start` on, so that the microphone never waits for it. ``on_event`` gets VoiceHeard and
    WakeWordHeard, once each time that it was asked to listen, in either of these threads; it must not wait.
    """

    def __init__(
        self,
        word: Word | None,
        on_event: Callable[[Event], None],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        """``word``: None where none is listened for."""
        self._word = word
        self._on_event = on_event
        self._activity = VoiceActivity()
        self._listening = Listening.NOTHING
        self._batch = bytearray()
        self._batches: queue.Queue[bytes] = queue.Queue(WAITING_BATCHES)
        self._is_paused = False
        self._is_interrupted = threading.Event()
        self._thread = SoundThread("wake-word", self._run, on_crash, is_urgent=False)

    @property
    def has_word(self) -> bool:
        """Whether it has a wake word, and so a thread."""
        return self._word is not None

    @property
    def progress(self) -> int:
        """A counter that grows at least every IDLE_S, if it has a thread."""
        return self._thread.progress

    @property
    def cpu_s(self) -> float:
        """How much processor time the thread has used, in seconds."""
        return self._thread.cpu_s

    def start(self) -> None:
        """Start the thread, if there is a wake word; once only."""
        if self.has_word:
            self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread; returns whether it ended within ``timeout_s``."""
        with suppress(queue.Full):
            self._batches.put_nowait(b"")  # it need not wait until it is idle
        return self._thread.stop(timeout_s)

    def listen_for(self, what: Listening) -> None:
        """Listen for that, from the next period on."""
        self._listening = what

    def hear(self, block: bytes) -> None:
        """Take one block of the microphone."""
        match self._listening:
            case Listening.NOTHING if self._is_paused:
                pass
            case Listening.NOTHING:
                self.pause()
            case Listening.VOICE:
                self._is_paused = False
                if any([self._activity.feed(period) for period in in_periods(block)]):
                    self._tell(VoiceHeard())
            case Listening.WORD:
                self._is_paused = False
                self._batch += block
                if len(self._batch) >= BATCH_PERIODS * PERIOD_BYTES:
                    self._pass_on()

    def pause(self) -> None:
        """Nothing is heard for now: what comes later does not go on from what came before."""
        if self._is_paused:
            return
        self._is_paused = True
        self._activity.reset()
        self._batch.clear()
        self._is_interrupted.set()

    def _pass_on(self) -> None:
        with suppress(queue.Full):
            self._batches.put_nowait(bytes(self._batch))
        self._batch.clear()

    def _tell(self, event: Event) -> None:
        self._listening = Listening.NOTHING
        self._on_event(event)

    def _run(self, thread: SoundThread) -> None:
        assert self._word is not None
        while not thread.is_stopping:
            with suppress(queue.Empty):
                if pcm := self._batches.get(timeout=IDLE_S):
                    self._spot(self._word, pcm)
            thread.tick()

    def _spot(self, word: Word, pcm: bytes) -> None:
        if self._is_interrupted.is_set():
            self._is_interrupted.clear()
            word.reset()
        if word.hear(pcm) and self._listening is Listening.WORD:
            self._tell(WakeWordHeard(word.word))
