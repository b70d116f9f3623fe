"""Transport number one: signaling by HTTP, everything else by WebRTC."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.errors import SignalingError
from edge_agent.protocol.objects import JsonObject
from edge_agent.session.endpoint import Endpoint
from edge_agent.session.peer import Peer
from edge_agent.session.signaling import Signaling
from edge_agent.session.transport import Opened, SoundRoad, TransportCounters

logger = logging.getLogger(__name__)


class WebRtcTransport:
    """A :class:`~edge_agent.session.transport.Transport` over one peer connection."""

    loses = True

    is_stuck = False
    """Packets are not sent again, and what is (the events) says nothing of it."""

    def __init__(self, endpoint: Endpoint, sound: SoundRoad) -> None:
        self._deadlines = endpoint.deadlines
        self._signaling = Signaling(endpoint)
        self._peer = Peer(endpoint.ice_servers, sound)

    @property
    def counters(self) -> TransportCounters:
        """How far it got."""
        return self._peer.counters

    async def open(self, session: JsonObject) -> Opened:
        """Fetch a token if the profile wants one, call, and wait for the event channel.

        Raises SignalingError.
        """
        await self._signaling.authorize(session)
        logger.debug("> offer")
        offer = await self._make_offer()
        is_answered = False
        try:
            async with asyncio.timeout(self._deadlines.connect_s):
                answer = await self._signaling.call(offer, session)
                logger.debug("< answer, call %s", answer.call_id or "without a name")
                await self._peer.accept(answer.sdp)
                is_answered = True
                await self._opened()
        except TimeoutError:
            if is_answered:
                raise self._not_connected(self._deadlines.connect_s) from None
            message = f"not connected after {self._deadlines.connect_s:g} s: no answer to the call"
            raise _late(message) from None
        logger.debug("= connected")
        return Opened(call_id=answer.call_id, session_sent=answer.session_sent)

    def take_sound(self) -> None:
        """Send the microphone and play what comes, from now on."""
        self._peer.take_sound()

    def release_sound(self) -> None:
        """Send nothing any more, and drop what comes."""
        self._peer.release_sound()

    def send(self, text: str) -> bool:
        """Queue one message; False if it can't be sent."""
        return self._peer.send(text)

    async def receive(self) -> str | bytes | Fault:
        """Return the next message, or why the connection ended."""
        return await self._peer.receive()

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        """Hand every message to ``take`` as it comes, and return why the connection ended."""
        return await self._peer.forward(take)

    @property
    def local_address(self) -> str | None:
        """The address of this machine from which it sends."""
        return self._peer.local_address

    async def check(self) -> bool:
        """Ask for a sign of life by one check of ICE, and tell whether it was answered."""
        return await self._peer.check()

    async def hang_up(self) -> None:
        """Tell the provider over HTTP, if there is a call and the profile knows how."""
        await self._signaling.hang_up()

    async def close(self) -> None:
        """Close the peer connection."""
        await self._peer.close(self._deadlines.close_s)

    async def _opened(self) -> None:
        """Wait for the event channel; for a path to it, ``path_s`` at most. Raises SignalingError."""
        limit_s = self._deadlines.path_s
        try:
            async with asyncio.timeout(limit_s):
                await self._peer.opened()
        except TimeoutError:
            if limit_s is not None and not self._peer.has_path:
                raise self._not_connected(limit_s) from None
            await self._peer.opened()

    def _not_connected(self, after_s: float) -> SignalingError:
        kind = FaultKind.TIMEOUT if self._peer.has_path else FaultKind.NO_PATH
        message = f"not connected after {after_s:g} s: {self._peer.what_is_missing()}"
        return SignalingError(Fault(kind, message))

    async def _make_offer(self) -> str:
        try:
            async with asyncio.timeout(self._deadlines.connect_s):
                return await self._peer.make_offer()
        except TimeoutError:
            raise _late("no candidates gathered: do the ice_servers answer?") from None


def _late(message: str) -> SignalingError:
    return SignalingError(Fault(FaultKind.TIMEOUT, message))
