"""What was said, as far as the server tells: lines of text for a live view, never logged by themselves."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.protocol import server_events as said

ITEMS_KEPT = 32
"""Unfinished lines that are remembered; the oldest is forgotten when a server never finishes them."""


class Line(NamedTuple):
    """What one item says so far. ``role`` is ``user`` or ``assistant``; a final line changes no more."""

    role: str
    item_id: str
    text: str
    is_final: bool


class Transcripts:
    """Puts the deltas of each item together."""

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, str], str] = {}

    def see(self, event: said.ServerEvent) -> list[Line]:
        """Return the line that the event changes, if any."""
        match event:
            case said.ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta):
                return [self._grow("assistant", item_id, delta)]
            case said.ResponseOutputTextDelta(item_id=item_id, delta=delta):
                return [self._grow("assistant", item_id, delta)]
            case said.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=text):
                return [self._finish("assistant", item_id, text)]
            case said.ResponseOutputTextDone(item_id=item_id, text=text):
                return [self._finish("assistant", item_id, text)]
            case said.ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=delta):
                return [self._grow("user", item_id, delta or "")]
            case said.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                return [self._finish("user", item_id, text)]
            case _:
                return []

    def _grow(self, role: str, item_id: str, delta: str) -> Line:
        text = self._unfinished.pop((role, item_id), "") + delta
        self._unfinished[role, item_id] = text
        while len(self._unfinished) > ITEMS_KEPT:
            del self._unfinished[next(iter(self._unfinished))]
        return Line(role, item_id, text, is_final=False)

    def _finish(self, role: str, item_id: str, text: str) -> Line:
        self._unfinished.pop((role, item_id), None)
        return Line(role, item_id, text, is_final=True)
