"""Whatever a network, a server and a busy machine do to the packets: what always holds of playout.

One server sends packets of all lengths, loud and quiet, with pauses, and at most once begins a new stream.
The network loses, doubles, delays and reorders them as it likes. The device pulls, hangs, and is interrupted.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.core.pcm import PERIOD_S, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.delay import LARGEST_TARGET_S, WINDOW_EVENTS
from edge_agent.core.playout.jitter_buffer import STALE_S
from edge_agent.core.playout.opus_toc import LONGEST_PACKET_SAMPLES, duration_samples
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.packet_buffer import LEAVING_S, LIMIT_PACKETS
from edge_agent.core.playout.retiming import SHORTENABLE_SAMPLES
from tests.core.playout.scenes import (
    CELT_2_5_MS,
    DTX,
    LOUD,
    PACKET_S,
    QUIET,
    SILK_10_MS,
    SILK_20_MS,
    SILK_60_MS,
    Scene,
    Sender,
    delayed,
    payload,
    sent_at,
)

LARGEST_PENDING_SAMPLES = SHORTENABLE_SAMPLES + LONGEST_PACKET_SAMPLES
"""What is decoded is what a correction looks at, and the rest of one packet."""

LARGEST_BLOCK_SAMPLES = 4 * PERIOD_SAMPLES

EXAMPLES = 40

short_delays = st.floats(0, 0.05)
delays = st.one_of(short_delays, short_delays, short_delays, st.floats(0, 0.5), st.floats(0, 3.0))


@dataclass(frozen=True)
class Fate:
    """What the network does to one packet: when each copy of it arrives. No copy, and it is lost."""

    delays_s: tuple[float, ...]


@dataclass(frozen=True)
class Spurt:
    """Packets of one kind in a row, after a pause."""

    toc: int
    kind: int
    pause_s: float
    is_advanced: bool
    fates: tuple[Fate, ...]


@dataclass(frozen=True)
class NewStream:
    """The sender begins anew: as another source, with numbers far away, or with its clock set back."""

    ssrc: int
    sequence_ahead: int
    timestamp_ahead: int


@dataclass(frozen=True)
class Incident:
    """The device hangs, or somebody interrupts, after some more pulls."""

    pulls: int
    hang_s: float
    flush_s: float | None


fates = st.lists(delays, min_size=0, max_size=2).map(lambda x: Fate(tuple(x)))
kind_fates = st.one_of(st.builds(Fate, st.tuples(short_delays)), fates)
spurts = st.builds(
    Spurt,
    toc=st.sampled_from([SILK_20_MS, SILK_20_MS, SILK_10_MS, SILK_60_MS, CELT_2_5_MS]),
    kind=st.sampled_from([LOUD, LOUD, QUIET, DTX]),
    pause_s=st.sampled_from([0.0, 0.0, 0.1, 0.4, 2.0]),
    is_advanced=st.booleans(),
    fates=st.lists(kind_fates, min_size=1, max_size=25).map(tuple),
)
new_streams = st.one_of(
    st.builds(NewStream, st.just(2), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)),
    st.builds(NewStream, st.just(1), st.integers(5_000, 50_000), st.integers(0, 2**32 - 1)),
    st.builds(NewStream, st.just(1), st.just(0), st.integers(-(2**30), -500_000)),
)
incidents = st.builds(
    Incident,
    pulls=st.integers(0, 100),
    hang_s=st.sampled_from([0.0, 0.0, 0.005, 0.03, 0.5]),
    flush_s=st.none() | st.sampled_from([0.0, 0.3]),
)


def arriving(
    sent: list[Spurt], sender: Sender, new: NewStream | None = None
) -> tuple[list[RtpPacket], float]:
    """Return the packets as they arrive, and when the sender has sent the last one."""
    longest_delay_s = math.inf if new is None else 0.9 * LEAVING_S
    packets, now = sender.send(0.0, PACKET_S), PACKET_S  # the network lets the first one pass
    for number, spurt in enumerate(sent):
        now += spurt.pause_s
        if spurt.is_advanced:
            sender.pause(spurt.pause_s)
        if new is not None and number == len(sent) // 2:
            sender.ssrc = new.ssrc
            sender.sequence = (sender.sequence + new.sequence_ahead) % 2**16
            sender.timestamp = (sender.timestamp + new.timestamp_ahead) % 2**32
        sender.toc = spurt.toc
        for fate in spurt.fates:
            (packet,) = sender.send(now, sender.samples / SAMPLE_RATE_HZ, spurt.kind)
            packets += [delayed(packet, min(delay_s, longest_delay_s)) for delay_s in fate.delays_s]
            now += sender.samples / SAMPLE_RATE_HZ
    return packets, now


def play(scene: Scene, packets: list[RtpPacket], until: float, trouble: list[Incident]) -> None:
    """Play, and look after every pull at what must hold at any time."""
    scene.play(packets, scene.now)
    steps = iter(trouble)
    incident = next(steps, None)
    pulls = 0
    while scene.now < until:
        block = scene.step().block
        assert 0 < len(block) // 2 <= LARGEST_BLOCK_SAMPLES
        assert scene.pending_samples <= LARGEST_PENDING_SAMPLES
        assert len(scene.buffer._packets) <= LIMIT_PACKETS
        assert len(scene.buffer._delay._events) <= WINDOW_EVENTS
        assert 0 <= scene.buffer.target_s <= LARGEST_TARGET_S
        pulls += 1
        if incident is not None and pulls > incident.pulls:
            scene.hang(incident.hang_s)
            if incident.flush_s is not None:
                scene.flush(incident.flush_s)
            incident, pulls = next(steps, None), 0


def sounding_samples(scene: Scene) -> int:
    """How many samples were played but for silence and comfort noise."""
    return scene.buffer.statistics.total_samples_received


@effort(max_examples=EXAMPLES, deadline=None)
@given(st.lists(spurts, min_size=1, max_size=8), new_streams | st.none(), st.lists(incidents, max_size=4))
def test_no_packet_is_played_twice_or_out_of_order(
    sent: list[Spurt], new: NewStream | None, trouble: list[Incident]
) -> None:
    scene = Scene()
    packets, end = arriving(sent, Sender(), new)
    play(scene, packets, end + 4.0, trouble)
    loud_and_quiet = [call.at_samples for call in scene.calls("decode") if len(call.payload) > 1]
    assert all(before < after for before, after in pairwise(loud_and_quiet))
    received = scene.buffer.statistics.packets_received
    decoded = len(scene.calls("decode"))
    assert received == decoded + scene.buffer.statistics.packets_discarded + len(scene.buffer._packets)


@effort(max_examples=EXAMPLES, deadline=None)
@given(st.lists(spurts, min_size=1, max_size=8), new_streams | st.none(), st.lists(incidents, max_size=4))
def test_no_sample_comes_from_nowhere_or_vanishes(
    sent: list[Spurt], new: NewStream | None, trouble: list[Incident]
) -> None:
    scene = Scene()
    packets, end = arriving(sent, Sender(), new)
    play(scene, packets, end + 4.0, trouble)
    statistics = scene.buffer.statistics
    decoded = sum(call.samples for call in scene.calls("decode"))
    changed = statistics.inserted_samples_for_deceleration - statistics.removed_samples_for_acceleration
    accounted = sounding_samples(scene) + scene.pending_samples + scene.dropped_samples
    # A concealed sample comes on top of the decoded ones, or stands for one of them that came too late.
    assert decoded + changed <= accounted <= decoded + changed + statistics.concealed_samples


@effort(max_examples=EXAMPLES, deadline=None)
@given(st.lists(spurts, min_size=1, max_size=8), new_streams | st.none(), st.lists(incidents, max_size=4))
def test_after_any_trouble_a_clean_stream_is_played_in_full_and_in_time(
    sent: list[Spurt], new: NewStream | None, trouble: list[Incident]
) -> None:
    scene, sender = Scene(), Sender()
    packets, end = arriving(sent, sender, new)
    end = max([end, *(packet.arrived_at for packet in packets)])
    play(scene, packets, end + 0.5, trouble)
    scene.play([], scene.now + STALE_S)
    start = scene.now
    # The first packet may be lost: if its number is far away, only the second one shows that a stream begins.
    # All that was late is forgotten when WINDOW_EVENTS packets of 20 ms have arrived, and the delay that it
    # has left is taken back in the next pause.
    sender.toc = SILK_20_MS
    learning_s = WINDOW_EVENTS * PACKET_S
    learning = sender.send(start, learning_s) + sender.send(start + learning_s, 1.0, QUIET)
    sentence = sender.send(start + learning_s + 1.0, 2.0)
    play(scene, learning + sentence, start + learning_s + 3.2, [])
    assert scene.decoded(since=start)[-len(learning + sentence) + 1 :] == sent_at(learning + sentence)[1:]
    concealed = scene.calls("recover", "conceal", since=start + 0.5)
    assert [call for call in concealed if call.now < start + learning_s + 2.9] == []
    assert max(scene.delays_s(sentence)) <= 0.010 + PERIOD_S


@effort(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 1, 2, 2**32 - 1]),
            st.integers(0, 2**16 - 1) | st.integers(0, 20),
            st.integers(0, 2**32 - 1) | st.integers(0, 20).map(lambda n: n * 960) | st.integers(0, 20_000),
            st.binary(max_size=3)
            | st.sampled_from([payload(7, kind, toc) for kind in (LOUD, QUIET) for toc in (0, 72, 88, 255)]),
            st.floats(0, 0.030) | st.floats(0, 2.0),
        ),
        max_size=80,
    ),
    st.lists(incidents, max_size=4),
)
def test_no_packet_whatever_raises_or_stays(
    arrivals: list[tuple[int, int, int, bytes, float]], trouble: list[Incident]
) -> None:
    scene, now, packets = Scene(), 0.0, []
    for ssrc, sequence, timestamp, body, later_s in arrivals:
        now += later_s
        packets.append(RtpPacket(ssrc, sequence, timestamp, body, now))
    play(scene, packets, now + 4.0, trouble)
    assert len(scene.buffer._packets) == scene.pending_samples == 0
    assert scene.buffer.statistics.packets_received == len(packets)
    no_opus = sum(duration_samples(packet.payload) is None for packet in packets)
    assert no_opus <= scene.buffer.statistics.packets_discarded <= len(packets)
    assert scene.played[-1].block is SILENCE


@effort(max_examples=EXAMPLES, deadline=None)
@given(st.lists(short_delays, min_size=60, max_size=60), st.floats(0.05, 0.6))
def test_no_sample_is_played_before_an_earlier_one(delays_s: list[float], stall_s: float) -> None:
    """Sound that rises all the time: if ever it falls, something was played again."""

    def rising(at_samples: int, samples: int) -> bytes:
        return array("h", (200 + (at_samples + n) // 8 for n in range(samples))).tobytes()

    scene, sender = Scene(sound=rising), Sender()
    packets = sender.send(0.0, 1.2, delay_s=lambda n: delays_s[n] + max(0.0, stall_s - n * PACKET_S))
    packets = [packet._replace(arrived_at=max(packet.arrived_at, 0.1)) for packet in packets]
    play(scene, packets, 4.0, [])
    made_up = scene.calls("recover", "conceal")
    assume(made_up[0].now > packets[-1].arrived_at)  # what is made up may be anything
    played = array("h", b"".join(played.block for played in scene.played if played.block is not SILENCE))
    falls = sum(before - after for before, after in pairwise(played[: len(played) - 4_800]) if before > after)
    inserted = scene.buffer.statistics.inserted_samples_for_deceleration
    assert falls * 8 <= inserted + 8 * scene.buffer.statistics.audible_corrections


def test_memory_is_bounded_when_nobody_pulls() -> None:
    scene, sender = Scene(), Sender()
    for packet in sender.send(0.0, 60.0):
        scene.buffer.insert(packet)
    assert len(scene.buffer._packets) == LIMIT_PACKETS
