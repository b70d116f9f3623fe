"""What a call hears: sound by its position in milliseconds of session audio, and the words in it."""

from __future__ import annotations

from edge_agent.protocol.session_object import TurnDetection
from edge_agent.server.recognizer import Recognizer, Utterance
from edge_agent.server.vad import TurnDetector, TurnEdge, detector_for, level_dbfs

BYTES_PER_MS = 32
"""16 kHz mono of 16 bit."""

LOUD_DBFS = -45.0
"""Blocks above it are counted: a test can see whether a client's microphone was open."""

KEPT_MS = 90_000
"""What can be looked back at: a buffer of a minute with the longest turn that is recognised. 3 MB."""


class InputBuffer:
    """A window of KEPT_MS on everything that was heard; overflow rule: the oldest is forgotten."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._forgotten_ms = 0

    @property
    def position_ms(self) -> int:
        """How much has been heard since the beginning."""
        return self._forgotten_ms + len(self._pcm) // BYTES_PER_MS

    def append(self, pcm: bytes) -> None:
        """Add sound."""
        self._pcm += pcm
        excess_ms = len(self._pcm) // BYTES_PER_MS - KEPT_MS
        if excess_ms > KEPT_MS // 10:  # seldom, because it moves all that is kept
            del self._pcm[: excess_ms * BYTES_PER_MS]
            self._forgotten_ms += excess_ms

    def between(self, start_ms: int, end_ms: int) -> bytes:
        """Return the sound from ``start_ms`` to ``end_ms``, as far as it is kept."""
        start = max(0, start_ms - self._forgotten_ms) * BYTES_PER_MS
        end = max(0, end_ms - self._forgotten_ms) * BYTES_PER_MS
        return bytes(self._pcm[start:end])


class Microphone:
    """One client's sound: kept for a while, searched for turns, handed to the recogniser."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.kept = InputBuffer()
        self.frames = 0
        self.loud_frames = 0
        self._recognizer = recognizer
        self._detector: TurnDetector | None = None
        self._utterances: dict[str, Utterance] = {}

    @property
    def position_ms(self) -> int:
        """How much has been heard since the beginning."""
        return self.kept.position_ms

    def take(self, pcm: bytes) -> list[TurnEdge]:
        """Take more sound; return which turns began and ended in it."""
        self.frames += 1
        self.loud_frames += level_dbfs(pcm) > LOUD_DBFS
        self.kept.append(pcm)
        for utterance in self._utterances.values():
            utterance.feed(pcm)
        return self._detector.feed(pcm) if self._detector else []

    def detect(self, detection: TurnDetection | None) -> None:
        """Look for turns by other rules, from now on; None is not at all."""
        self._detector = detector_for(detection, self.position_ms)

    def listen(self, item_id: str, start_ms: int) -> None:
        """Begin to recognise what is said from ``start_ms`` on."""
        utterance = self._recognizer.open()
        utterance.feed(self.kept.between(start_ms, self.position_ms))
        self._utterances[item_id] = utterance

    async def recognise(self, item_id: str, start_ms: int, end_ms: int) -> str | None:
        """Return the words between the two positions; None when they could not be found out in time."""
        utterance = self._utterances.pop(item_id, None)
        if utterance is None:
            utterance = self._recognizer.open()
            utterance.feed(self.kept.between(start_ms, end_ms))
        return await utterance.finish()

    def forget(self, item_id: str) -> None:
        """Nobody wants the words of ``item_id`` any more."""
        utterance = self._utterances.pop(item_id, None)
        if utterance is not None:
            utterance.drop()

    def close(self) -> None:
        """Nobody wants any words any more."""
        for item_id in list(self._utterances):
            self.forget(item_id)
