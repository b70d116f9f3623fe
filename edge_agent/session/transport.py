"""The seam between a session and the way its bytes travel.

A session knows events, set-up and the end; a transport knows sockets. WebRTC is one transport.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.faults import Fault
from edge_agent.core.lapse import Reception
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.streamed import Note, Piece
from edge_agent.protocol.objects import JsonObject


class EncodedPacket(Protocol):
    """One packet of microphone sound; times in samples at 48 kHz of the capture clock."""

    @property
    def payload(self) -> bytes: ...
    @property
    def timestamp_samples(self) -> int: ...
    @property
    def duration_samples(self) -> int: ...


class SoundRoad(Protocol):
    """Where a session's sound comes from and goes to. Calls are made in the event loop's thread, those of
    :meth:`receive` also in whichever calls ``read``.
    """

    def connect_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        """Hand every packet from now on to ``deliver``, which any thread may call and which never blocks."""

    def disconnect_microphone(self) -> None:
        """Stop delivering. A call that is under way in another thread may still arrive."""

    def connect_loudspeaker(self, read: Callable[[], None]) -> None:
        """Call ``read`` whenever sound is wanted, from now on: what has come is received then. Any thread may
        call it, and it never blocks."""

    def disconnect_loudspeaker(self) -> None:
        """Call it no more. A call that is under way in another thread may still end."""

    def receive(self, packet: RtpPacket) -> None:
        """Take one Opus packet for the loudspeaker, as it came from the network. Must not block."""

    def play(self, pcm_48k_mono: bytes) -> None:
        """Take decoded sound instead (s16le, 48 kHz, mono), where packets can't be had. Must not block."""

    @property
    def undecodable_packets(self) -> int:
        """How many packets could not be decoded; only grows."""


class AnswerStream(Protocol):
    """The loudspeaker, for a session whose server sends faster than is played. Any thread may call."""

    def begin(self, response_id: str) -> None:
        """The server makes an answer."""

    def put(self, piece: Piece, pcm_24k_mono: bytes) -> None:
        """Take the next sound of a piece (s16le). Must not block."""

    def finish(self, response_id: str) -> None:
        """No more of that answer comes."""

    def cut_off(self) -> None:
        """Drop all that waits, and what still comes of the same answers."""

    def close(self) -> None:
        """Tell nothing any more. What waits is dropped."""

    @property
    def played_blocks(self) -> int:
        """How many blocks of sound have gone to the loudspeaker; only grows."""


class PlainSoundRoad(Protocol):
    """The same where sound travels as plain samples, inside of events."""

    def connect_plain_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        """Hand packets of 24 kHz mono s16le from now on to ``deliver``, as ``connect_microphone`` does."""

    def disconnect_microphone(self) -> None:
        """Stop delivering. A call that is under way in another thread may still arrive."""

    def open_stream(self, tell: Callable[[Note], None]) -> AnswerStream:
        """Take answers that come faster than they are played; an earlier stream ends.

        ``tell`` is called by any thread, and must not wait.
        """


@dataclass(frozen=True, slots=True)
class Opened:
    """A transport is open: what it learned on the way."""

    call_id: str | None
    """The provider's name for the call, None when it gave none."""
    session_sent: bool
    """The session object went along with the call, so the server is configured already."""


@dataclass(frozen=True, slots=True)
class TransportCounters:
    """Progress of one transport; each number only grows."""

    messages_received: int = 0
    messages_dropped: int = 0
    """Received while the queue was full: newest dropped."""
    sound_packets_received: int = 0
    """Packets of the server's sound that were handed on; without packets, blocks of it that were played."""
    sound_packets_empty: int = 0
    """Packets that held no sound: ignored."""
    sound_packets_undecodable: int = 0
    """Packets handed on that the decoder refused: concealed."""
    datagrams_received: int | None = None
    """Everything that came from the server, signs of life alone included; over a stream, how often something
    came. None where it can't be counted."""
    datagram_at: float | None = None
    """When something came last (monotonic seconds), if that is known."""
    packets_sent: int = 0
    packets_dropped: int = 0
    """Microphone packets that waited too long: oldest dropped."""
    bytes_sent: int = 0
    """Sound in the packets sent, without what carries it."""
    first_packet_at: float | None = None
    """When the first packet was sent (monotonic seconds), if that is known."""
    reception: Reception | None = None
    """What the other side has said of our packets, if it has."""


class Transport(Protocol):
    """One connection to a server. It is opened at most once, and closed exactly once even if never opened.

    ``loses``: whether it may lose sound that was sent, in silence.
    """

    loses: bool

    async def open(self, session: JsonObject) -> Opened:
        """Connect, with ``session`` if the handshake carries it.

        Raises SignalingError with the reason. Bounded by the endpoint's deadlines; safe to cancel.
        """

    def take_sound(self) -> None:
        """Send the microphone and play what comes, from now on. Before, what comes is dropped."""

    def release_sound(self) -> None:
        """Send nothing any more, and drop what comes: another session has microphone and loudspeaker."""

    def send(self, text: str) -> bool:
        """Queue one message. False when the connection can't take it."""

    async def receive(self) -> str | bytes | Fault:
        """Return the next message, or why the connection ended (from then on always). No message is lost
        that arrived before the end."""

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        """Hand every message to ``take`` from now on, as it comes, and return why the connection ended.

        For one reader, instead of :meth:`receive`. Raises what ``take`` raises.
        """

    @property
    def local_address(self) -> str | None:
        """The address of this machine that it depends on, once it is open; None if that is not known."""

    @property
    def is_stuck(self) -> bool:
        """Whether what was sent has been sent again and is not acknowledged yet, where that can be known."""

    async def check(self) -> bool:
        """Ask the server for a sign of life, which shows in the counters. Bounded, raises nothing.

        Return whether that very question was answered, as far as it was waited for.
        """

    async def hang_up(self) -> None:
        """Tell the provider that the call is over. Best effort, bounded, raises nothing."""

    async def close(self) -> None:
        """Release everything: sockets, threads, tasks, the microphone. Bounded; may be called at any time."""

    @property
    def counters(self) -> TransportCounters:
        """How far it got."""
