"""Whether the voice that a server has heard is the agent's own, out of the loudspeaker.

Two witnesses: how alike the microphone's sound was to the loudspeaker's, and, where the server writes down
what it hears, the words. It knows nothing of what follows from it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from edge_agent.core.commands import MeasureEcho
from edge_agent.core.likeness import ECHO_LIKENESS
from edge_agent.core.transcripts import Transcripts
from edge_agent.protocol import server_events as said

ECHO_LAG_S = 1.0
"""Speech that a server detects within this time after the loudspeaker has fallen silent may be its echo: up
to half a second from the device's buffer through the room to the microphone, the rest for network and
detection."""

MEASURED_AFTER_S = 0.7
"""How long after the server's event the sounds are compared. The loudspeaker was stopped at the event: an
echo ends with it, half a second later at most; a person goes on."""

UNLIKE_ECHO = 0.3
"""Up to this likeness it is a person, whatever the words are: people do repeat what they hear."""

LEAST_WORDS = 3
"""Fewer words prove nothing: a person says "twelve?" as well."""

REPEATED_SHARE = 0.8
"""Share of the words that are the answer's, in its order; the rest is what a recogniser mishears."""


@dataclass(slots=True)
class _Suspect:
    """An utterance that began while ``answer`` was spoken, and may be part of it."""

    item_id: str
    response_id: str
    answer: str
    measure_at: float | None
    repeats_answer: bool = False


class OwnVoice:
    """Follows what the agent says, and recognises it when it comes back; suspects one utterance at a time."""

    def __init__(self) -> None:
        self._transcripts = Transcripts()
        self._suspect: _Suspect | None = None

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return None if self._suspect is None else self._suspect.measure_at

    def tick(self, now: float) -> list[MeasureEcho]:
        """Ask for the measure if its time has come."""
        deadline = self.next_deadline()
        if self._suspect is None or deadline is None or now < deadline:
            return []
        self._suspect.measure_at = None
        return [MeasureEcho()]

    def suspect(self, item_id: str, response_id: str, now: float) -> None:
        """The server says that speech began, in the sound of ``response_id`` or right after it."""
        self._suspect = _Suspect(item_id, response_id, self._transcripts.answer, now + MEASURED_AFTER_S)

    def measured(self, likeness: float | None) -> str | None:
        """Take the measure (0 to 1); return the response that was heard if that is proved now, else None.

        Between the two limits, or without a measure, the words decide: see :meth:`written_down`.
        """
        if self._suspect is None:
            return None
        if likeness is None or UNLIKE_ECHO < likeness < ECHO_LIKENESS:
            return self._convicted() if self._suspect.repeats_answer else None
        if likeness >= ECHO_LIKENESS:
            return self._convicted()
        self._suspect = None
        return None

    def written_down(self, event: said.ServerEvent) -> str | None:
        """Follow the transcripts; return the response that was heard if that is proved now, else None."""
        suspect = self._suspect
        for line in self._transcripts.see(event):
            is_heard = line.role == "user" and line.is_final
            if suspect is not None and is_heard and line.item_id == suspect.item_id:
                suspect.repeats_answer = repeats(line.text, suspect.answer)
        is_measured = suspect is not None and suspect.measure_at is None
        return self._convicted() if is_measured and suspect and suspect.repeats_answer else None

    def text_grew(self, piece: said.TextPiece) -> None:
        """Follow the transcripts while nothing is final: that proves nothing."""
        self._transcripts.grow(piece)

    def _convicted(self) -> str:
        assert self._suspect is not None
        response_id, self._suspect = self._suspect.response_id, None
        return response_id


def repeats(heard: str, answer: str) -> bool:
    """Whether the words of ``heard`` are words of ``answer``, in their order."""
    heard_words, answer_words = _words(heard), _words(answer)
    if len(heard_words) < LEAST_WORDS:
        return False
    matcher = difflib.SequenceMatcher(None, heard_words, answer_words, autojunk=False)
    repeated = sum(block.size for block in matcher.get_matching_blocks())
    return repeated >= REPEATED_SHARE * len(heard_words)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
