"""What a server shows that it can do: learnt from what it says, whatever its documentation says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.protocol import server_events as said
from edge_agent.protocol.dialect import BETA_SERVER_NAMES, GA_SERVER_NAMES, Dialect

SILENT_ANSWERS = 2
"""So many answers with sound in a session, without a word of when it plays, mean that the server never tells.
One may be too soon: ``response.done`` can precede the first sound."""

MIXED_NAME = "conversation.item.created"
"""The one beta name that servers use among GA names; by itself it proves little."""

SOUND_PARTS = frozenset({"output_audio", "audio"})


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of one server; None: not seen yet.

    ``dialect``: the generation of its events' names. ``tells_playback``: whether it sends
    ``output_audio_buffer.*``, and ``tells_end`` whether it also does when all the sound is sent.
    ``takes_manual_turns``: whether it clears and commits the input buffer. ``names_sessions``: whether its
    sessions have a name, by which support finds them.
    """

    dialect: Dialect | None = None
    tells_playback: bool | None = None
    takes_manual_turns: bool | None = None
    names_sessions: bool | None = None
    tells_end: bool | None = None


def refuses_manual_turns(event: said.ServerEvent) -> bool:
    """Whether an event says that the server can't clear its input buffer, as a turn by hand needs it."""
    return isinstance(event, said.ErrorEvent) and "input_audio_buffer.clear" in event.error.message


class Learner:
    """Follows one session and corrects what is known.

    ``hears_playback``: whether it is the server that says what plays; over a WebSocket it is the device.
    """

    def __init__(self, known: Abilities, *, hears_playback: bool = True) -> None:
        self.known = known
        self._hears_playback = hears_playback
        self._voiced_answers = 0
        self._was_told = False

    def heard_name(self, wire_type: str) -> None:
        """An event arrived under this name."""
        dialect = self.known.dialect
        if wire_type == MIXED_NAME:
            dialect = dialect or Dialect.BETA
        elif wire_type in GA_SERVER_NAMES:
            dialect = Dialect.BETA
        elif wire_type in BETA_SERVER_NAMES:
            dialect = Dialect.GA
        if dialect is not self.known.dialect:
            self.known = replace(self.known, dialect=dialect)
        if wire_type.startswith("output_audio_buffer.") and self._hears_playback:
            self._was_told = True
            self.known = replace(self.known, tells_playback=True)

    def opened(self, session_id: str) -> None:
        """The session is open, under that name or ``""``."""
        self.known = replace(self.known, names_sessions=bool(session_id))

    def heard(self, event: said.ServerEvent) -> None:
        """The same event by its meaning."""
        match event:
            case said.InputAudioBufferCleared():
                self.known = replace(self.known, takes_manual_turns=True)
            case said.ErrorEvent() if refuses_manual_turns(event):
                self.known = replace(self.known, takes_manual_turns=False)
            case said.OutputAudioBufferStopped() if self._hears_playback:
                self.known = replace(self.known, tells_end=True)
            case said.ResponseDone(response=response) if response.status == "completed":
                if not self._hears_playback:
                    return
                parts = {part.type for item in response.output for part in item.content}
                self._voiced_answers += bool(parts & SOUND_PARTS)
                if self._voiced_answers >= SILENT_ANSWERS and not self._was_told:
                    self.known = replace(self.known, tells_playback=False)

    def refused_clear(self) -> None:
        """The server has answered ``input_audio_buffer.clear`` with an error, or not at all."""
        self.known = replace(self.known, takes_manual_turns=False)
