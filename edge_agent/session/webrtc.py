"""Transport number one: signaling by HTTP, everything else by WebRTC."""

from __future__ import annotations

import asyncio
import logging

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
                await self._peer.opened()
        except TimeoutError:
            missing = self._peer.what_is_missing() if is_answered else "no answer to the call"
            raise _late(f"not connected after {self._deadlines.connect_s:g} s: {missing}") from None
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

    async def hang_up(self) -> None:
        """Tell the provider over HTTP, if there is a call and the profile knows how."""
        await self._signaling.hang_up()

    async def close(self) -> None:
        """Close the peer connection."""
        await self._peer.close(self._deadlines.close_s)

    async def _make_offer(self) -> str:
        try:
            async with asyncio.timeout(self._deadlines.connect_s):
                return await self._peer.make_offer()
        except TimeoutError:
            raise _late("no candidates gathered: do the ice_servers answer?") from None


def _late(message: str) -> SignalingError:
    return SignalingError(Fault(FaultKind.TIMEOUT, message))
