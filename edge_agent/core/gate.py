"""The microphone's gate, and since when nobody has heard what the microphone hears."""

from __future__ import annotations

from edge_agent.core.commands import Command, Gate, SetUplink
from edge_agent.protocol import server_events as said

UNNOTICED_S = 0.7
"""So late a server may notice that somebody speaks: its detection takes some tenths of a second, the way
there and back some more. A session that takes over hears so much of what was said before."""

LONG_UNNOTICED_S = 3.0
"""The same for a server that is slow: silence is not told again, so more costs nothing. In a room that is
never silent the next answer may be so much later."""

PROOFS_OF_HEARING = (
    said.ResponseCreated,
    said.ResponseDone,
    said.OutputAudioBufferStarted,
    said.OutputAudioBufferStopped,
)
"""What a server says because it has heard somebody; a greeting proves nothing."""


class MicrophoneGate:
    """Moves the gate, and says from when on a session that takes over is to be told what was said."""

    def __init__(self) -> None:
        self._position: Gate | None = None
        self._unheard_since = 0.0
        self._is_catching_up = False

    @property
    def is_catching_up(self) -> bool:
        """Whether a session is still being told what was held for it."""
        return self._is_catching_up

    def caught_up(self) -> None:
        """All that was held has been told."""
        self._is_catching_up = False

    def begin(self, since: float) -> None:
        """What is said from ``since`` on is to be heard by the next session."""
        self._unheard_since = since

    def see(self, event: said.ServerEvent, now: float) -> None:
        """A server that answers, at nobody's turn but its own, has heard all that was said before."""
        if isinstance(event, PROOFS_OF_HEARING):
            self._unheard_since = now - UNNOTICED_S

    def hold_for_successor(self, wanted: Gate, now: float) -> list[Command]:
        """Hold what the microphone hears for a session that takes over while the one before goes on.

        It is told again what a slow server may not have noticed yet.
        """
        self._unheard_since = max(now - LONG_UNNOTICED_S, self._unheard_since)
        return self.hold(wanted)

    def hold(self, wanted: Gate) -> list[Command]:
        """Keep what the microphone hears for the session that takes over, if it was open and stays so."""
        if self._position is not Gate.OPEN or wanted is not Gate.OPEN:
            return []
        self._position = Gate.HOLDING
        return [SetUplink(Gate.HOLDING)]

    def around(self, commands: list[Command], wanted: Gate) -> list[Command]:
        """Add the gate's new position, if it has one: it closes before all else and opens last."""
        former = self._position
        if wanted is former:
            return commands
        self._position = wanted
        self._is_catching_up = wanted is Gate.OPEN and former is Gate.HOLDING
        if wanted is Gate.OPEN:
            return [*commands, SetUplink(wanted, self._unheard_since if self._is_catching_up else None)]
        return [SetUplink(wanted), *commands]
