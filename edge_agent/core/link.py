"""When to open a session, and when to wait: the one owner of the connection's state.

It knows neither HTTP nor WebRTC. It numbers sessions (epochs), turns faults into waiting times and opens the
next session when the time has come. Beside the session that is open there may be its successor, which takes
over when the agent says so: :mod:`~edge_agent.core.successor`.
"""

from __future__ import annotations

import enum
import itertools
import math

from edge_agent.core.commands import CloseLink, Command, HandOver, OpenLink
from edge_agent.core.faults import Fault, Reaction
from edge_agent.core.policy import WAKE_SPACING_S, Trouble, rule_for
from edge_agent.core.renewal import Renewal
from edge_agent.core.status import LinkPhase
from edge_agent.core.successor import Heir, Successor
from edge_agent.core.ways import FIRST_WAY, Way, Ways
from edge_agent.errors import IllegalTransition

TRANSIENT_LIMIT = 3
TRANSIENT_WINDOW_S = 60.0
"""So many passing server errors in so short a time mean that this session is broken."""

UNANSWERED_LIMIT = 2
"""So many turns in a row without an answer mean the same, although nobody reports an error: once may be bad
luck, but a server whose sound has failed keeps a connection that looks healthy for ever."""


class LinkState(enum.Enum):
    """Where the connection stands."""

    NEW = "new"
    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"
    PARKED = "parked"
    ASLEEP = "asleep"
    STOPPED = "stopped"


class Unwanted(enum.Enum):
    """Why no session is wanted."""

    QUIET = "quiet"  # nobody has spoken for long
    NO_CONVERSATION = "no_conversation"  # button mode, and nobody has started one
    BUDGET = "budget"  # it may not cost more
    RUNAWAY = "runaway"  # the agent talks with itself


TRANSITIONS: dict[LinkState, dict[LinkState, str]] = {
    LinkState.NEW: {
        LinkState.CONNECTING: "start",
        LinkState.ASLEEP: "start, and no session is wanted",
        LinkState.STOPPED: "stop",
    },
    LinkState.CONNECTING: {
        LinkState.UP: "the server acknowledged the session",
        LinkState.WAITING: "the attempt failed",
        LinkState.PARKED: "only a person can help",
        LinkState.ASLEEP: "no session is wanted any more",
        LinkState.STOPPED: "stop",
    },
    LinkState.UP: {
        LinkState.CONNECTING: "the session ended while its successor was being opened",
        LinkState.WAITING: "the session ended, or is broken",
        LinkState.PARKED: "only a person can help",
        LinkState.ASLEEP: "no session is wanted any more",
        LinkState.STOPPED: "stop",
    },
    LinkState.WAITING: {
        LinkState.CONNECTING: "the wait is over, or a button",
        LinkState.PARKED: "what is tried next needs a person",
        LinkState.ASLEEP: "no session is wanted any more",
        LinkState.STOPPED: "stop",
    },
    LinkState.PARKED: {
        LinkState.CONNECTING: "minutes later, or a button",
        LinkState.WAITING: "what is tried next needs no person",
        LinkState.ASLEEP: "no session is wanted any more",
        LinkState.STOPPED: "stop",
    },
    LinkState.ASLEEP: {
        LinkState.CONNECTING: "a session is wanted",
        LinkState.WAITING: "a session is wanted, and the wait is not over",
        LinkState.PARKED: "a session is wanted, and only a person can help",
        LinkState.STOPPED: "stop",
    },
    LinkState.STOPPED: {},
}
"""The legal moves and what makes them; any other is a bug."""

_WAITS = (LinkState.WAITING, LinkState.PARKED)
_HAS_SESSION = (LinkState.CONNECTING, LinkState.UP)


class Link:
    """Decides when a session is opened and what an ended one means.

    At most two sessions are open: the current one, ``epoch``, and while that is up its successor.
    """

    def __init__(self, ways: Ways, renewal: Renewal) -> None:
        self.state = LinkState.NEW
        self.epoch = 0
        self.way = FIRST_WAY
        """By which way the session came, or is being opened."""
        self.session_id = ""
        self.fault: Fault | None = None
        """Why there is no session now, or None."""
        self.failed_alike = False
        """Whether the last attempt failed of the same fault as the one before it."""
        self.attempts = 0
        """Attempts since the last session, or since the start."""
        self.is_held_back = False
        """Whether the next attempt could come sooner, had there not been so many sessions."""
        self.unwanted: Unwanted | None = None
        """Why no session is wanted, or None."""
        self._ways = ways
        self._epochs = itertools.count(1)
        self.successor = Successor(ways, renewal, self._epochs)
        """What follows the session that is open."""
        self._was_up = False
        self._retry_at = 0.0
        self._last_attempt_at = -math.inf
        self._transients: list[float] = []

    @property
    def phase(self) -> LinkPhase:
        """How far the connection is, for the status table."""
        match self.state:
            case LinkState.NEW | LinkState.STOPPED:
                return LinkPhase.NOT_STARTED
            case LinkState.UP:
                return LinkPhase.UP
            case LinkState.PARKED:
                return LinkPhase.PARKED
            case LinkState.ASLEEP:
                return LinkPhase.ASLEEP
            case _:
                return LinkPhase.RECONNECT if self._was_up else LinkPhase.FIRST_CONNECT

    @property
    def is_up(self) -> bool:
        """Whether there is a session to talk on."""
        return self.state is LinkState.UP

    @property
    def open_epoch(self) -> int | None:
        """The session that is open or being opened, or None."""
        return self.epoch if self.state in _HAS_SESSION else None

    @property
    def is_coming(self) -> bool:
        """Whether there is no session to talk on, but may be one soon."""
        return self.state in (LinkState.CONNECTING, LinkState.WAITING)

    def is_current(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is open or being opened."""
        return epoch == self.epoch and self.state in _HAS_SESSION

    def is_opening(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is being opened."""
        return epoch == self.epoch and self.state is LinkState.CONNECTING

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        if self.state in _WAITS:
            return self._retry_at
        return self.successor.next_deadline() if self.is_up else None

    def start(self, now: float) -> list[Command]:
        """Open the first session, if one is wanted."""
        if self.unwanted is None:
            return self._try(now)
        self._set_state(LinkState.ASLEEP)
        return []

    def stop(self, now: float) -> list[Command]:
        """Give up the link for good; a second call does nothing."""
        close = self._close_all(now)
        if self.state is not LinkState.STOPPED:
            self._set_state(LinkState.STOPPED)
        return close

    def want(self, reason_against: Unwanted | None, now: float) -> list[Command]:
        """Say whether a session is wanted, or why not. One that is open is closed at once if it is not.

        Waiting times outlast sleep: who wakes up does not get round them.
        """
        self.unwanted = reason_against
        if self.state in (LinkState.NEW, LinkState.STOPPED):
            return []
        is_asleep = self.state is LinkState.ASLEEP
        if is_asleep == (reason_against is not None):
            return []
        return self._try(now, planned=self.fault is None) if is_asleep else self._fall_asleep(now)

    def tick(self, now: float) -> list[Command]:
        """Open the next session if its time has come; give up a successor that has waited too long."""
        if self.is_up:
            return self.successor.tick(now)
        return self._try(now) if self.state in _WAITS and now >= self._retry_at else []

    def wake(self, now: float) -> list[Command]:
        """Try at once, because a person asked for it, unless that was just done, or is too often."""
        if now - self._last_attempt_at < WAKE_SPACING_S:
            return []
        return self.hurry(frozenset(Trouble), now)

    def hurry(self, troubles: frozenset[Trouble], now: float) -> list[Command]:
        """Try at once if one of these troubles is waited for: something may have mended it.

        Not more often than every WAKE_SPACING_S: what happens sooner counts later.
        """
        self._ways.hurry(now, troubles)
        if self.state not in _WAITS:
            return []
        if now - self._last_attempt_at >= WAKE_SPACING_S:
            return self._try(now)
        way, at = self._ways.next(now)
        self._wait_for(way, max(at, self._last_attempt_at + WAKE_SPACING_S))
        return []

    def go_over(self, now: float) -> list[Command]:
        """Leave the session, or the attempt, for the best way that there is now: nothing has failed."""
        close = self._close_all(now)
        if self.state is LinkState.CONNECTING:
            self._set_state(LinkState.WAITING)
        return [*close, *self._try(now, planned=True)]

    # -- the current session -----------------------------------------------------------------------

    def up(self, session_id: str, lifetime_s: float | None, now: float) -> None:
        """The current attempt has become a session, which ends after ``lifetime_s`` (None: not known)."""
        self._set_state(LinkState.UP)
        self._ways.opened(self.way, now)
        self._begin(session_id, lifetime_s, now)

    def down(self, fault: Fault, now: float) -> list[Command]:
        """The current attempt failed or the current session ended; the other side is gone already.

        Its successor is the current session from now on, if there is one that the fault does not concern as
        well: then the link is up still if the successor is (the agent hands over), or else connecting.
        """
        before = self._ways.fault_of(self.way.endpoint)
        self.failed_alike = before is not None and before.is_same_as(fault)
        self._ways.failed(self.way, fault, now)
        self.fault = fault
        self.session_id = ""
        close = self.successor.close(now) if self.successor.is_concerned_by(fault) else []
        if (heir := self.successor.take()) is not None:
            self._promote(heir, now)
            return []
        self.successor.forget()
        self._wait_for(*self._ways.next(now))
        return close

    def trouble(self, fault: Fault, now: float) -> list[Command]:
        """A fault inside a living session: keep it, or close it and act as :meth:`down` does."""
        reaction = rule_for(fault).reaction
        if reaction is Reaction.KEEP:
            return []
        if reaction is Reaction.BACK_OFF and not self._is_too_often(now):
            return []
        close: list[Command] = [CloseLink(self.epoch)]
        return [*close, *self.down(fault, now)]

    def retry_in_s(self, now: float) -> float:
        """Seconds until the next attempt (0 when none is planned)."""
        return max(0.0, self._retry_at - now) if self.state in _WAITS else 0.0

    # -- its successor -----------------------------------------------------------------------------

    def renew(self, now: float, *, is_idle: bool) -> list[Command]:
        """Open a successor if one is wanted at this moment, idle or not."""
        return self.successor.open(now, is_idle=is_idle) if self.is_up else []

    def hand_over(self, now: float) -> list[Command]:
        """Let the successor take over, and hang up the session that it follows."""
        former, former_way, heir = self.epoch, self.way, self.successor.take()
        assert heir is not None
        self._promote(heir, now)
        if former_way.endpoint != self.way.endpoint:
            self._ways.closed(former_way, now)
        return [HandOver(heir.epoch), CloseLink(former)]

    def _promote(self, heir: Heir, now: float) -> None:
        """Make the heir the current session, or attempt."""
        self.epoch, self.way = heir.epoch, heir.way
        if heir.up_at is None:
            self.successor.forget()
            self._set_state(LinkState.CONNECTING)
            self.attempts = 1
            self._last_attempt_at = now
        else:
            self._begin(heir.session_id, heir.left_s(now), now)

    # -- sleep and waiting -------------------------------------------------------------------------

    def _fall_asleep(self, now: float) -> list[Command]:
        close = self._close_all(now)
        self._was_up = False
        self._set_state(LinkState.ASLEEP)
        return close

    def _close_all(self, now: float) -> list[Command]:
        current: list[Command] = []
        if self.state in _HAS_SESSION:
            current.append(CloseLink(self.epoch))
            self._ways.closed(self.way, now)
        successor = self.successor.close(now)
        self.successor.forget()
        self.session_id = ""
        return [*current, *successor]

    def _is_too_often(self, now: float) -> bool:
        self._transients = [at for at in self._transients if now - at < TRANSIENT_WINDOW_S]
        self._transients.append(now)
        return len(self._transients) >= TRANSIENT_LIMIT

    def _begin(self, session_id: str, lifetime_s: float | None, now: float) -> None:
        self.session_id = session_id
        self.fault = None
        self.attempts = 0
        self._was_up = True
        self._transients.clear()
        self.successor.follow(self.way, lifetime_s, now)

    def _try(self, now: float, *, planned: bool = False) -> list[Command]:
        """Open a session by the best way, or wait until one may be opened."""
        way, at = self._ways.next(now, planned=planned)
        if at > now:
            self._wait_for(way, at)
            return []
        self._set_state(LinkState.CONNECTING)
        self._ways.opening(way, now, planned=planned)
        self.way = way
        self.epoch = next(self._epochs)
        self.attempts += 1
        self._last_attempt_at = now
        return [OpenLink(self.epoch, way)]

    def _wait_for(self, way: Way, at: float) -> None:
        """Try ``way`` next. If that needs a person first, this is no mere wait."""
        fault = self._ways.fault_of(way.endpoint)
        is_beyond_us = fault is not None and rule_for(fault).reaction is Reaction.STOP_AND_TELL
        state = LinkState.PARKED if is_beyond_us else LinkState.WAITING
        if state is not self.state:
            self._set_state(state)
        self._retry_at = at
        self.is_held_back = self._ways.is_held_back(way)

    def _set_state(self, new: LinkState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"link: {self.state.value} -> {new.value}")
        self.state = new
