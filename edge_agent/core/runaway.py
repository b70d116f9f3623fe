"""Whether the agent talks with itself: what it hears are its own words, again and again.

:mod:`~edge_agent.core.own_voice` recognises its voice in an utterance that begins in its own sound, and half
duplex ends that. What comes back later, out of another room or another device, shows only in the words, where
the server writes them down; it costs money for as long as nobody stops it.
"""

from __future__ import annotations

from edge_agent.core.own_voice import repeats
from edge_agent.core.transcripts import Transcripts
from edge_agent.protocol import server_events as said

REPEATS_LIMIT = 3
"""So many utterances in a row that repeat the answer before them: once or twice, people do that."""

REST_S = 600.0
"""How long it is silent then, unless somebody shows that a person is there: long enough for an echo between
two devices to die."""


class Runaway:
    """Follows what is heard and answered, and wants silence when that goes in a circle."""

    def __init__(self) -> None:
        self._transcripts = Transcripts()
        self._repeats = 0
        self._barge_in_id = ""
        self._rests_until: float | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether it is to be silent."""
        return self._rests_until is not None

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return self._rests_until

    def tick(self, now: float) -> None:
        """End the silence when its time is over."""
        if self._rests_until is not None and now >= self._rests_until:
            self.somebody_is_here()

    def somebody_is_here(self) -> None:
        """A button was pressed, or the wake word was said."""
        self._repeats = 0
        self._rests_until = None

    def see(self, event: said.ServerEvent, now: float, *, is_sounding: bool) -> bool:
        """Follow one event of the server; return whether it is to be silent from now on.

        What begins while the loudspeaker is sounding is judged by own_voice, and counts neither way.
        """
        if isinstance(event, said.InputAudioBufferSpeechStarted) and is_sounding:
            self._barge_in_id = event.item_id
        for line in self._transcripts.see(event):
            if line.role == "user" and line.is_final and line.item_id != self._barge_in_id:
                is_repetition = repeats(line.text, self._transcripts.answer)
                self._repeats = self._repeats + 1 if is_repetition else 0
        if self._repeats < REPEATS_LIMIT or self.is_stopped:
            return False
        self._rests_until = now + REST_S
        return True

    def text_grew(self, piece: said.TextPiece) -> None:
        """Follow the transcripts while nothing is final: that is no repetition yet."""
        self._transcripts.grow(piece)
