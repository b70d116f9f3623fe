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
        self.answer = ""
        """The newest line of the assistant, as far as it goes."""

    def see(self, event: said.ServerEvent) -> list[Line]:
        """Return the line that the event changes, if any."""
        match event:
            case (
                said.ResponseOutputAudioTranscriptDelta()
                | said.ResponseOutputTextDelta()
                | said.ConversationItemInputAudioTranscriptionDelta()
            ):
                return [self.grow(event)]
            case said.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=text):
                return [self._finish("assistant", item_id, text)]
            case said.ResponseOutputTextDone(item_id=item_id, text=text):
                return [self._finish("assistant", item_id, text)]
            case said.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                return [self._finish("user", item_id, text)]
            case _:
                return []

    def grow(self, piece: said.TextPiece) -> Line:
        """Return the line that is longer by ``piece``."""
        is_of_person = isinstance(piece, said.ConversationItemInputAudioTranscriptionDelta)
        role = "user" if is_of_person else "assistant"
        key = role, piece.item_id
        text = self._unfinished.pop(key, "") + (piece.delta or "")
        self._unfinished[key] = text
        if len(self._unfinished) > ITEMS_KEPT:
            del self._unfinished[next(iter(self._unfinished))]
        if role == "assistant":
            self.answer = text
        return Line(role, piece.item_id, text, is_final=False)

    def _finish(self, role: str, item_id: str, text: str) -> Line:
        self._unfinished.pop((role, item_id), None)
        if role == "assistant":
            self.answer = text
        return Line(role, item_id, text, is_final=True)
