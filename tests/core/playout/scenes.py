"""A sender, a network and a sound card on a stage: all of them in virtual time, in seconds.

A sender makes a list of packets; a test loses, delays and doubles some of them; a scene plays them.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec

from edge_agent.core.pcm import PERIOD_S, SAMPLE_BYTES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.jitter_buffer import JitterBuffer, Phase
from edge_agent.core.playout.opus_toc import LONGEST_PACKET_SAMPLES, duration_samples
from edge_agent.core.playout.packet import RtpPacket

SILK_10_MS, SILK_20_MS, SILK_40_MS, SILK_60_MS = 8 << 3, 9 << 3, 10 << 3, 11 << 3
CELT_2_5_MS, CELT_5_MS = 16 << 3, 17 << 3
"""First bytes of packets with one frame (RFC 6716 table 2)."""

PACKET_S = 0.020
FIRST_PULL_S = 0.004
"""When the device begins: packets of a sender that begins at 0 arrive between two pulls."""

PITCH_SAMPLES = 240
"""200 Hz, the pitch of the voice in these scenes."""

DTX, QUIET, LOUD = 0, 1, 2
"""What a packet holds; the second byte of its payload."""


P = ParamSpec("P")


def _voice(samples: int) -> bytes:
    """A pulse that rings, once in every pitch period: like a vowel."""
    period = [
        round(9_000 * math.exp(-at / 50) * math.cos(2 * math.pi * at / 40)) for at in range(PITCH_SAMPLES)
    ]
    return array("h", (period[at % PITCH_SAMPLES] for at in range(samples))).tobytes()


VOICE = _voice(LONGEST_PACKET_SAMPLES + PITCH_SAMPLES)


def voice(at_samples: int, samples: int) -> bytes:
    """The sound of a voice that speaks for ever, from one time on."""
    phase = at_samples % PITCH_SAMPLES
    return VOICE[phase * SAMPLE_BYTES : (phase + samples) * SAMPLE_BYTES]


def payload(at_samples: int, kind: int = LOUD, toc: int = SILK_20_MS) -> bytes:
    """Return what the fake decoder takes for sound of that kind, from the sender's time ``at_samples`` on."""
    return bytes([toc]) if kind == DTX else bytes([toc, kind]) + at_samples.to_bytes(8, "big", signed=True)


@dataclass(frozen=True, slots=True)
class Call:
    """What the decoder was asked for, and when."""

    what: str
    now: float
    samples: int
    payload: bytes = b""

    @property
    def at_samples(self) -> int:
        """The sender's time of the packet."""
        return int.from_bytes(self.payload[2:], "big", signed=True)


class FakeDecoder:
    """Decodes :func:`payload`; what it has to make up is a voice as long as the last packet was loud."""

    def __init__(self, sound: Callable[[int, int], bytes] = voice, *, is_neural: bool = False) -> None:
        self.is_neural = is_neural
        self.calls: list[Call] = []
        self.now = 0.0
        self._sound = sound
        self._is_loud = False
        self._at_samples = 0
        self._kept = (False, 0)

    def decode(self, payload: bytes, samples: int) -> bytes:
        call = Call("decode", self.now, samples, payload)
        self.calls.append(call)
        self._is_loud = len(payload) > 1 and payload[1] == LOUD
        self._at_samples = call.at_samples
        return self._next(samples)

    def recover(self, next_payload: bytes, samples: int) -> bytes:
        self.calls.append(Call("recover", self.now, samples, next_payload))
        return self._next(samples)

    def conceal(self, samples: int) -> bytes:
        self.calls.append(Call("conceal", self.now, samples))
        return self._next(samples)

    def keep(self) -> None:
        self._kept = (self._is_loud, self._at_samples)

    def take_back(self) -> None:
        self.calls.append(Call("take back", self.now, 0))
        self._is_loud, self._at_samples = self._kept

    def reset(self) -> None:
        self.calls.append(Call("reset", self.now, 0))

    def _next(self, samples: int) -> bytes:
        at_samples, self._at_samples = self._at_samples, self._at_samples + samples
        return self._sound(at_samples, samples) if self._is_loud else bytes(samples * SAMPLE_BYTES)


@dataclass
class Sender:
    """Makes the packets of one stream. Its numbers go on from one call to the next; ``at_samples`` is what
    the decoder knows a packet by, and grows whatever the timestamps do."""

    ssrc: int = 1
    sequence: int = 0
    timestamp: int = 0
    toc: int = SILK_20_MS
    at_samples: int = 0

    @property
    def samples(self) -> int:
        """How long one packet is."""
        samples = duration_samples(bytes([self.toc]))
        assert samples is not None
        return samples

    def send(
        self, start: float, seconds: float, kind: int = LOUD, delay_s: Callable[[int], float] = lambda _: 0.0
    ) -> list[RtpPacket]:
        """Return packets that are sent from ``start`` on, and arrive ``delay_s(n)`` later."""
        packet_s = self.samples / SAMPLE_RATE_HZ
        count = round(seconds / packet_s)
        return [self._packet(start + n * packet_s + delay_s(n), kind) for n in range(count)]

    def pause(self, seconds: float) -> None:
        """Let the timestamps go on while nothing is sent."""
        self.timestamp = (self.timestamp + round(seconds * SAMPLE_RATE_HZ)) % 2**32

    def _packet(self, arrived_at: float, kind: int) -> RtpPacket:
        body = payload(self.at_samples, kind, self.toc)
        packet = RtpPacket(self.ssrc, self.sequence, self.timestamp, body, arrived_at)
        self.sequence = (self.sequence + 1) % 2**16
        self.timestamp = (self.timestamp + self.samples) % 2**32
        self.at_samples += self.samples
        return packet


def delayed(packet: RtpPacket, seconds: float) -> RtpPacket:
    """Return the packet as it arrives later."""
    return packet._replace(arrived_at=packet.arrived_at + seconds)


@dataclass(frozen=True, slots=True)
class Played:
    """A block that the device got."""

    at: float
    block: bytes
    phase: Phase

    @property
    def samples(self) -> int:
        return len(self.block) // SAMPLE_BYTES


class Scene:
    """A jitter buffer between a network and a sound card whose clock runs ``device_ppm`` slow."""

    def __init__(self, device_ppm: float = 0.0, sound: Callable[[int, int], bytes] = voice) -> None:
        self.decoder = FakeDecoder(sound)
        self.buffer = JitterBuffer(self.decoder)
        self.now = FIRST_PULL_S
        self.played: list[Played] = []
        self._rate_hz = SAMPLE_RATE_HZ / (1 + device_ppm * 1e-6)
        self._played_samples = 0
        self._hung_s = 0.0
        self.dropped_samples = 0
        self._coming: deque[RtpPacket] = deque()

    @property
    def pending_samples(self) -> int:
        """What is decoded and not played yet."""
        return len(self.buffer._pcm) // SAMPLE_BYTES

    def play(self, packets: Iterable[RtpPacket], until: float) -> None:
        """Let packets arrive, each at its time, and the device pull whenever it has played a block."""
        self._coming = deque(sorted([*self._coming, *packets], key=lambda packet: packet.arrived_at))
        while self.now < until:
            self.step()

    def step(self) -> Played:
        """Let the device pull once, after all that has arrived by now."""
        while self._coming and self._coming[0].arrived_at <= self.now:
            self._dropping(self.buffer.insert, self._coming.popleft())
        self.decoder.now = self.now
        played = Played(self.now, self.buffer.pull(self.now), self.buffer.phase)
        self.played.append(played)
        self._played_samples += played.samples
        self.now = FIRST_PULL_S + self._hung_s + self._played_samples / self._rate_hz
        return played

    def hang(self, seconds: float) -> None:
        """Let the device, or its thread, stand still."""
        self._hung_s += seconds
        self.now += seconds

    def flush(self, ignore_s: float) -> None:
        """Interrupt the answer."""
        self._dropping(self.buffer.flush, self.now, ignore_s)

    def _dropping(self, call: Callable[P, None], *arguments: P.args, **named: P.kwargs) -> None:
        """Call, and count what was decoded in vain."""
        pending_samples = self.pending_samples
        call(*arguments, **named)
        self.dropped_samples += pending_samples - self.pending_samples

    def calls(self, *whats: str, since: float = 0.0) -> list[Call]:
        """Return what the decoder was asked for."""
        return [call for call in self.decoder.calls if call.what in whats and call.now >= since]

    def decoded(self, since: float = 0.0) -> list[int]:
        """Return the sender's times of the packets that were decoded, in that order."""
        return [call.at_samples for call in self.calls("decode", since=since)]

    def delays_s(self, packets: Iterable[RtpPacket], since: float = 0.0) -> list[float]:
        """Return how long each decoded one of ``packets`` had arrived before."""
        arrivals = {packet.payload: packet.arrived_at for packet in packets}
        calls = self.calls("decode", since=since)
        return [call.now - arrivals[call.payload] for call in calls if call.payload in arrivals]

    def silent_s(self, since: float = 0.0, until: float = math.inf) -> float:
        """Return for how long nothing was due."""
        silent = [played for played in self.played if played.block is SILENCE and since <= played.at < until]
        return len(silent) * PERIOD_S


def sent_at(packets: Iterable[RtpPacket]) -> list[int]:
    """Return the sender's times of the packets."""
    return [int.from_bytes(packet.payload[2:], "big", signed=True) for packet in packets]
