"""What aiortc has no public way for: which addresses are offered, and the ways in which a peer can be ill.

All use of aiortc's and aioice's private parts by the server is here. Checked with aiortc 1.16, aioice 0.13.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from aiortc import RTCDataChannel, RTCPeerConnection

_DCEP = 50
_TEXT = 51
"""Payload protocol identifiers: WebRTC DCEP and WebRTC String (RFC 8831 section 8)."""


def offer_addresses(pc: RTCPeerConnection, addresses: list[str]) -> None:
    """Offer candidates on ``addresses`` alone. aioice offers all of the machine except loopback."""
    for connection in _ice_connections(pc):
        gather = connection.get_component_candidates

        async def gather_here(gather: Any = gather, **given: Any) -> Any:
            return await gather(**{**given, "addresses": addresses})

        connection.get_component_candidates = gather_here


def cut_off(pc: RTCPeerConnection) -> None:
    """From now on nothing is sent and nothing heard, as if the network were gone."""

    async def send_nothing(*_: object) -> None:
        return None

    def ignore(*_: object) -> None:
        return None

    for connection in _ice_connections(pc):
        for protocol in connection._protocols:
            protocol.send_data = send_nothing
            protocol.send_stun = ignore
            protocol.datagram_received = ignore


def ignore_checks(pc: RTCPeerConnection) -> None:
    """From now on answer no request of STUN."""

    def ignore(*_: object) -> None:
        return None

    for connection in _ice_connections(pc):
        connection.request_received = ignore


def open_channels_late(
    pc: RTCPeerConnection, delay_s: float, keep: Callable[[asyncio.Task[None]], None]
) -> None:
    """Acknowledge data channels ``delay_s`` late; ``keep`` gets the tasks that do."""
    sctp: Any = pc.sctp
    receive = sctp._data_channel_receive

    async def receive_later(stream_id: int, protocol: int, data: bytes) -> None:
        await asyncio.sleep(delay_s)
        await receive(stream_id, protocol, data)

    async def receive_but_open_late(stream_id: int, protocol: int, data: bytes) -> None:
        if protocol == _DCEP:
            keep(asyncio.create_task(receive_later(stream_id, protocol, data)))
        else:
            await receive(stream_id, protocol, data)

    sctp._data_channel_receive = receive_but_open_late


def send_text_bytes(channel: RTCDataChannel, data: bytes) -> asyncio.Task[None]:
    """Send ``data`` as a text message, whatever it is and however large. The caller keeps the task."""
    sctp: Any = channel.transport
    channel._addBufferedAmount(len(data))
    sctp._data_channel_queue.append((channel, _TEXT, data))
    return asyncio.create_task(sctp._data_channel_flush())


def _ice_connections(pc: RTCPeerConnection) -> Iterator[Any]:
    transports = {transceiver.sender.transport for transceiver in pc.getTransceivers()}
    if pc.sctp is not None:
        transports.add(pc.sctp.transport)
    for dtls in transports:
        yield dtls.transport.iceGatherer._connection
