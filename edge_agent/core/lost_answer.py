"""An answer that was spoken into a dead path: nobody has heard it, so it is asked for again.

The server knows nothing of it: it has made the answer, and sent it. When the way is open again, what it tells
of that answer comes late, but comes. Only an answer whose beginning was lost is meant: one that breaks off in
the middle goes on when the way is open, as it does in a conversation.
"""

from __future__ import annotations

import enum
import math

from edge_agent.errors import IllegalTransition
from edge_agent.protocol import server_events as said

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
    Loss.NONE: {Loss.FEARED: "the way lapses while an answer is due"},
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
        self._has_begun = False
        self._mended_at = -math.inf
        self._items: tuple[str, ...] = ()
        self._ask_at = math.inf

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        return min(self._ask_at, self._mended_at + GIVE_UP_S) if self.loss is Loss.KNOWN else None

    def lapse(self, *, is_due: bool) -> None:
        """The way has lapsed; ``is_due``: somebody waits for an answer."""
        if (is_due or self.loss is Loss.KNOWN) and self.loss is not Loss.FEARED:
            self._set_loss(Loss.FEARED)
            self._has_begun = False

    def mend(self, now: float, *, was_lost: bool) -> bool:
        """The way is open again. Return whether what sounds is an answer whose beginning is missing."""
        if self.loss is not Loss.FEARED:
            return False
        if not was_lost:
            self.forget()
            return False
        self._set_loss(Loss.KNOWN)
        self._mended_at = now
        return self._has_begun

    def sound_started(self, now: float) -> bool:
        """The loudspeaker sounds. Return whether that is an answer whose beginning is missing."""
        if self.loss is Loss.FEARED:
            self._has_begun = True
        if self.loss is not Loss.KNOWN:
            return False
        if now - self._mended_at <= JUST_BEFORE_S:
            return True
        self.forget()
        return False

    def see(self, event: said.ServerEvent, now: float) -> None:
        """Follow one event of the server."""
        match event:
            case said.InputAudioBufferSpeechStarted():
                self.forget()
            case said.ResponseDone(response=response) if self.loss is not Loss.NONE:
                self._items = tuple(item.id for item in response.output if item.type == "message" and item.id)
                self._ask_at = now + UNTOLD_END_S if self._items else math.inf
            case said.OutputAudioBufferStopped() | said.OutputAudioBufferCleared() if self._items:
                self._ask_at = now + CALM_S

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

    def forget(self) -> None:
        """Nobody waits for it any more, or it is another's turn."""
        if self.loss is not Loss.NONE:
            self._set_loss(Loss.NONE)
        self._items, self._ask_at = (), math.inf

    def _set_loss(self, new: Loss) -> None:
        if new not in TRANSITIONS[self.loss]:
            raise IllegalTransition(f"loss: {self.loss.value} -> {new.value}")
        self.loss = new
