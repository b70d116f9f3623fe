"""What was said lately, as text, so that the next session remembers it.

A session can't be resumed: the next one is told in writing. Only words are kept, without ids of the session
that they were said in; calls of functions are left out. A person's words are known where the server writes
them down (``session.transcription``).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ContentPart, Item

WORDS_LIMIT_S = 3.0
"""So long after an utterance its words may come; a renewal waits for them. They take about a second."""

SPEECH_CHARS_PER_S = 15.0
"""What is cut off of an answer is found by its time: 150 to 180 words a minute of six characters."""

_CONTENT_TYPES = {"user": "input_text", "assistant": "output_text"}


@dataclass(slots=True)
class _Entry:
    """One turn; ``item_id`` is its name in the session that is open, "" in any later one."""

    role: str
    item_id: str
    text: str = ""
    words_due_until: float = -math.inf


class History:
    """The newest turns. Overflow rule: the oldest is forgotten.

    ``limit_turns`` counts what either side said; ``limit_chars`` is the length of all of them together.
    """

    def __init__(self, limit_turns: int, limit_chars: int) -> None:
        self._limit_chars = limit_chars
        self._entries: deque[_Entry] = deque(maxlen=limit_turns)

    def see(self, event: said.ServerEvent, now: float) -> None:
        """Follow one event of the session that is open."""
        match event:
            case said.InputAudioBufferCommitted(item_id=item_id):
                self._entry("user", item_id).words_due_until = now + WORDS_LIMIT_S
            case said.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                entry = self._entry("user", item_id)
                entry.text, entry.words_due_until = text.strip(), -math.inf
            case said.ConversationItemInputAudioTranscriptionFailed(item_id=item_id):
                self._entry("user", item_id).words_due_until = -math.inf
            case said.ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta):
                self._entry("assistant", item_id).text += delta
            case said.ResponseOutputTextDelta(item_id=item_id, delta=delta):
                self._entry("assistant", item_id).text += delta
            case said.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=text):
                self._entry("assistant", item_id).text = text
            case said.ResponseOutputTextDone(item_id=item_id, text=text):
                self._entry("assistant", item_id).text = text
            case said.ConversationItemDeleted(item_id=item_id) if item_id:
                kept = [entry for entry in self._entries if entry.item_id != item_id]
                self._entries = deque(kept, maxlen=self._entries.maxlen)
            case said.ConversationItemTruncated(item_id=item_id, audio_end_ms=end_ms):
                entry = self._entry("assistant", item_id)
                entry.text = _heard(entry.text, end_ms / 1000)

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return max((e.words_due_until for e in self._entries if e.words_due_until > -math.inf), default=None)

    def tick(self, now: float) -> None:
        """Give up words that have not come in time."""
        for entry in self._entries:
            if now >= entry.words_due_until:
                entry.words_due_until = -math.inf

    @property
    def is_settled(self) -> bool:
        """Whether the words of all that was said are known, or are not waited for any more."""
        return self.next_deadline() is None

    def session_ended(self, *, heard_s: float | None, is_unanswered: bool) -> None:
        """The names of this session mean nothing any more.

        ``heard_s``: the session was lost in the middle of an answer, of which so much was heard; 0: nothing
        that would count.
        ``is_unanswered``: what a person said last will be said again, and is not to be told twice.
        """
        newest = self._entries[-1] if self._entries else None
        if heard_s is not None and newest is not None and newest.role == "assistant":
            newest.text = _heard(newest.text, heard_s)
        if is_unanswered and self._entries and self._entries[-1].role == "assistant" and heard_s == 0.0:
            self._entries.pop()
        while is_unanswered and self._entries and self._entries[-1].role == "user":
            self._entries.pop()
        for entry in self._entries:
            entry.item_id, entry.words_due_until = "", -math.inf

    def items(self) -> list[Item]:
        """Return what a new session is to be told, oldest first."""
        told: list[Item] = []
        left_chars = self._limit_chars
        for entry in reversed(self._entries):
            if not entry.text:
                continue
            left_chars -= len(entry.text)
            if left_chars < 0:
                break
            part = ContentPart(type=_CONTENT_TYPES[entry.role], text=entry.text)
            told.append(Item(type="message", role=entry.role, content=(part,)))
        return told[::-1]

    def _entry(self, role: str, item_id: str) -> _Entry:
        for entry in reversed(self._entries):
            if entry.role == role and entry.item_id == item_id and item_id:
                return entry
        entry = _Entry(role, item_id)
        self._entries.append(entry)
        return entry


def _heard(text: str, heard_s: float) -> str:
    """Return the whole words of ``text`` that can be spoken in that time."""
    n_chars = round(heard_s * SPEECH_CHARS_PER_S)
    return text if n_chars >= len(text) else text[:n_chars].rpartition(" ")[0]
