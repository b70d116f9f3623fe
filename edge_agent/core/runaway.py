"""Whether the agent talks with itself: answers that follow its own sound at once, or words that come back.

:mod:`~edge_agent.core.own_voice` recognises its voice in one utterance; this looks at what goes on and on,
which costs money for as long as nobody is in the room. It knows nothing of what is done about it.
"""

from __future__ import annotations

import enum
import math

from edge_agent.core.own_voice import repeats
from edge_agent.core.transcripts import Transcripts
from edge_agent.protocol import server_events as said

AT_ONCE_S = 1.5
"""An answer that begins so soon after the loudspeaker has fallen silent answers nobody: a person's shortest
word and the pause after it take as long."""

ANSWERS_LIMIT = 3
"""So many such answers in a row are no chance: a person who interrupts with a word does so once or twice."""

REPEATS_LIMIT = 2
"""So many utterances in a row that repeat the answer before them: once, people do that."""


class Alarm(enum.Enum):
    """What told that it talks with itself."""

    AT_ONCE = "answers follow its own sound at once"
    REPEATED = "what it hears are its own words"


class Runaway:
    """Follows the turns of one conversation; a person who touches the device is a witness that one is
    there."""

    def __init__(self) -> None:
        self._transcripts = Transcripts()
        self._answer = ""
        self._sounds = False
        self._silent_since = -math.inf
        self._is_spoken_to = False
        self._answers_at_once = 0
        self._repeats = 0

    def sound_started(self) -> None:
        """The loudspeaker became audible."""
        self._sounds = True

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent."""
        self._sounds = False
        self._silent_since = now

    def somebody_is_here(self) -> None:
        """A button was pressed, or the wake word was said."""
        self._answers_at_once = self._repeats = 0

    def server_said(self, event: said.ServerEvent, now: float) -> Alarm | None:
        """Follow one event of the server; return what is wrong, once for each time that it is."""
        match event:
            case said.InputAudioBufferSpeechStarted():
                self._is_spoken_to = True
            case said.ResponseCreated() if self._is_spoken_to:
                self._is_spoken_to = False
                return self._answer_began(now)
        return self._words(event)

    def _answer_began(self, now: float) -> Alarm | None:
        is_at_once = self._sounds or now - self._silent_since < AT_ONCE_S
        self._answers_at_once = self._answers_at_once + 1 if is_at_once else 0
        if self._answers_at_once < ANSWERS_LIMIT:
            return None
        self._answers_at_once = 0
        return Alarm.AT_ONCE

    def _words(self, event: said.ServerEvent) -> Alarm | None:
        for line in self._transcripts.see(event):
            if line.role == "assistant":
                self._answer = line.text
            elif line.is_final:
                self._repeats = self._repeats + 1 if repeats(line.text, self._answer) else 0
        if self._repeats < REPEATS_LIMIT:
            return None
        self._repeats = 0
        return Alarm.REPEATED
