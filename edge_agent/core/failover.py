"""Telling that another endpoint or transport has taken over: once in the journal, at most once aloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.core import reports
from edge_agent.core.commands import Tell
from edge_agent.core.faults import Fault
from edge_agent.core.policy import HEALTHY_AFTER_S
from edge_agent.core.ways import Offer, Way
from edge_agent.protocol import client_events as ask


class Failover:
    """Remembers by which way the last session came. ``affords`` tells whether there is enough to spend for an
    endpoint."""

    def __init__(
        self,
        offers: Sequence[Offer],
        affords: Callable[[int, float], bool] = lambda endpoint, now: True,
    ) -> None:
        self._affords = affords
        self._offers = tuple(offers)
        self._way = Way(0, self._offers[0].transports[0])
        self._since: float | None = None
        self._is_announced = False

    def session_began(
        self, way: Way, fault_of: Callable[[int], Fault | None], now: float
    ) -> list[Tell | ask.ClientEvent]:
        """A session begins to be talked on. ``fault_of`` tells why an endpoint can't be used, if it can't.

        An announcement is not repeated until the preferred endpoint has worked for a while.
        """
        before, self._way = self._way, way
        if before.endpoint == 0 and self._since is not None and now - self._since >= HEALTHY_AFTER_S:
            self._is_announced = False
        if way == before:
            self._since = now if self._since is None else self._since
            return []
        self._since = now
        told = self._told(before, way, fault_of(before.endpoint), now)
        return [told, *self._announcement(way)] if way.endpoint > before.endpoint else [told]

    def _told(self, before: Way, way: Way, fault: Fault | None, now: float) -> Tell:
        left, taken = self._offers[before.endpoint].name, self._offers[way.endpoint].name
        if before.endpoint == way.endpoint:
            return reports.transport_changed(taken, way.transport)
        if way.endpoint < before.endpoint:
            return reports.endpoint_back(taken, left)
        if not self._affords(before.endpoint, now):
            return reports.endpoint_too_dear(left, taken)
        return reports.endpoint_left(left, taken, fault)

    def _announcement(self, way: Way) -> list[ask.ClientEvent]:
        text = self._offers[way.endpoint].announcement
        if text is None or self._is_announced:
            return []
        self._is_announced = True
        quoted = text.replace('"', "'")
        return [ask.ResponseCreate(response={"conversation": "none", "instructions": f'Say "{quoted}"'})]
