"""Whether the voice that a server has heard is the agent's own, out of the loudspeaker.

Two witnesses: how alike the microphone's sound was to the loudspeaker's, and, where the server writes down
what it hears, the words. It knows nothing of what follows from it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from edge_agent.core.transcripts import Transcripts
from edge_agent.protocol import server_events as said

ECHO_LAG_S = 1.0
"""Speech that a server detects within this time after the loudspeaker has fallen silent may be its echo: up
to half a second from the device's buffer through the room to the microphone, the rest for network and
detection."""

LIKE_ECHO = 0.6
"""From this likeness on it is the loudspeaker's sound."""

UNLIKE_ECHO = 0.3
"""Up to this likeness it is not, whatever the words are: people do repeat what they hear."""

LEAST_WORDS = 3
"""Fewer words prove nothing: a person says "twelve?" as well."""

REPEATED_SHARE = 0.8
"""Share of the words that are the answer's, in its order; the rest is what a recogniser mishears."""


@dataclass(frozen=True, slots=True)
class _Suspect:
    """An utterance that began while ``answer`` was spoken, and may be part of it."""

    item_id: str
    answer: str


class OwnVoice:
    """Follows what the agent says, and recognises it when it comes back."""

    def __init__(self) -> None:
        self._transcripts = Transcripts()
        self._answer = ""
        self._likeness: float | None = None
        self._suspect: _Suspect | None = None

    def measured(self, likeness: float | None) -> None:
        """Take what was measured for the speech that is told next (0 to 1, None: nobody measures)."""
        self._likeness = likeness

    def is_heard(self, item_id: str) -> bool:
        """The server says that speech began, in own sound; return whether the measure proves it to be that.

        Between the two limits, or without a measure, the words will tell: see :meth:`is_written_down`.
        """
        likeness, self._likeness, self._suspect = self._likeness, None, None
        if likeness is not None and likeness >= LIKE_ECHO:
            return True
        if likeness is None or likeness > UNLIKE_ECHO:
            self._suspect = _Suspect(item_id, self._answer)
        return False

    def is_written_down(self, event: said.ServerEvent) -> bool:
        """Follow the transcripts; return whether this one proves that what began last was the own voice."""
        is_own = False
        for line in self._transcripts.see(event):
            if line.role == "assistant":
                self._answer = line.text
            elif line.is_final and self._suspect is not None and line.item_id == self._suspect.item_id:
                is_own = repeats(line.text, self._suspect.answer)
                self._suspect = None
        return is_own


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
