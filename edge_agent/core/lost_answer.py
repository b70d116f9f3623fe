"""An answer that was spoken into a dead path: nobody has heard it, so it is asked for again.

The server knows nothing of it: it has made the answer, and sent it. When the way is open again, what it tells
of that answer comes late, but comes. Only an answer is meant that was scarcely heard, or not at all: one that
breaks off in the middle goes on when the way is open, as it does in a conversation. If the session ends
instead, the next one is asked.
"""

from __future__ import annotations

import enum
import math

from edge_agent.core.conversation import SOUND_STATUSES
from edge_agent.core.lapse import LAPSE_AFTER_S
from edge_agent.core.status import Turn
from edge_agent.errors import IllegalTransition
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response

SCARCELY_HEARD_S = 1.3
"""An answer that breaks off sooner has said nothing yet: a second of it, two or three words. The rest is what
the loudspeaker adds: it makes up 0.1 s of what is missing, and 0.25 s of silence end its sound."""

BROKE_OFF_S = LAPSE_AFTER_S + 0.5
"""What fell silent longer before the lapse had ended by itself: an answer pauses for less."""

JUST_BEFORE_S = 0.5
"""Sound that starts so soon after the way is open was under way before: the loudspeaker waits for less."""

CALM_S = 0.5
"""So long after the end of its sound it is asked for again: a person who speaks meanwhile is heard first."""

UNTOLD_END_S = 2.0
"""The same after ``response.done`` from a server that never says when it has sent all the sound."""

GIVE_UP_S = 30.0
"""What the server has to tell may come so much later: SCTP waits twice as long at each try (RFC 9260 section
6.3.3), so after an outage of 25 s it may be silent for as long again."""


class Loss(enum.Enum):
    """What is thought of the answer that was due."""

    NONE = "none"
    FEARED = "feared"
    KNOWN = "known"


TRANSITIONS: dict[Loss, dict[Loss, str]] = {
    Loss.NONE: {Loss.FEARED: "the way lapses before an answer was heard"},
    Loss.FEARED: {
        Loss.KNOWN: "what was sent meanwhile was lost",
        Loss.NONE: "it was only late, or somebody speaks",
    },
    Loss.KNOWN: {
        Loss.NONE: "it is asked for again, is heard after all, or somebody speaks",
        Loss.FEARED: "the way lapses again",
    },
}
"""The legal moves and what makes them; any other is a bug."""


class LostAnswer:
    """Follows one answer of one session. It knows the loudspeaker and the server's events, nothing else."""

    def __init__(self) -> None:
        self.loss = Loss.NONE
        self._heard = _Heard()
        self._is_asked = False
        """Whether somebody has asked, and no answer has sounded before the one that was begun last."""
        self._has_begun = False
        self._mended_at = -math.inf
        self._items: tuple[str, ...] = ()
        self._ask_at = math.inf

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return min(self._ask_at, self._mended_at + GIVE_UP_S) if self.loss is Loss.KNOWN else None

    def lapse(self, turn: Turn, now: float) -> None:
        """The way has lapsed, at ``turn``'s turn."""
        if self.loss is Loss.KNOWN or (self.loss is Loss.NONE and self._is_missed(turn, now)):
            self._set_loss(Loss.FEARED)
            self._has_begun = False

    def _is_missed(self, turn: Turn, now: float) -> bool:
        """Whether somebody waits for an answer, or has heard next to nothing of it."""
        match turn:
            case Turn.PENDING:
                return True
            case Turn.AGENT if not self._heard.total_s(now):
                return True  # the server says that it plays
            case Turn.AGENT | Turn.NOBODY:
                return self._heard.broke_off(now)
            case Turn.PERSON:
                return False

    def is_owed(self, turn: Turn, now: float) -> bool:
        """Whether a session that ends now, at ``turn``'s turn, leaves somebody without an answer."""
        is_cut = turn is Turn.AGENT and self._heard.total_s(now) < SCARCELY_HEARD_S
        return turn is Turn.PENDING or (self._is_asked and (is_cut or self.is_waiting))

    def mend(self, now: float, *, was_lost: bool) -> bool:
        """The way is open again. Return whether what sounds is an answer whose beginning is missing."""
        if self.loss is not Loss.FEARED:
            return False
        if not was_lost:
            self._set_loss(Loss.NONE)
            self._ask_at = math.inf
            return False
        self._set_loss(Loss.KNOWN)
        self._mended_at = now
        if self._items:
            self._ask_at = min(self._ask_at, now + UNTOLD_END_S)
        return self._has_begun

    def sound_started(self, now: float) -> bool:
        """The loudspeaker sounds. Return whether that is an answer whose beginning is missing."""
        self._heard.started(now)
        if self.loss is Loss.FEARED:
            self._has_begun = True
        if self.loss is not Loss.KNOWN:
            return False
        if now - self._mended_at <= JUST_BEFORE_S:
            return True
        self._rest()
        return False

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent."""
        self._heard.ended(now)

    def see(self, event: said.ServerEvent, now: float) -> None:
        """Follow one event of the server."""
        match event:
            case said.InputAudioBufferSpeechStarted():
                self.forget()
            case said.InputAudioBufferSpeechStopped() | said.InputAudioBufferCommitted():
                self._is_asked = True
                self._heard.begin_anew(now)
            case said.ResponseCreated():
                self._is_asked &= not self._heard.total_s(now)
                self._items, self._ask_at = (), math.inf
                self._heard.begin_anew(now)
            case said.ResponseDone(response=response):
                self._made(response, now)
            case said.OutputAudioBufferStopped() | said.OutputAudioBufferCleared():
                self._heard.is_over()
                if self._items and self.loss is not Loss.NONE:
                    self._ask_at = now + CALM_S

    def _made(self, response: Response, now: float) -> None:
        """Remember the items of an answer; one with calls of tools is followed by another."""
        is_missed = self.loss is not Loss.NONE
        is_asked_for = is_missed or response.status in SOUND_STATUSES
        if not is_asked_for or any(item.type == "function_call" for item in response.output):
            return
        self._items = tuple(item.id for item in response.output if item.type == "message" and item.id)
        self._ask_at = now + UNTOLD_END_S if self._items and is_missed else math.inf

    def tick(self, now: float, *, is_sounding: bool) -> tuple[str, ...]:
        """Return the items of the answer that is to be asked for again now, if it is."""
        if self.loss is not Loss.KNOWN:
            return ()
        if now >= self._mended_at + GIVE_UP_S:
            self.forget()
        if now < self._ask_at:
            return ()
        if is_sounding:
            self._ask_at = now + CALM_S
            return ()
        items = self._items
        self.forget()
        return items

    @property
    def is_waiting(self) -> bool:
        """Whether an answer may have to be asked for again."""
        return self.loss is not Loss.NONE

    def forget(self) -> None:
        """Nobody waits for it any more, or it is another's turn."""
        self._rest()
        self._heard.is_over()

    def _rest(self) -> None:
        if self.loss is not Loss.NONE:
            self._set_loss(Loss.NONE)
        self._items, self._ask_at = (), math.inf

    def _set_loss(self, new: Loss) -> None:
        if new not in TRANSITIONS[self.loss]:
            raise IllegalTransition(f"loss: {self.loss.value} -> {new.value}")
        self.loss = new


class _Heard:
    """How much has sounded of the answer that was begun last."""

    def __init__(self) -> None:
        self._before_s = math.inf
        self._sounding_since: float | None = None
        self._silent_since = -math.inf

    def begin_anew(self, now: float) -> None:
        """What sounds from now on is another answer."""
        self._before_s = 0.0
        self._silent_since = -math.inf
        if self._sounding_since is not None:
            self._sounding_since = now

    def is_over(self) -> None:
        """All of it has come, or nobody wants to hear the rest: nothing of it is missing."""
        self._before_s = math.inf

    def started(self, now: float) -> None:
        self._sounding_since = now

    def ended(self, now: float) -> None:
        if self._sounding_since is not None:
            self._before_s = self.total_s(now)
            self._sounding_since, self._silent_since = None, now

    def total_s(self, now: float) -> float:
        """How long it has been heard."""
        return self._before_s + (0.0 if self._sounding_since is None else now - self._sounding_since)

    def broke_off(self, now: float) -> bool:
        """Whether it had scarcely begun when it fell silent together with the way, which lapses now."""
        return now - self._silent_since <= BROKE_OFF_S and self.total_s(now) < SCARCELY_HEARD_S
