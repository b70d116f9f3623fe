"""When to open a session, and when to wait: the one owner of the connection's state.

It knows neither HTTP nor WebRTC. It numbers sessions (epochs), turns faults into waiting times and opens the
next session when the time has come. Beside the session that is open there may be its successor, which takes
over when the agent says so; :mod:`~edge_agent.core.renewal` knows when one is wanted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.core.commands import CloseLink, Command, HandOver, OpenLink
from edge_agent.core.faults import Fault, Reaction, react
from edge_agent.core.renewal import Renewal, RenewalSettings
from edge_agent.core.status import LinkPhase
from edge_agent.core.ways import FIRST_WAY, Way
from edge_agent.errors import IllegalTransition

HEALTHY_AFTER_S = 60.0
"""A session this old forgives all earlier failures.

Forgiving at "connected" instead turns a server that accepts and hangs up into a storm of reconnects (1,117 in
one second were measured with a well-known client that does so).
"""

BACKOFF_FLOOR_S = 0.5
BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 60.0
"""Full-jitter backoff, U(0, min(cap, base * 2**n)) with a floor: a fleet must not come back in step.
See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/."""

PARKED_FOR_S = (15 * 60.0, 60 * 60.0, 6 * 60 * 60.0)
"""Waits while only a person can help (key, quota, configuration); the last one repeats."""

RATE_LIMITED_FOR_S = 10.0
"""Least wait after a 429 that carries no Retry-After."""

RETRY_AFTER_CAP_S = 10 * 60.0
"""Longest Retry-After (RFC 9110 section 10.2.3) that is honoured: a server's slip must not silence a device
for days."""

TRANSIENT_LIMIT = 3
TRANSIENT_WINDOW_S = 60.0
"""So many passing server errors in so short a time mean that this session is broken."""

UNANSWERED_LIMIT = 2
"""So many turns in a row without an answer mean the same, although nobody reports an error: once may be bad
luck, but a server whose sound has failed keeps a connection that looks healthy for ever."""

WAKE_SPACING_S = 2.0
"""A person may cut a wait short, but not more often than this."""


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
        LinkState.ASLEEP: "no session is wanted any more",
        LinkState.STOPPED: "stop",
    },
    LinkState.PARKED: {
        LinkState.CONNECTING: "minutes later, or a button",
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


def full_jitter_delays(uniform: Callable[[], float]) -> Iterator[float]:
    """Yield waiting times in seconds for ever; ``uniform`` returns numbers in 0..1."""
    ceiling_s = BACKOFF_BASE_S
    while True:
        yield max(BACKOFF_FLOOR_S, uniform() * ceiling_s)
        ceiling_s = min(BACKOFF_CAP_S, ceiling_s * 2)


@dataclass(slots=True)
class _Successor:
    """The session that is to follow; ``session_id`` and what is below are known once it is up."""

    epoch: int
    way: Way
    session_id: str = ""
    lifetime_s: float | None = None
    up_at: float | None = None


class Link:
    """Decides when a session is opened and what an ended one means.

    At most two sessions are open: the current one, ``epoch``, and while that is up its successor.
    """

    def __init__(
        self, new_delays: Callable[[], Iterator[float]], renewal: RenewalSettings | None = None
    ) -> None:
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
        self.unwanted: Unwanted | None = None
        """Why no session is wanted, or None."""
        self._new_delays = new_delays
        self._delays = new_delays()
        self._renewal = Renewal(renewal or RenewalSettings(), new_delays)
        self._successor: _Successor | None = None
        self._newest_epoch = 0
        self._up_since = 0.0
        self._was_up = False
        self._retry_at = 0.0
        self._retry_state = LinkState.WAITING
        self._last_attempt_at = 0.0
        self._times_parked = 0
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
    def is_coming(self) -> bool:
        """Whether there is no session to talk on, but may be one soon."""
        return self.state in (LinkState.CONNECTING, LinkState.WAITING)

    def is_current(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is open or being opened."""
        return epoch == self.epoch and self.state in _HAS_SESSION

    def is_opening(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is being opened."""
        return epoch == self.epoch and self.state is LinkState.CONNECTING

    def is_successor(self, epoch: int) -> bool:
        """Whether ``epoch`` is to follow the current session."""
        return self._successor is not None and self._successor.epoch == epoch

    @property
    def has_ready_successor(self) -> bool:
        """Whether :meth:`hand_over` has somebody to hand over to."""
        return self._successor is not None and self._successor.up_at is not None

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        if self.state in _WAITS:
            return self._retry_at
        return self._renewal.next_deadline() if self.is_up else None

    def start(self, now: float) -> list[Command]:
        """Open the first session, if one is wanted."""
        if self.unwanted is None:
            return self._open(now)
        self._set_state(LinkState.ASLEEP)
        return []

    def stop(self) -> list[Command]:
        """Give up the link for good; a second call does nothing."""
        close = self._close_all()
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
        return self._wake_up(now) if is_asleep else self._fall_asleep()

    def tick(self, now: float) -> list[Command]:
        """Open the next session if its time has come; give up a successor that has waited too long."""
        if self.is_up:
            return self._give_up_successor(now) if self._renewal.tick(now) else []
        deadline = self.next_deadline()
        return self._open(now) if deadline is not None and now >= deadline else []

    def wake(self, now: float) -> list[Command]:
        """Try at once, because a person asked for it."""
        if self.state in _WAITS and now - self._last_attempt_at >= WAKE_SPACING_S:
            return self._open(now)
        return []

    # -- the current session -----------------------------------------------------------------------

    def up(self, session_id: str, lifetime_s: float | None, now: float) -> None:
        """The current attempt has become a session, which ends after ``lifetime_s`` (None: not known)."""
        self._set_state(LinkState.UP)
        self._up_since = now
        self._begin(session_id, lifetime_s, now)

    def down(self, fault: Fault, now: float) -> list[Command]:
        """The current attempt failed or the current session ended; the other side is gone already.

        Its successor is the current session from now on, if there is one and the fault is not of the account:
        then the link is up still if the successor is (the agent hands over), or else connecting.
        """
        healthy = self.state is LinkState.UP and now - self._up_since >= HEALTHY_AFTER_S
        if healthy:
            self._delays = self._new_delays()
            self._times_parked = 0
        self.failed_alike = self.fault is not None and self.fault.is_same_as(fault)
        self.fault = fault
        self.session_id = ""
        reaction = react(fault)
        if reaction is Reaction.STOP_AND_TELL:
            close = self._close_successor()
            self._park(now)
            return close
        if self._successor is not None:
            self._promote(self._successor, now)
            return []
        self._renewal.forget()
        due_s = 0.0 if reaction is Reaction.RENEW and healthy else self._delay_s(fault)
        self._wait(now + due_s)
        return []

    def trouble(self, fault: Fault, now: float) -> list[Command]:
        """A fault inside a living session: keep it, or close it and act as :meth:`down` does."""
        reaction = react(fault)
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

    def saw_context(self, input_tokens: int, now: float) -> None:
        """A response of the current session was billed for so many tokens of input."""
        self._renewal.saw_context(input_tokens, now)

    def renew(self, now: float, *, is_idle: bool) -> list[Command]:
        """Open a successor if one is wanted at this moment, idle or not."""
        if not self.is_up or not self._renewal.is_wanted(is_idle=is_idle):
            return []
        self._renewal.opening()
        self._newest_epoch += 1
        self._successor = _Successor(self._newest_epoch, self.way)
        return [OpenLink(self._newest_epoch, self.way)]

    def successor_up(self, session_id: str, lifetime_s: float | None, now: float) -> None:
        """The successor can take over."""
        assert self._successor is not None
        self._renewal.ready(now)
        self._successor.session_id, self._successor.lifetime_s = session_id, lifetime_s
        self._successor.up_at = now

    def successor_down(self, fault: Fault, now: float) -> float:
        """The successor failed or ended; return in how many seconds another one is tried at the earliest.

        The current session goes on. What only a person can mend it will meet itself.
        """
        self._successor = None
        parked_s = PARKED_FOR_S[0] if react(fault) is Reaction.STOP_AND_TELL else 0.0
        return self._renewal.failed(max(parked_s, _least_wait_s(fault)), now)

    def hand_over(self, now: float) -> list[Command]:
        """Let the successor take over, and hang up the session that it follows."""
        assert self._successor is not None
        former, successor = self.epoch, self._successor
        self._promote(successor, now)
        return [HandOver(successor.epoch), CloseLink(former)]

    def _promote(self, successor: _Successor, now: float) -> None:
        """Make the successor the current session, or attempt."""
        self._successor = None
        self.epoch, self.way = successor.epoch, successor.way
        if successor.up_at is None:
            self._renewal.forget()
            self._set_state(LinkState.CONNECTING)
            self.attempts = 1
            self._last_attempt_at = now
        else:
            left_s = successor.lifetime_s
            self._begin(
                successor.session_id, None if left_s is None else left_s - (now - successor.up_at), now
            )

    def _give_up_successor(self, now: float) -> list[Command]:
        close = self._close_successor()
        self._renewal.given_up(now)
        return close

    def _close_successor(self) -> list[Command]:
        successor, self._successor = self._successor, None
        return [] if successor is None else [CloseLink(successor.epoch)]

    # -- sleep and waiting -------------------------------------------------------------------------

    def _fall_asleep(self) -> list[Command]:
        close = self._close_all()
        if self.state in _WAITS:
            self._retry_state = self.state
        self._was_up = False
        self._set_state(LinkState.ASLEEP)
        return close

    def _wake_up(self, now: float) -> list[Command]:
        if now >= self._retry_at:
            return self._open(now)
        self._set_state(self._retry_state)
        return []

    def _close_all(self) -> list[Command]:
        current: list[Command] = [CloseLink(self.epoch)] if self.state in _HAS_SESSION else []
        successor = self._close_successor()
        self._renewal.forget()
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
        self._renewal.begin(lifetime_s, now)

    def _open(self, now: float) -> list[Command]:
        self._set_state(LinkState.CONNECTING)
        self._newest_epoch += 1
        self.epoch = self._newest_epoch
        self.attempts += 1
        self._last_attempt_at = now
        return [OpenLink(self.epoch, self.way)]

    def _park(self, now: float) -> None:
        self._renewal.forget()
        self._set_state(LinkState.PARKED)
        wait_s = PARKED_FOR_S[min(self._times_parked, len(PARKED_FOR_S) - 1)]
        self._times_parked += 1
        self._retry_at = now + wait_s

    def _wait(self, until: float) -> None:
        self._set_state(LinkState.WAITING)
        self._retry_at = until

    def _delay_s(self, fault: Fault) -> float:
        return max(next(self._delays), _least_wait_s(fault))

    def _set_state(self, new: LinkState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"link: {self.state.value} -> {new.value}")
        self.state = new


def _least_wait_s(fault: Fault) -> float:
    """Return how long the server wants to be left alone."""
    least_s = fault.retry_after_s
    if least_s is None:
        least_s = RATE_LIMITED_FOR_S if fault.http_status == 429 else 0.0
    return min(least_s, RETRY_AFTER_CAP_S)
