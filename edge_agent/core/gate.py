"""The microphone's gate, and since when nobody has heard what the microphone hears."""

from __future__ import annotations

from edge_agent.core.commands import Command, Gate, SetUplink
from edge_agent.core.lapse import Missed
from edge_agent.core.status import Turn
from edge_agent.protocol import server_events as said

UNNOTICED_S = 0.7
"""So late a server may notice that somebody speaks: its detection takes some tenths of a second, the way
there and back some more. A session that takes over hears so much of what was said before."""

SILENT_S = 0.5
"""So long nobody goes on who has just been heard to the end. The last word is not told again, although the
microphone's clock may lag a little on a busy machine."""

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
    """Moves the gate, and says from when on a session that takes over is to be told what was said.

    The same for a session whose way lapses for a while: what was said meanwhile is said again.
    """

    def __init__(self) -> None:
        self._position: Gate | None = None
        self._unheard_since = 0.0
        self._utterance_since: float | None = None
        self._missed_since: float | None = None
        self._lapsed_turn = Turn.NOBODY
        self.is_lapsed = False
        """Whether what is said may not reach the session that there is."""
        self.is_catching_up = False
        """Whether a session is still being told what was held for it."""

    @property
    def has_missed(self) -> bool:
        """Whether the session misses something, or has, that it is yet to be told."""
        return self.is_lapsed or self._missed_since is not None

    def caught_up(self) -> None:
        """All that was held has been told."""
        self.is_catching_up = False

    def begin(self, since: float) -> None:
        """What is said from ``since`` on is to be heard by the next session."""
        self._unheard_since = since

    def see(self, event: said.ServerEvent, turn: Turn, now: float) -> None:
        """A server that answers, at nobody's turn but its own, has heard all that was said before."""
        if isinstance(event, PROOFS_OF_HEARING) and turn in (Turn.NOBODY, Turn.AGENT):
            self._unheard_since = now - UNNOTICED_S
        if isinstance(event, said.InputAudioBufferSpeechStarted):
            self._utterance_since = now - UNNOTICED_S
        elif isinstance(event, said.InputAudioBufferSpeechStopped | said.InputAudioBufferCommitted):
            self._utterance_since = None

    def lapse(self, turn: Turn) -> None:
        """What is said may not arrive from now on: hold it. It is ``turn``'s turn."""
        self.is_lapsed = True
        self._lapsed_turn = turn
        if turn is Turn.PENDING:
            self._utterance_since = None

    def mend(self, missed: Missed, turn: Turn) -> None:
        """What is said arrives again, at ``turn``'s turn: what was missed is said again.

        If something was lost, so is what goes with it: all of an utterance that it was in the middle of, and
        what may not have been noticed yet. Who waits for an answer has said everything before.
        """
        if not self.is_lapsed:
            return
        self.is_lapsed = False
        self._missed_since = missed.since
        if missed.was_sent and self._utterance_since is not None:
            self._missed_since = min(missed.since, self._utterance_since)
        elif missed.was_sent:
            is_said = Turn.PENDING in (turn, self._lapsed_turn)
            self._missed_since = missed.since + (SILENT_S if is_said else -UNNOTICED_S)
        self._utterance_since = None

    def forget_session(self) -> None:
        """What the session had missed is of no use any more: another one hears all that was not answered."""
        self.is_lapsed = False
        self._missed_since = self._utterance_since = None

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
        self.is_catching_up = wanted is Gate.OPEN and former in (Gate.LISTENING, Gate.HOLDING, Gate.KEEPING)
        if wanted is not Gate.OPEN:
            return [SetUplink(wanted), *commands]
        since = self._unheard_since if self._missed_since is None else self._missed_since
        self._missed_since = None
        return [*commands, SetUplink(wanted, since if self.is_catching_up else None)]
