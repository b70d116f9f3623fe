"""Which way to a server: the endpoints in order, their transports, and when each may be tried (again).

The first endpoint that works is used. One that fails as :mod:`~edge_agent.core.policy` says is left for the
next, and is tried again later: when there is no other, or beside the session that is open. Link carries that
out; nothing is opened here.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.policy import (
    HEALTHY_AFTER_S,
    RETURN_AFTER_S,
    TRANSPORT_AGAIN_AFTER_S,
    Caps,
    Delay,
    Leave,
    Rule,
    Trouble,
    rule_for,
)
from edge_agent.core.storm import StormBreaker


class TransportKind(enum.Enum):
    """What carries a session; the value is its name in configuration files."""

    WEBRTC = "webrtc"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a server: ``endpoint`` counts from 0, in the order of the configuration."""

    endpoint: int = 0
    transport: TransportKind = TransportKind.WEBRTC


FIRST_WAY = Way()
"""To the endpoint that is preferred."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one endpoint offers: ``transports`` in the order of preference; whether sessions cost money.

    ``announcement`` is said when the endpoint takes over because none before it works; None: nothing.
    """

    name: str = "server"
    transports: tuple[TransportKind, ...] = (TransportKind.WEBRTC,)
    is_paid: bool = True
    announcement: str | None = None


NO_SESSION_MADE = frozenset({FaultKind.NETWORK, FaultKind.TLS, FaultKind.HTTP_STATUS})
"""Faults of an attempt that can't have made a session at the server."""

NETWORK_TROUBLES = frozenset({Trouble.UNREACHABLE, Trouble.NO_PATH, Trouble.ENDED, Trouble.BLOCKED})
"""What another network may mend."""


@dataclass(slots=True)
class _Record:
    """What is known of one endpoint."""

    due_at: float = -math.inf
    """When it may be tried again."""
    is_out: bool = False
    """Whether it was left for another."""
    fault: Fault | None = None
    """What went wrong last, since it last had a session."""
    up_since: float | None = None
    in_row: int = 0
    """Failures since it was last healthy."""
    times_left: int = 0
    failures: Counter[Delay] = field(default_factory=Counter)
    avoided_until: dict[TransportKind, float] = field(default_factory=dict)
    times_avoided: Counter[TransportKind] = field(default_factory=Counter)

    def settle(self, now: float) -> bool:
        """Forgive everything if it has been healthy; return whether it was."""
        healthy = self.up_since is not None and now - self.up_since >= HEALTHY_AFTER_S
        if healthy:
            self.in_row = self.times_left = 0
            self.failures.clear()
        return healthy

    def avoided(self, now: float) -> set[TransportKind]:
        return {kind for kind, until in self.avoided_until.items() if now < until}

    def avoid(self, transport: TransportKind, now: float) -> None:
        step = min(self.times_avoided[transport], len(TRANSPORT_AGAIN_AFTER_S) - 1)
        self.avoided_until[transport] = now + TRANSPORT_AGAIN_AFTER_S[step]
        self.times_avoided[transport] += 1


class Ways:
    """The choice of a way. ``chance`` returns numbers from 0 to 1.

    ``affords`` tells whether there is enough for a session with an endpoint now. One that is too dear is left
    out; if all are, no session is wanted, and that is somebody else's business.
    """

    def __init__(
        self,
        offers: Sequence[Offer],
        chance: Callable[[], float],
        caps: Caps | None = None,
        affords: Callable[[int, float], bool] = lambda endpoint, now: True,
    ) -> None:
        self.offers = tuple(offers)
        self._chance = chance
        self._affords = affords
        self._records = tuple(_Record() for _ in offers)
        self._storm = StormBreaker(caps or Caps())
        self._opening_at = -math.inf

    # -- which way, and when -----------------------------------------------------------------------

    def next(self, now: float, *, planned: bool = False) -> tuple[Way, float]:
        """Return the way to try next, and when at the earliest.

        An endpoint that was not left comes before one that was, whatever its place; of those that were, the
        one that is due first. ``planned``: not because something failed.
        """
        times = [self._allowed_at(endpoint, planned=planned) for endpoint in range(len(self.offers))]
        every = range(len(self.offers))
        choice = [endpoint for endpoint in every if self._affords(endpoint, now)] or every
        for endpoint in choice:
            record = self._records[endpoint]
            if not record.is_out and times[endpoint] <= now:
                return self._way_to(endpoint, now), max(now, record.due_at)
        endpoint = min(choice, key=lambda each: max(self._records[each].due_at, times[each]))
        at = max(now, self._records[endpoint].due_at, times[endpoint])
        return self._way_to(endpoint, now), at

    def better_than(self, way: Way, now: float) -> Way | None:
        """Return a way that is preferred to ``way``, which is in use, and may be tried now; else None."""
        return next(
            (
                better
                for better, at in self._preferred_to(way, now)
                if at <= now and self._affords(better.endpoint, now)
            ),
            None,
        )

    def better_at(self, way: Way, now: float) -> float | None:
        """Return when there will be one (a time that has passed: there is one now), or None for never."""
        return min((at for _, at in self._preferred_to(way, now)), default=None)

    def allowed_at(self, way: Way, *, planned: bool) -> float:
        """Return when a session may be opened, however urgent it is; -inf for any time."""
        return self._allowed_at(way.endpoint, planned=planned)

    def affords(self, way: Way, now: float) -> bool:
        """Return whether there is enough to spend for a session by this way."""
        return self._affords(way.endpoint, now)

    def is_held_back(self, way: Way) -> bool:
        """Return whether a way could be tried sooner, had there not been so many sessions."""
        return self.allowed_at(way, planned=False) > self._records[way.endpoint].due_at

    def fault_of(self, endpoint: int) -> Fault | None:
        """Return what went wrong last at an endpoint since it last had a session, or None."""
        return self._records[endpoint].fault

    # -- what came of it ---------------------------------------------------------------------------

    def opening(self, way: Way, now: float, *, planned: bool = False) -> None:
        """A session is being opened. ``planned``: not because something failed."""
        self._opening_at = now
        self._storm.opening(now, planned=planned, paid=self.offers[way.endpoint].is_paid)

    def opened(self, way: Way, now: float) -> None:
        """The session that was being opened is open. It has still to prove itself."""
        record = self._records[way.endpoint]
        record.is_out = False
        record.fault = None
        record.due_at = now
        if record.up_since is None:
            record.up_since = now

    def closed(self, way: Way, now: float) -> None:
        """We have ended the last session of an endpoint: that is no failure."""
        record = self._records[way.endpoint]
        record.settle(now)
        record.up_since = None

    def failed(self, way: Way, fault: Fault, now: float, *, beside: Way | None = None) -> None:
        """An attempt failed, or a session ended. ``beside``: the way of a session that goes on meanwhile."""
        record, rule = self._records[way.endpoint], rule_for(fault)
        was_up = record.up_since is not None and beside is None
        if not was_up and fault.kind in NO_SESSION_MADE:
            self._storm.came_to_nothing(self._opening_at)
        if beside is not None and beside.endpoint == way.endpoint:
            if beside.transport is not way.transport:
                record.avoid(way.transport, now)
            return
        healthy = record.settle(now)
        record.up_since = None
        record.fault = fault
        record.in_row += 1
        if self._is_of_transport(way, rule):
            record.avoid(way.transport, now)
            if self._way_to(way.endpoint, now).transport not in record.avoided(now):
                record.due_at = now
                return
        self._set_back(record, rule, fault, now, healthy=healthy)

    def hurry(self, now: float, troubles: frozenset[Trouble]) -> None:
        """Something has happened that may have mended these troubles: what waits because of them is due."""
        for record in self._records:
            if record.fault is not None and rule_for(record.fault).trouble in troubles:
                record.due_at = min(record.due_at, now)
            if Trouble.NO_PATH in troubles:
                record.avoided_until.clear()
                record.times_avoided.clear()

    def put_off(self, way: Way, now: float) -> None:
        """A way that works found no moment to take over: it is tried again, but not at once."""
        self.closed(way, now)
        self._records[way.endpoint].due_at = now + RETURN_AFTER_S[0]

    # -- inside ------------------------------------------------------------------------------------

    def _set_back(self, record: _Record, rule: Rule, fault: Fault, now: float, *, healthy: bool) -> None:
        """Work out when an endpoint may be tried again, and whether it is left meanwhile."""
        record.failures[rule.delay] += 1
        wait_s = rule.delay.wait_s(record.failures[rule.delay], self._chance(), fault.retry_after_s)
        if rule.delay.forgiven and healthy:
            wait_s = 0.0
        is_second = rule.leave is Leave.SECOND_TIME and record.in_row >= 2
        record.is_out |= rule.leave in (Leave.AT_ONCE, Leave.TRANSPORT) or is_second
        if record.is_out and any(not other.is_out for other in self._records):
            step = min(record.times_left, len(RETURN_AFTER_S) - 1)
            wait_s = max(wait_s, RETURN_AFTER_S[step])
            record.times_left += 1
        record.due_at = now + wait_s

    def _is_of_transport(self, way: Way, rule: Rule) -> bool:
        """Whether only the transport has failed, and the endpoint has another."""
        transports = self.offers[way.endpoint].transports
        if len(transports) == 1:
            return False
        is_refused = rule.trouble is Trouble.REFUSED and way.transport is not transports[0]
        return rule.leave is Leave.TRANSPORT or is_refused

    def _way_to(self, endpoint: int, now: float) -> Way:
        """Return the endpoint's first transport that is not avoided; if all are, the first to be free."""
        avoided = self._records[endpoint].avoided_until
        transports = self.offers[endpoint].transports
        best = min(transports, key=lambda kind: max(now, avoided.get(kind, now)))
        return Way(endpoint, best)

    def _preferred_to(self, way: Way, now: float) -> list[tuple[Way, float]]:
        """Return every way that is preferred to ``way``, with the time from which it may be tried."""
        found = [
            (self._way_to(endpoint, now), max(record.due_at, self._allowed_at(endpoint, planned=False)))
            for endpoint, record in enumerate(self._records[: way.endpoint])
        ]
        transports = self.offers[way.endpoint].transports
        avoided = self._records[way.endpoint].avoided_until
        allowed_at = self._allowed_at(way.endpoint, planned=False)
        for kind in transports[: transports.index(way.transport)]:
            found.append((Way(way.endpoint, kind), max(avoided.get(kind, now), allowed_at)))
        return found

    def _allowed_at(self, endpoint: int, *, planned: bool) -> float:
        return self._storm.allowed_at(planned=planned, paid=self.offers[endpoint].is_paid)
