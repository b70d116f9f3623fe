"""Sound that a server owes: it says that an answer is made, and nothing of it has come.

For servers that never say what they play, such as Hugging Face speech-to-speech, which sends no packets
between its answers either: of them nothing else shows that the sound alone has failed.
"""

from __future__ import annotations

from edge_agent.core.conversation import SOUND_PART_TYPES
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response


class OwedSound:
    """Follows one session. What was made and then thrown away, for a person who speaks, is not owed."""

    def __init__(self) -> None:
        self._server_tells = False
        self._is_made = False
        self._packets_before = 0

    def begin(self, sound_packets: int) -> None:
        """An answer is being made; so many packets of sound have come in this session so far."""
        self._is_made, self._packets_before = False, sound_packets

    def see(self, event: said.ServerEvent) -> None:
        """Follow one event, other than ``response.created``: that is :meth:`begin`."""
        match event:
            case (
                said.OutputAudioBufferStarted()
                | said.OutputAudioBufferStopped()
                | said.OutputAudioBufferCleared()
            ):
                self._server_tells = True
            case said.InputAudioBufferSpeechStarted():
                self._is_made = False
            case said.ResponseDone(response=response):
                self._is_made = response.status == "completed" and _sounds(response)
            case _:
                pass

    def forget(self) -> None:
        """The answer is not wanted any more, and the server was told."""
        self._is_made = False

    def is_owed(self, sound_packets: int) -> bool:
        """Return whether nothing of an answer has come. A session without any sound so far may have none."""
        return self._is_made and not self._server_tells and 0 < sound_packets <= self._packets_before


def _sounds(response: Response) -> bool:
    return any(part.type in SOUND_PART_TYPES for item in response.output for part in item.content)
