"""The microphone's gate, and since when nobody has heard what the microphone hears."""

from __future__ import annotations

import enum
import math

from edge_agent.core.commands import AwaitPause, Command, Gate, SetUplink
from edge_agent.core.lapse import Missed
from edge_agent.core.status import Turn
from edge_agent.errors import IllegalTransition
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

PARTING_S = 0.7
"""What was heard in part is told again after so much silence, or a server takes both for one sentence: most
hear the end of one after half a second (OpenAI's ``silence_duration_ms`` is 500)."""

FINISH_LIMIT_S = 3.0
"""Who is in the middle of a word when the way lapses is sent on to the next pause, for so long at most: as a
short question takes, whose last word is not to come alone if all of it is only late. A room with a television
never pauses; and what is still being sent when a dead way opens is heard in pieces, and whole once more."""

PROOFS_OF_HEARING = (
    said.ResponseCreated,
    said.ResponseDone,
    said.OutputAudioBufferStarted,
    said.OutputAudioBufferStopped,
)
"""What a server says because it has heard somebody; a greeting proves nothing."""


class Reach(enum.Enum):
    """Whether what is said reaches the session that there is."""

    SENT = "sent"
    FINISHING = "finishing"
    HELD = "held"


TRANSITIONS: dict[Reach, dict[Reach, str]] = {
    Reach.SENT: {
        Reach.FINISHING: "the way lapses",
        Reach.HELD: "the way lapses while the microphone is not sent",
    },
    Reach.FINISHING: {
        Reach.HELD: "the voice pauses or goes on for long, or something comes again",
        Reach.SENT: "it was only late, or another session takes over",
    },
    Reach.HELD: {Reach.SENT: "it is known what was missed, or another session takes over"},
}
"""The legal moves and what makes them; any other is a bug."""


class MicrophoneGate:
    """Moves the gate, and says from when on a session that takes over is to be told what was said.

    The same for a session whose way lapses for a while: what was said meanwhile is said again.
    """

    def __init__(self) -> None:
        self._position: Gate | None = None
        self._unheard_since = 0.0
        self._asked_since = 0.0
        """What it was before the newest question was answered."""
        self._utterance_since: float | None = None
        self._missed_since: float | None = None
        self._parting_s = 0.0
        """How much silence goes before what was missed."""
        self._lapsed_turn = Turn.NOBODY
        self._told_since = 0.0
        """From when on the session was told last what was held for it."""
        self._told_until = -math.inf
        """When that was through; infinity: not yet."""
        self._reach = Reach.SENT
        self._reach_since = 0.0
        self.is_catching_up = False
        """Whether a session is still being told what was held for it."""

    @property
    def is_lapsed(self) -> bool:
        """Whether what is said may not reach the session that there is."""
        return self._reach is not Reach.SENT

    @property
    def is_held(self) -> bool:
        """Whether what is said is not even sent to it."""
        return self._reach is Reach.HELD

    @property
    def has_missed(self) -> bool:
        """Whether the session misses something, or has, that it is yet to be told."""
        return self.is_lapsed or self._missed_since is not None

    def caught_up(self, now: float) -> None:
        """All that was held has been told."""
        if self.is_catching_up:
            self.is_catching_up, self._told_until = False, now

    def begin(self, since: float) -> None:
        """What is said from ``since`` on is to be heard by the next session."""
        self._unheard_since = since

    def see(self, event: said.ServerEvent, turn: Turn, now: float) -> None:
        """A server that answers, at nobody's turn but its own, has heard all that was said before."""
        if isinstance(event, PROOFS_OF_HEARING) and turn in (Turn.NOBODY, Turn.AGENT):
            self._unheard_since = now - UNNOTICED_S
        if isinstance(event, said.InputAudioBufferSpeechStarted | said.InputAudioBufferCommitted):
            self._asked_since = self._unheard_since
        if isinstance(event, said.InputAudioBufferSpeechStarted):
            self._utterance_since = now - UNNOTICED_S
        elif isinstance(event, said.InputAudioBufferSpeechStopped | said.InputAudioBufferCommitted):
            # To a server that hears nothing any more, who was cut off has stopped.
            self._utterance_since = self._utterance_since if self.is_lapsed else None

    def lapse(self, turn: Turn, now: float) -> list[Command]:
        """What is said may not arrive from now on: hold it, from the next pause on. It is ``turn``'s turn."""
        if self.is_lapsed:
            return []
        self._lapsed_turn = turn
        if turn is Turn.PENDING:
            self._utterance_since = None
        if self._position is not Gate.OPEN:
            self._set_reach(Reach.HELD, now)
            return []
        self._set_reach(Reach.FINISHING, now)
        return [AwaitPause()]

    def finish(self, now: float) -> None:
        """The voice has paused, or something comes again: what is said is held from now on."""
        if self._reach is Reach.FINISHING:
            self._set_reach(Reach.HELD, now)

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return self._reach_since + FINISH_LIMIT_S if self._reach is Reach.FINISHING else None

    def tick(self, now: float) -> None:
        """Wait no longer for a voice that does not pause."""
        deadline = self.next_deadline()
        if deadline is not None and now >= deadline:
            self.finish(now)

    def mend(self, missed: Missed, turn: Turn, now: float) -> None:
        """What is said arrives again, at ``turn``'s turn: what was missed is said again.

        If something was lost, so is what goes with it: all of an utterance that it was in the middle of, and
        what may not have been noticed yet. Who waits for an answer has said everything before. If nothing was
        lost it misses what was held alone, if anything was. If the way lapses again while what was missed is
        told, all of that is told once more; what was not even sent of it the uplink tells in any case. What
        may have been heard in part is parted by a silence from the whole that follows.
        """
        if not self.is_lapsed:
            return
        told_since = self._told_since if missed.since < self._told_until else math.inf
        was_cut = self._utterance_since is not None or told_since < math.inf
        self._parting_s = PARTING_S if missed.was_sent and was_cut else 0.0
        if not missed.was_sent:
            self._missed_since = self._reach_since if self.is_held else None
        elif self._utterance_since is not None:
            self._missed_since = min(missed.since, self._utterance_since, told_since)
        elif Turn.PENDING in (turn, self._lapsed_turn):
            self._missed_since = missed.since + SILENT_S
        else:
            self._missed_since = min(missed.since - UNNOTICED_S, told_since)
        self._utterance_since = None
        self._set_reach(Reach.SENT, now)

    def forget_session(self) -> None:
        """What the session had missed is of no use any more: another one hears all that was not answered."""
        if self.is_lapsed:
            self._set_reach(Reach.SENT, self._reach_since)
        self._missed_since = self._utterance_since = None

    def ask_again(self) -> None:
        """Nobody has heard the answer to what was asked last: the next session is told that as well."""
        self._unheard_since = min(self._unheard_since, self._asked_since)

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
        was_sent_in_vain = wanted is former is Gate.OPEN and self._missed_since is not None
        if wanted is former and not was_sent_in_vain:
            return commands
        self._position = wanted
        was_held = wanted is Gate.OPEN and former in (Gate.LISTENING, Gate.HOLDING, Gate.KEEPING)
        self.is_catching_up = was_held or was_sent_in_vain
        if wanted in (Gate.CLOSED, Gate.LISTENING):
            self._told_until = -math.inf
        if wanted is not Gate.OPEN:
            return [SetUplink(wanted), *commands]
        if not self.is_catching_up:
            return [*commands, SetUplink(wanted)]
        self._told_since = self._unheard_since if self._missed_since is None else self._missed_since
        pause_s = 0.0 if self._missed_since is None else self._parting_s
        self._missed_since, self._told_until = None, math.inf
        return [*commands, SetUplink(wanted, self._told_since, pause_s)]

    def _set_reach(self, new: Reach, now: float) -> None:
        if new not in TRANSITIONS[self._reach]:
            raise IllegalTransition(f"reach: {self._reach.value} -> {new.value}")
        self._reach, self._reach_since = new, now
