"""Answers that come faster than they are played: from the session's thread to the playback thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from edge_agent.audio.encoding import PLAIN_RATE_HZ
from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import SILENCE
from edge_agent.core.playout.streamed import Note, Piece, StreamedPlayout


class AnswerStream:
    """One session's answers, safe between threads.

    ``tell`` gets every note in the thread that caused it, until :meth:`close`; it must not wait.
    ``device_s`` is how much the device holds of what it was given.
    """

    def __init__(self, device_s: float, tell: Callable[[Note], None]) -> None:
        self._playout = StreamedPlayout(device_s)
        self._tell = tell
        self._lock = threading.Lock()
        self._resampler = Resampler(PLAIN_RATE_HZ, 1)
        self._piece: Piece | None = None
        self._is_open = True
        self.played_blocks = 0
        """Blocks of sound that have gone to the loudspeaker."""

    @property
    def dropped_bytes(self) -> int:
        """What did not fit, at 48 kHz; only grows."""
        return self._playout.dropped_bytes

    def begin(self, response_id: str) -> None:
        """The server makes an answer."""
        with self._lock:
            self._playout.begin(response_id)

    def put(self, piece: Piece, pcm_24k_mono: bytes) -> None:
        """Take the next sound of a piece (s16le)."""
        with self._lock:
            if piece != self._piece:
                self._finish_piece()
                self._piece = piece
            self._playout.put(piece, self._resampler.feed(pcm_24k_mono))

    def finish(self, response_id: str) -> None:
        """No more of that answer comes."""
        with self._lock:
            if self._piece is not None and self._piece.response_id == response_id:
                self._finish_piece()
            self._playout.finish(response_id)
            notes = self._playout.take_notes()
        self._tell_all(notes)

    def next_block(self) -> bytes:
        """Return what is to be played now; SILENCE itself when nothing is due."""
        with self._lock:
            block = self._playout.next_block()
            notes = self._playout.take_notes()
        if block is not SILENCE:
            self.played_blocks += 1
        self._tell_all(notes)
        return block

    def cut_off(self) -> None:
        """Drop all that waits, and what still comes of the same answers."""
        with self._lock:
            self._playout.cut_off()
            notes = self._playout.take_notes()
        self._tell_all(notes)

    def close(self) -> None:
        """Tell nothing any more. What waits is dropped."""
        self._is_open = False
        with self._lock:
            self._playout.cut_off()

    def _finish_piece(self) -> None:
        """Give out what the resampler keeps back, and begin a new stream."""
        if self._piece is not None:
            self._playout.put(self._piece, self._resampler.finish())
            self._piece = None
            self._resampler = Resampler(PLAIN_RATE_HZ, 1)

    def _tell_all(self, notes: Iterable[Note]) -> None:
        for note in notes:
            if self._is_open:
                self._tell(note)
