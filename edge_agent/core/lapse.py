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

COUNTED_AFTER_S = 0.3
"""What comes so long after the first packet was sent, a round trip, comes from a server that has got it. It
counts what it misses from the first that it gets, so of a way that dies before, its report says nothing."""

LEAST_LOST_SHARE = 0.5
"""Of what was sent into the silence; less than that is an ordinary loss, and was there before."""


@dataclass(frozen=True, slots=True)
class Reception:
    """What the other side has said of our sound: RFC 3550 section 6.4.1.

    ``newest``: how many packets had been sent when the newest that it has seen was. ``missed``: how many it
    has not got since the first that it got (appendix A.3).
    """

    newest: int
    missed: int


@dataclass(frozen=True, slots=True)
class Sending:
    """What is known of our sound on its way.

    ``packets``: how many were sent, or tried. ``since``: when the first was, None: not known, or none was.
    ``reception``: what the other side has said of them, if it has. ``answered_checks``: when those checks
    were sent whose answers have come since the last look.
    """

    packets: int = 0
    since: float | None = None
    reception: Reception | None = None
    answered_checks: tuple[float, ...] = ()


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
        self._before: Reception | None = None
        self._is_counted = True
        """Whether the other side has got a packet before the lapse, from which on it counts."""
        self._is_slow = False
        """Whether something that was sent into the silence is known to have arrived."""
        self._heard_before = 0.0
        self._lapsed_at = 0.0
        self._back_at = 0.0
        self._sent_when_back = 0

    def look(self, heard_at: float, sending: Sending, now: float) -> Missed | None:
        """Take what is known; return what the other side has missed, when that is known.

        ``heard_at``: when something came last.
        """
        is_silent = now - heard_at >= LAPSE_AFTER_S
        self._is_slow |= any(self._heard_before < at <= self._lapsed_at for at in sending.answered_checks)
        match self.passage:
            case Passage.OPEN if is_silent:
                self._begin(heard_at, sending.since, now)
            case Passage.OPEN if now - heard_at < FRESH_S:
                self._sent_before = sending.packets
                self._before = sending.reception or self._before
            case Passage.LAPSED if not is_silent:
                self._back_at, self._sent_when_back = now, sending.packets
                self._set_passage(Passage.ASKED)
                return self._verdict(sending, now)
            case Passage.ASKED if is_silent:
                self._set_passage(Passage.LAPSED)
            case Passage.ASKED if now - heard_at < FRESH_S:
                return self._verdict(sending, now)
        return None

    def _begin(self, heard_at: float, sending_since: float | None, now: float) -> None:
        self._lapsed_at, self._heard_before = now, heard_at
        is_early = sending_since is not None and heard_at < sending_since + COUNTED_AFTER_S
        self._is_counted = self._before is not None or not is_early
        self._is_slow = False
        self._set_passage(Passage.LAPSED)

    def _verdict(self, sending: Sending, now: float) -> Missed | None:
        is_lost = self._is_lost(sending.packets, sending.reception, now)
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
        missed = reception.missed - (0 if self._before is None else self._before.missed)
        if missed >= LEAST_LOST_SHARE * max(1, sent - self._sent_before):
            return True
        # A report that was made before anything of ours came again knows nothing of what is missing.
        if not is_late and reception.newest <= self._sent_when_back:
            return None
        return not (self._is_counted or self._is_slow)

    def _set_passage(self, new: Passage) -> None:
        if new not in TRANSITIONS[self.passage]:
            raise IllegalTransition(f"passage: {self.passage.value} -> {new.value}")
        self.passage = new
