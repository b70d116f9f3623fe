"""When to open a session, and when to wait: the one owner of the connection's state.

It knows neither HTTP nor WebRTC. It numbers sessions (epochs), turns faults into waiting times and opens the
next session when the time has come.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator

from edge_agent.core.commands import CloseLink, Command, OpenLink
from edge_agent.core.faults import Fault, Reaction, react
from edge_agent.core.status import LinkPhase
from edge_agent.core.ways import FIRST_WAY
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
    STOPPED = "stopped"


TRANSITIONS: dict[LinkState, dict[LinkState, str]] = {
    LinkState.NEW: {LinkState.CONNECTING: "start", LinkState.STOPPED: "stop"},
    LinkState.CONNECTING: {
        LinkState.UP: "the server acknowledged the session",
        LinkState.WAITING: "the attempt failed",
        LinkState.PARKED: "only a person can help",
        LinkState.STOPPED: "stop",
    },
    LinkState.UP: {
        LinkState.WAITING: "the session ended, or is broken",
        LinkState.PARKED: "only a person can help",
        LinkState.STOPPED: "stop",
    },
    LinkState.WAITING: {LinkState.CONNECTING: "the wait is over, or a button", LinkState.STOPPED: "stop"},
    LinkState.PARKED: {LinkState.CONNECTING: "minutes later, or a button", LinkState.STOPPED: "stop"},
    LinkState.STOPPED: {},
}
"""The legal moves and what makes them; any other is a bug."""


def full_jitter_delays(uniform: Callable[[], float]) -> Iterator[float]:
    """Yield waiting times in seconds for ever; ``uniform`` returns numbers in 0..1."""
    ceiling_s = BACKOFF_BASE_S
    while True:
        yield max(BACKOFF_FLOOR_S, uniform() * ceiling_s)
        ceiling_s = min(BACKOFF_CAP_S, ceiling_s * 2)


class Link:
    """Decides when a session is opened and what an ended one means."""

    def __init__(self, new_delays: Callable[[], Iterator[float]]) -> None:
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
        self._new_delays = new_delays
        self._delays = new_delays()
        self._up_since = 0.0
        self._was_up = False
        self._retry_at = 0.0
        self._last_attempt_at = 0.0
        self._times_parked = 0
        self._transients: list[float] = []

    @property
    def phase(self) -> LinkPhase:
        """How far the connection is, for the status table."""
        if self.state in (LinkState.NEW, LinkState.STOPPED):
            return LinkPhase.NOT_STARTED
        if self.state is LinkState.UP:
            return LinkPhase.UP
        if self.state is LinkState.PARKED:
            return LinkPhase.PARKED
        return LinkPhase.RECONNECT if self._was_up else LinkPhase.FIRST_CONNECT

    @property
    def is_up(self) -> bool:
        """Whether there is a session to talk on."""
        return self.state is LinkState.UP

    def is_current(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is open or being opened."""
        return epoch == self.epoch and self.state in (LinkState.CONNECTING, LinkState.UP)

    def is_opening(self, epoch: int) -> bool:
        """Whether ``epoch`` is the session that is being opened."""
        return epoch == self.epoch and self.state is LinkState.CONNECTING

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        waiting = self.state in (LinkState.WAITING, LinkState.PARKED)
        return self._retry_at if waiting else None

    def start(self, now: float) -> list[Command]:
        """Open the first session."""
        return self._open(now)

    def stop(self) -> list[Command]:
        """Give up the link for good; a second call does nothing."""
        close: list[Command] = [CloseLink(self.epoch)] if self.is_current(self.epoch) else []
        if self.state is not LinkState.STOPPED:
            self._set_state(LinkState.STOPPED)
        self.session_id = ""
        return close

    def tick(self, now: float) -> list[Command]:
        """Open the next session if its time has come."""
        deadline = self.next_deadline()
        return self._open(now) if deadline is not None and now >= deadline else []

    def wake(self, now: float) -> list[Command]:
        """Try at once, because a person asked for it."""
        waiting = self.state in (LinkState.WAITING, LinkState.PARKED)
        if waiting and now - self._last_attempt_at >= WAKE_SPACING_S:
            return self._open(now)
        return []

    def up(self, session_id: str, now: float) -> None:
        """The current attempt has become a session."""
        self._set_state(LinkState.UP)
        self.session_id = session_id
        self.fault = None
        self.attempts = 0
        self._up_since = now
        self._was_up = True
        self._transients.clear()

    def down(self, fault: Fault, now: float) -> None:
        """The current attempt failed or the current session ended; the other side is gone already."""
        healthy = self.state is LinkState.UP and now - self._up_since >= HEALTHY_AFTER_S
        if healthy:
            self._delays = self._new_delays()
            self._times_parked = 0
        self.failed_alike = self.fault is not None and self.fault.is_same_as(fault)
        self.fault = fault
        self.session_id = ""
        reaction = react(fault)
        if reaction is Reaction.STOP_AND_TELL:
            self._park(fault, now)
            return
        self._set_state(LinkState.WAITING)
        due_s = 0.0 if reaction is Reaction.RENEW and healthy else self._delay_s(fault)
        self._retry_at = now + due_s

    def trouble(self, fault: Fault, now: float) -> list[Command]:
        """A fault inside a living session: keep it, or close it and act as :meth:`down` does."""
        reaction = react(fault)
        if reaction is Reaction.KEEP:
            return []
        if reaction is Reaction.BACK_OFF and not self._is_too_often(now):
            return []
        close: list[Command] = [CloseLink(self.epoch)]
        self.down(fault, now)
        return close

    def retry_in_s(self, now: float) -> float:
        """Seconds until the next attempt (0 when none is planned)."""
        deadline = self.next_deadline()
        return 0.0 if deadline is None else max(0.0, deadline - now)

    def _is_too_often(self, now: float) -> bool:
        self._transients = [at for at in self._transients if now - at < TRANSIENT_WINDOW_S]
        self._transients.append(now)
        return len(self._transients) >= TRANSIENT_LIMIT

    def _open(self, now: float) -> list[Command]:
        self._set_state(LinkState.CONNECTING)
        self.epoch += 1
        self.attempts += 1
        self._last_attempt_at = now
        return [OpenLink(self.epoch, self.way)]

    def _park(self, fault: Fault, now: float) -> None:
        self._set_state(LinkState.PARKED)
        wait_s = PARKED_FOR_S[min(self._times_parked, len(PARKED_FOR_S) - 1)]
        self._times_parked += 1
        self._retry_at = now + wait_s

    def _delay_s(self, fault: Fault) -> float:
        least_s = fault.retry_after_s
        if least_s is None:
            least_s = RATE_LIMITED_FOR_S if fault.http_status == 429 else 0.0
        return max(next(self._delays), min(least_s, RETRY_AFTER_CAP_S))

    def _set_state(self, new: LinkState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"link: {self.state.value} -> {new.value}")
        self.state = new
