"""The adaptive jitter buffer: when which packet is played, and what is played where one is missing.

It works by one number: how far playout lies behind a packet that had met no delay at all, were there one with
the sound that is due now (:meth:`DelayEstimate.delay_s`). The target for that number is the measured jitter.
Above it sound is shortened, below it lengthened: silence at will, speech rarely and by whole pitch periods.
WebRTC's NetEQ has the same parts; it steers by the buffer's filling instead, which says nothing in a pause.
"""

from __future__ import annotations

import enum
import math

from edge_agent.core.pcm import (
    BYTES_PER_S,
    PERIOD_BYTES,
    PERIOD_S,
    PERIOD_SAMPLES,
    SAMPLE_BYTES,
    SAMPLE_RATE_HZ,
    SILENCE,
)
from edge_agent.core.playout.bridge import LONGEST_BRIDGE_SAMPLES, Bridge, Decoder
from edge_agent.core.playout.delay import DelayEstimate
from edge_agent.core.playout.opus_toc import LARGEST_DTX_BYTES
from edge_agent.core.playout.overtaking import Overtaking
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.packet_buffer import PacketBuffer, WaitingPacket
from edge_agent.core.playout.pull_clock import PullClock
from edge_agent.core.playout.retiming import (
    LARGEST_EARLINESS_S,
    SHORTENABLE_SAMPLES,
    SHORTEST_BLOCK_SAMPLES,
    SILENCE_TOLERANCE_S,
    Retimer,
)
from edge_agent.core.playout.samples import is_audible
from edge_agent.core.playout.statistics import PlayoutStatistics
from edge_agent.errors import IllegalTransition

LONGEST_COMFORT_SAMPLES = 48_000
"""A second of comfort noise after the last packet: in a silence Opus sends one every 400 ms. A sender that
sends none any more has paused."""

SHORTEST_BLOCK_BYTES = SHORTEST_BLOCK_SAMPLES * SAMPLE_BYTES
LONGEST_BLOCK_BYTES = 2 * PERIOD_BYTES
"""20 ms: what is decoded already is given out at once. It is played no later for it, and the playback thread
wakes up half as often."""

TOLERATED_S = 0.002
TOLERATED_SHARE = 0.1
"""How much later than wanted sound may be played, and what share of the target more: each correction changes
the sound, and what is cut now is missing when the next packet is as late as the last one that was late."""

STALE_S = 1.0
"""How long after a flush what belongs to it may still arrive. Sound that comes later is a new answer, also if
its timestamps go on where those of the old one ended: a person has to finish speaking first."""


class Phase(enum.Enum):
    """What the loudspeaker gets."""

    SILENT = "silent"  # nothing is due
    PLAYING = "playing"
    BRIDGING = "bridging"  # the next packet is late or lost, and none is there behind it


MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.SILENT: frozenset({Phase.PLAYING}),
    Phase.PLAYING: frozenset({Phase.BRIDGING, Phase.SILENT}),
    Phase.BRIDGING: frozenset({Phase.PLAYING, Phase.SILENT}),
}


class JitterBuffer:
    """Packets in any order go in, blocks of sound come out, one for each :meth:`pull`. ``now`` never falls.

    It holds PacketBuffer's limit of packets and a few decoded periods at most, and never raises for what a
    network or a server may do.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._clock = PullClock()
        self._delay = DelayEstimate()
        self._overtaking = Overtaking()
        self._packets = PacketBuffer()
        self._phase = Phase.SILENT
        self._pcm = bytearray()
        self._position: int | None = None
        """The timestamp of the sample that follows ``_pcm``: what is decoded next."""
        self._sequence = 0
        self._comfort_samples = 0
        self._stale_until = -math.inf
        self._stale_before_s = -math.inf
        self.statistics = PlayoutStatistics()
        self._bridge = Bridge(decoder, self.statistics)
        self._retimer = Retimer(self.statistics)

    @property
    def phase(self) -> Phase:
        """What the loudspeaker gets."""
        return self._phase

    @property
    def target_s(self) -> float:
        """The delay that is aimed at."""
        return self._delay.target_s

    def insert(self, packet: RtpPacket) -> None:
        """Take a packet from the network."""
        self.statistics.packets_received += 1
        waiting, begins = self._packets.accept(packet)
        if waiting is None:
            self.statistics.packets_discarded += 1
            return
        if begins:
            self._begin_stream()
        self._learn(waiting)
        if self._is_stale(waiting) or self._is_late(waiting):
            self.statistics.packets_discarded += 1
        else:
            self.statistics.packets_discarded += self._packets.put(waiting)

    def pull(self, now: float) -> bytes:
        """Return what is to be played now: a period, more or less; SILENCE itself when nothing is due."""
        block = self._block(self._clock.at(now))
        self._clock.played(len(block) / BYTES_PER_S)
        return block

    def flush(self, now: float, ignore_s: float) -> None:
        """Drop all sound, and what arrives later but belongs to the next ``ignore_s``."""
        self._stale_before_s = self._delay.media_s(now + ignore_s)
        self._stale_until = now + STALE_S
        self.clear()

    def clear(self) -> None:
        """Drop all sound that waits."""
        self.statistics.packets_discarded += self._packets.clear()
        self._pcm.clear()
        self._bridge.reset()  # it would begin the next sound with an echo of this one
        self._comfort_samples = 0
        self._fall_silent()

    # -- what happens next -------------------------------------------------------------------------

    def _block(self, now: float) -> bytes:
        if self._phase is Phase.SILENT and self._head_early_s(now) <= SILENCE_TOLERANCE_S:
            self._start()
        block = self._next_block(now) if self._phase is not Phase.SILENT else b""
        if not block:
            return self._nothing(now)
        self._retimer.played(block)
        self._count(block)
        return block

    def _next_block(self, now: float) -> bytes:
        """Return the next block, b"" if there is none."""
        while len(self._pcm) < SHORTEST_BLOCK_BYTES and self._phase is not Phase.SILENT:
            if not self._extend(now):
                break
        pcm = bytes(self._pcm[:LONGEST_BLOCK_BYTES])
        del self._pcm[:LONGEST_BLOCK_BYTES]
        if self._phase is not Phase.PLAYING or len(pcm) < SHORTEST_BLOCK_BYTES:
            return pcm
        error_s = self._error_s(now, len(pcm) // SAMPLE_BYTES)
        if is_audible(pcm):
            return self._retime_speech(pcm, error_s, now)
        return self._retimer.silence(pcm, error_s, now)

    def _extend(self, now: float) -> bool:
        """Decode or make up some more sound; False if there is none to be had."""
        head = self._packets.head
        if head is None:
            return self._bridge_over()
        assert self._position is not None
        gap_samples = head.timestamp - self._position
        if gap_samples == 0 and self._has_to_wait_longer(now):
            return self._bridge_over()
        if gap_samples <= 0:
            self._decode(self._packets.pop(), now)
            return True
        if head.sequence - self._sequence > 1:
            return self._fill_gap(head, gap_samples, now)
        self._fall_silent()  # the sender paused: the packet waits for its time
        return False

    def _decode(self, packet: WaitingPacket, now: float) -> None:
        assert self._position is not None
        known_samples = self._position - packet.timestamp
        is_next = packet.sequence - self._sequence == 1
        is_only_late = self._bridge.samples > 0 and known_samples == 0
        pcm = (
            self._rejoin(packet, now)
            if is_only_late
            else self._bridge.decode(packet.payload, packet.duration, is_next=is_next)
        )
        self._pcm += pcm[known_samples * SAMPLE_BYTES :]
        self._position = packet.end
        self._sequence = packet.sequence
        is_dtx = len(packet.payload) <= LARGEST_DTX_BYTES
        self._comfort_samples = LONGEST_COMFORT_SAMPLES if is_dtx else 0
        self._bridge.end()
        if self._phase is Phase.BRIDGING:
            self._set_phase(Phase.PLAYING)
        samples, statistics = packet.duration, self.statistics
        statistics.jitter_buffer_delay += (now - packet.arrived_at) * samples
        statistics.jitter_buffer_target_delay += self._delay.target_s * samples
        statistics.jitter_buffer_emitted_count += samples

    def _bridge_over(self) -> bool:
        """Nothing is there: go on like before for a while, unless that was silence."""
        if not is_audible(self._retimer.last_period) or self._bridge.is_at_its_end:
            self._fall_silent()
            return False
        if self._phase is Phase.PLAYING:
            self._set_phase(Phase.BRIDGING)
        self._pcm += self._bridge.go_on()
        return True

    def _has_to_wait_longer(self, now: float) -> bool:
        """Whether a bridge goes on though its packet is there: the next ones are likely to be later."""
        is_bridging = self._bridge.samples > 0 and not self._bridge.is_at_its_end
        return is_bridging and self._delay_s(now, 0) < self._overtaking.wait_s(now)

    def _rejoin(self, packet: WaitingPacket, now: float) -> bytes:
        late_samples = round((self._delay_s(now, 0) - self._delay.target_s) * SAMPLE_RATE_HZ)
        return self._bridge.rejoin(packet.payload, packet.duration, late_samples)

    def _fill_gap(self, head: WaitingPacket, gap_samples: int, now: float) -> bool:
        """Packets before ``head`` are missing. Once they are given up, what was bridged stands for them."""
        assert self._position is not None
        if self._delay_s(now, 0) < max(self._delay.jitter_s, self._overtaking.wait_s(now)):
            # The buffer is too shallow for this path: what is missing may still come.
            return self._bridge_over()
        lost = head.sequence - self._sequence - 1
        if gap_samples > min(lost * head.duration, LONGEST_BRIDGE_SAMPLES):
            return self._bridge_over()  # a pause of the sender as well, or a hole too long to fill
        bridged = min(gap_samples, self._bridge.settle())
        self._position += bridged
        if gap_samples > bridged:
            self._close_gap(head, gap_samples - bridged)
        return True

    def _close_gap(self, head: WaitingPacket, gap_samples: int) -> None:
        """Conceal up to one packet of what is missing, with the help of ``head`` if it follows directly."""
        assert self._position is not None
        if gap_samples <= head.duration:
            self._pcm += self._bridge.recover(head.payload, gap_samples)
        else:
            gap_samples = head.duration
            self._pcm += self._bridge.conceal(gap_samples)
        self._position += gap_samples

    # -- timing ------------------------------------------------------------------------------------

    def _learn(self, packet: WaitingPacket) -> None:
        media_s = packet.timestamp / SAMPLE_RATE_HZ
        self._delay.observe(packet.arrived_at, media_s)
        late_s = self._delay.delay_s(packet.arrived_at, media_s)
        self._overtaking.observe(packet.sequence, packet.arrived_at, late_s)

    def _error_s(self, now: float, taken_samples: int) -> float:
        """How much later than wanted the next sample is played, ``taken_samples`` of it being in hand."""
        delay_s = self._delay_s(now, taken_samples)
        error_s = delay_s - self._delay.target_s
        if error_s < 0:
            return error_s if error_s < -LARGEST_EARLINESS_S else 0.0
        spare_s = min(error_s, delay_s - self._delay.recent_peak_s)
        return spare_s if spare_s > TOLERATED_S + TOLERATED_SHARE * self._delay.target_s else 0.0

    def _delay_s(self, now: float, taken_samples: int) -> float:
        assert self._position is not None
        media_samples = self._position - len(self._pcm) // SAMPLE_BYTES - taken_samples
        return self._delay.delay_s(now, media_samples / SAMPLE_RATE_HZ)

    def _retime_speech(self, pcm: bytes, error_s: float, now: float) -> bytes:
        if not self._retimer.is_due(error_s, now):
            return pcm
        if error_s < 0:
            return self._retimer.longer(pcm, error_s, now)
        more_bytes = SHORTENABLE_SAMPLES * SAMPLE_BYTES - len(pcm)
        if not self._look_ahead(more_bytes, now):
            return pcm
        pcm += self._pcm[:more_bytes]
        del self._pcm[:more_bytes]
        return self._retimer.shorter(pcm, error_s, now)

    def _look_ahead(self, n_bytes: int, now: float) -> bool:
        """Decode what follows without a gap until ``n_bytes`` are there; False if they are not."""
        while len(self._pcm) < n_bytes:
            head = self._packets.head
            if head is None or head.timestamp != self._position:
                return False
            self._decode(self._packets.pop(), now)
        return True

    # -- beginnings and ends -----------------------------------------------------------------------

    def _head_early_s(self, now: float) -> float:
        """Return how much too early it is for the head to begin a spurt; infinite if there is none."""
        head = self._packets.head
        if head is None:
            return math.inf
        delay_s = self._delay.delay_s(now, head.timestamp / SAMPLE_RATE_HZ)
        return self._delay.target_s - max(delay_s, now - head.arrived_at)

    def _start(self) -> None:
        head = self._packets.head
        assert head is not None
        self._set_phase(Phase.PLAYING)
        self._position = head.timestamp if self._position is None else max(head.timestamp, self._position)

    def _fall_silent(self) -> None:
        self._bridge.end()
        if self._phase is not Phase.SILENT:
            self._set_phase(Phase.SILENT)

    def _begin_stream(self) -> None:
        self.statistics.packets_discarded += self._packets.clear()
        self._delay.begin_anew()
        self._overtaking.clear()
        self._bridge.reset()
        self._pcm.clear()
        self._fall_silent()
        self._position = None
        self._comfort_samples = 0
        self._stale_until = -math.inf

    def _set_phase(self, phase: Phase) -> None:
        if phase not in MOVES[self._phase]:
            raise IllegalTransition(f"playout: {self._phase.value} -> {phase.value}")
        self._phase = phase

    def _is_stale(self, packet: WaitingPacket) -> bool:
        media_s = packet.timestamp / SAMPLE_RATE_HZ
        return packet.arrived_at < self._stale_until and media_s < self._stale_before_s

    def _is_late(self, packet: WaitingPacket) -> bool:
        return self._position is not None and packet.end <= self._position

    # -- making up and counting --------------------------------------------------------------------

    def _nothing(self, now: float) -> bytes:
        """Return what is played while nothing is due: a period, or less if the head is due before that."""
        early_s = max(self._head_early_s(now), SILENCE_TOLERANCE_S)
        samples = round(early_s * SAMPLE_RATE_HZ) if early_s < PERIOD_S else PERIOD_SAMPLES
        if self._comfort_samples > 0:
            self._comfort_samples -= samples
            return self._decoder.conceal(samples)
        return SILENCE if samples == PERIOD_SAMPLES else bytes(samples * SAMPLE_BYTES)

    def _count(self, block: bytes) -> None:
        self.statistics.total_samples_received += len(block) // SAMPLE_BYTES
