"""Whether what is said gets to the server: since when it may be lost, and from where it is to be said again.

A connection without retransmission loses what is said while its path is dead, and nobody says so. When
nothing comes for a while, what goes may not arrive either; when something comes again, the other side's
reception report tells whether it has missed anything, or was only late.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edge_agent.errors import IllegalTransition

LAPSE_AFTER_S = 2.5
"""Silence in which what is said may be lost: the first check was sent a second ago, the next half a second
ago, and neither is answered. Shorter gaps are a matter for whoever receives. A path that is slower than that
costs a moment where the server reports (see REPORT_LIMIT_S), and says things twice where it does not."""

FRESH_S = 1.2
"""So long ago something came if the way is open: a server with nothing to say still sends its reports."""

REPORT_LIMIT_S = 1.7
"""So long a report is waited for once something comes again: aiortc and Pion send one a second, and at most
half as much later by chance (RFC 3550 section 6.2 allows 5 s)."""

LEAST_LOST_SHARE = 0.5
"""Of what was sent into the silence; less than that is an ordinary loss, and was there before."""


@dataclass(frozen=True, slots=True)
class Reception:
    """What the other side has said of our sound: RFC 3550 section 6.4.1.

    ``newest``: how many packets had been sent when the newest that it has seen was. ``missed``: how many it
    has not got since the first that it got (appendix A.3): of a way that dies before it says nothing.
    """

    newest: int
    missed: int


@dataclass(frozen=True, slots=True)
class Missed:
    """What was said from ``since`` on has not reached the other side: it was lost, or as much as was held."""

    since: float
    was_sent: bool = True


class Passage(enum.Enum):
    """Whether what is sent gets there."""

    OPEN = "open"
    LAPSED = "lapsed"
    ASKED = "asked"


TRANSITIONS: dict[Passage, dict[Passage, str]] = {
    Passage.OPEN: {Passage.LAPSED: "nothing comes, and a check is not answered"},
    Passage.LAPSED: {Passage.ASKED: "something comes, and a report may follow"},
    Passage.ASKED: {
        Passage.OPEN: "it is known what was missed, or nobody says",
        Passage.LAPSED: "nothing comes again",
    },
}
"""The legal moves and what makes them; any other is a bug."""


class Lapse:
    """Judges one connection. ``loses``: whether it may lose what was sent; a stream of TCP does not."""

    def __init__(self, *, loses: bool = True) -> None:
        self.passage = Passage.OPEN
        self._loses = loses
        self._sent_before = 0
        self._missed_before = 0
        self._heard_before = 0.0
        self._lapsed_at = 0.0
        self._back_at = 0.0
        self._sent_when_back = 0

    def look(self, heard_at: float, sent: int, reception: Reception | None, now: float) -> Missed | None:
        """Take what is known; return what the other side has missed, when that is known.

        ``heard_at``: when something came last. ``sent``: how many packets of ours were sent, or tried.
        """
        is_silent = now - heard_at >= LAPSE_AFTER_S
        match self.passage:
            case Passage.OPEN if is_silent:
                self._lapsed_at, self._heard_before = now, heard_at
                self._set_passage(Passage.LAPSED)
            case Passage.OPEN if now - heard_at < FRESH_S:
                self._sent_before = sent
                if reception is not None:
                    self._missed_before = reception.missed
            case Passage.LAPSED if not is_silent:
                self._back_at, self._sent_when_back = now, sent
                self._set_passage(Passage.ASKED)
                return self._verdict(sent, reception, now)
            case Passage.ASKED if is_silent:
                self._set_passage(Passage.LAPSED)
            case Passage.ASKED if now - heard_at < FRESH_S:
                return self._verdict(sent, reception, now)
        return None

    def _verdict(self, sent: int, reception: Reception | None, now: float) -> Missed | None:
        is_lost = self._is_lost(sent, reception, now)
        if is_lost is None:
            return None
        self._set_passage(Passage.OPEN)
        return Missed(self._heard_before) if is_lost else Missed(self._lapsed_at, was_sent=False)

    def _is_lost(self, sent: int, reception: Reception | None, now: float) -> bool | None:
        """Whether what was sent before the lapse was noticed has been lost; None: not known yet."""
        if not self._loses:
            return False
        is_late = now - self._back_at >= REPORT_LIMIT_S
        if reception is None or reception.newest <= self._sent_before:
            return True if is_late else None  # it has seen nothing of what was sent into the silence
        if reception.missed - self._missed_before >= LEAST_LOST_SHARE * max(1, sent - self._sent_before):
            return True
        # A report that was made before anything of ours came again knows nothing of what is missing.
        return False if is_late or reception.newest > self._sent_when_back else None

    def _set_passage(self, new: Passage) -> None:
        if new not in TRANSITIONS[self.passage]:
            raise IllegalTransition(f"passage: {self.passage.value} -> {new.value}")
        self.passage = new
