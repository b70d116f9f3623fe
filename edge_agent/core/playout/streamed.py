"""Sound that a server sends faster than it is played: it waits here, answer by answer.

Over a WebSocket the server does not know what is heard. So this tells when an answer begins and ends to
sound, and, when it is cut off, how much of it was played.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S, SAMPLE_BYTES, SILENCE
from edge_agent.errors import IllegalTransition

LONGEST_WAIT_S = 180.0
"""So much may wait, 17 MB: OpenAI's answers end at 4096 tokens, some 200 s, and are played meanwhile."""

PREFILL_S = 0.040
"""What an answer waits for before it begins: servers send a tenth of a second and more at a time."""

REFILL_S = 0.250
"""The same after it ran dry: the path is slower than the sound for now, and one gap is better than many."""

LATE_S = 1.0
"""What is there is played after this time, whatever is missing."""

LONGEST_BLOCK_BYTES = 2 * PERIOD_BYTES
"""20 ms at a time: the playback thread wakes up half as often."""

REFUSED_LIMIT = 64
"""Answers that were cut off and whose end has not come; the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Which piece of which answer some sound is, as ``conversation.item.truncate`` wants to know."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class Began:
    """The first sound of an answer goes to the loudspeaker."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last sound of an answer has gone to the loudspeaker, and no more of it comes."""

    response_id: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """An answer that had begun was cut off."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Unheard:
    """A piece was cut off after so many milliseconds of it."""

    piece: Piece
    played_ms: int


Note = Began | Ended | CutOff | Unheard


class Flow(enum.Enum):
    """What the loudspeaker gets."""

    DRY = "dry"  # nothing waits
    FILLING = "filling"  # something came; more is waited for
    PLAYING = "playing"


MOVES: dict[Flow, frozenset[Flow]] = {
    Flow.DRY: frozenset({Flow.FILLING}),
    Flow.FILLING: frozenset({Flow.PLAYING, Flow.DRY}),
    Flow.PLAYING: frozenset({Flow.DRY}),
}


@dataclass(slots=True)
class _Waiting:
    piece: Piece
    pcm: bytearray = field(default_factory=bytearray)
    played_bytes: int = 0


class StreamedPlayout:
    """The queue of one session's answers: 48 kHz mono. Knows no device, no clock and no thread.

    ``device_s`` is how much the device holds of what it was given: that is not heard yet. Overflow rule:
    beyond LONGEST_WAIT_S the newest is dropped and counted, so what is heard has no hole.
    """

    def __init__(self, device_s: float = 0.0) -> None:
        self._device_bytes = round(device_s * BYTES_PER_S)
        self._flow = Flow.DRY
        self._queue: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._waited_periods = 0
        self._ran_dry = False
        self._unfinished: dict[str, None] = {}
        self._refused: deque[str] = deque(maxlen=REFUSED_LIMIT)
        self._sounding_id: str | None = None
        self._notes: list[Note] = []
        self.dropped_bytes = 0

    @property
    def flow(self) -> Flow:
        """What the loudspeaker gets."""
        return self._flow

    @property
    def waiting_s(self) -> float:
        """How much waits."""
        return self._waiting_bytes / BYTES_PER_S

    def begin(self, response_id: str) -> None:
        """The server makes an answer: sound of it may come, until :meth:`finish`."""
        if response_id not in self._refused:
            self._unfinished[response_id] = None

    def put(self, piece: Piece, pcm: bytes) -> None:
        """Take whole samples of a piece. What belongs to an answer that was cut off is dropped."""
        if piece.response_id in self._refused:
            return
        self.begin(piece.response_id)
        room_bytes = max(0, round(LONGEST_WAIT_S * BYTES_PER_S) - self._waiting_bytes)
        kept = pcm[: room_bytes - room_bytes % SAMPLE_BYTES]
        self.dropped_bytes += len(pcm) - len(kept)
        if not self._queue or self._queue[-1].piece != piece:
            self._queue.append(_Waiting(piece))
        self._queue[-1].pcm += kept
        self._waiting_bytes += len(kept)

    def finish(self, response_id: str) -> None:
        """No more of that answer comes."""
        self._unfinished.pop(response_id, None)
        if response_id in self._refused:
            self._refused.remove(response_id)
        self._drop_finished()

    def next_block(self) -> bytes:
        """Return what is to be played now: 10 or 20 ms. SILENCE itself, not a copy, when nothing is due."""
        if self._flow is Flow.DRY and self._waiting_bytes:
            self._set_flow(Flow.FILLING)
            self._waited_periods = 0
        if self._flow is Flow.FILLING:
            self._fill()
        if self._flow is not Flow.PLAYING:
            return SILENCE
        block = self._take(LONGEST_BLOCK_BYTES)
        self._drop_finished()
        if not self._waiting_bytes:
            self._set_flow(Flow.DRY)
            self._ran_dry = bool(self._queue)
        if len(block) <= PERIOD_BYTES:
            return block.ljust(PERIOD_BYTES, b"\0")
        return block.ljust(LONGEST_BLOCK_BYTES, b"\0")

    def cut_off(self) -> None:
        """Drop all that waits, and all that still comes of the same answers."""
        in_device = self._device_bytes
        for waiting in self._queue:
            heard_bytes = max(0, waiting.played_bytes - in_device)
            self._notes.append(Unheard(waiting.piece, heard_bytes * 1000 // BYTES_PER_S))
        if self._sounding_id is not None:
            self._notes.append(CutOff(self._sounding_id))
        ids = [*self._unfinished, *(waiting.piece.response_id for waiting in self._queue)]
        self._refused.extend(dict.fromkeys(ids))
        self._unfinished.clear()
        self._queue.clear()
        self._waiting_bytes = 0
        self._sounding_id = None
        self._ran_dry = False
        if self._flow is not Flow.DRY:
            self._set_flow(Flow.DRY)

    def take_notes(self) -> list[Note]:
        """Return what has happened since the last call, in order."""
        notes, self._notes = self._notes, []
        return notes

    # -- inside ------------------------------------------------------------------------------------

    def _fill(self) -> None:
        wanted_s = REFILL_S if self._ran_dry else PREFILL_S
        is_filled = self._waiting_bytes >= wanted_s * BYTES_PER_S
        is_whole = self._queue[0].piece.response_id not in self._unfinished
        if is_filled or is_whole or self._waited_periods * PERIOD_S >= LATE_S:
            self._set_flow(Flow.PLAYING)
        self._waited_periods += 1

    def _take(self, n_bytes: int) -> bytes:
        block = bytearray()
        for waiting in self._queue:
            if len(block) == n_bytes:
                break
            if not waiting.pcm:
                continue
            self._sounds(waiting.piece.response_id)
            taken = waiting.pcm[: n_bytes - len(block)]
            del waiting.pcm[: len(taken)]
            waiting.played_bytes += len(taken)
            block += taken
        self._waiting_bytes -= len(block)
        return bytes(block)

    def _sounds(self, response_id: str) -> None:
        if self._sounding_id == response_id:
            return
        if self._sounding_id is not None:
            self._notes.append(Ended(self._sounding_id))
        self._sounding_id = response_id
        self._notes.append(Began(response_id))

    def _drop_finished(self) -> None:
        """Forget pieces that are played and that nothing more comes of."""
        while self._queue and not self._queue[0].pcm:
            head = self._queue[0].piece.response_id
            if head in self._unfinished and len(self._queue) == 1:
                return
            self._queue.popleft()
            is_over = head not in self._unfinished and not self._waits_for(head)
            if is_over and self._sounding_id == head:
                self._sounding_id = None
                self._notes.append(Ended(head))

    def _waits_for(self, response_id: str) -> bool:
        return any(waiting.piece.response_id == response_id for waiting in self._queue)

    def _set_flow(self, flow: Flow) -> None:
        if flow not in MOVES[self._flow]:
            raise IllegalTransition(f"streamed playout: {self._flow.value} -> {flow.value}")
        self._flow = flow
