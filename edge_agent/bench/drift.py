"""Two clocks that differ, for ten minutes of simulated time: our receive path without threads and waiting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge_agent.audio.downlink import Downlink
from edge_agent.audio.opus import OpusDecoder
from edge_agent.bench.impairments import PACKET_S, PACKET_SAMPLES
from edge_agent.bench.speech import Speech
from edge_agent.bench.timeline import Block, DelayAt, at_comparing_rate, delays, timeline_of
from edge_agent.core.pcm import BYTES_PER_S
from edge_agent.core.playout.packet import RtpPacket

DURATION_S = 600.0
SETTLE_S = 5.0
SPAN_S = 10.0
"""Delays are measured in spans so short that the clocks differ by a millisecond in each."""

HOP_S = 0.5
PHASE_S = 0.003
"""From the loudspeaker's first period to the first packet: any time within a period will do."""

SSRC = 1


def measure_drift(speech: Speech, ppm: float, duration_s: float = DURATION_S) -> dict[str, float | None]:
    """Return the figures of a loudspeaker whose clock is ``ppm`` slower than the sender's."""
    count = round(duration_s / PACKET_S)
    packets = [speech.packets[index % len(speech.packets)] for index in range(count)]
    sent_at_s = [PHASE_S + index * PACKET_S for index in range(count)]
    downlink = Downlink()
    blocks = list(_played(downlink, packets, sent_at_s, ppm))
    decoder = OpusDecoder()
    decoded = np.frombuffer(b"".join(decoder.decode(packet) for packet in packets), np.int16)
    clean = at_comparing_rate(decoded)
    spans: dict[int, list[Block]] = {}
    for block in blocks:
        spans.setdefault(int(block.at_s // SPAN_S), []).append(block)
    tracks = [delays(timeline_of(span), clean, sent_at_s, HOP_S) for span in spans.values()]
    return _figures(downlink, [at for track in tracks for at in track if at.clean_s >= SETTLE_S], duration_s)


def _played(downlink: Downlink, packets: list[bytes], sent_at_s: list[float], ppm: float) -> Iterator[Block]:
    """Yield what the loudspeaker gets, each block when the one before is over by its clock."""
    now, next_packet = 0.0, 0
    while next_packet < len(packets):
        while next_packet < len(packets) and sent_at_s[next_packet] <= now:
            packet = RtpPacket(
                SSRC,
                next_packet & 0xFFFF,
                next_packet * PACKET_SAMPLES & 0xFFFFFFFF,
                packets[next_packet],
                sent_at_s[next_packet],
            )
            downlink.receive(packet)
            next_packet += 1
        pcm = downlink.pull(now)
        yield Block(now, np.frombuffer(pcm, np.int16))
        now += len(pcm) / BYTES_PER_S * (1 + ppm * 1e-6)


def _figures(downlink: Downlink, track: list[DelayAt], duration_s: float) -> dict[str, float | None]:
    values_ms = np.array([at.delay_s for at in track]) * 1000
    middles_ms = [
        float(np.median(values_ms[[at.clean_s // SPAN_S == span for at in track]]))
        for span in sorted({at.clean_s // SPAN_S for at in track})
    ]
    statistics = downlink.statistics
    return {
        "delay_median_ms": float(np.median(values_ms)),
        "delay_p95_ms": float(np.percentile(values_ms, 95)),
        "delay_after_ms": float(np.median(middles_ms[-len(middles_ms) // 3 :])),
        "delay_range_ms": max(middles_ms) - min(middles_ms),
        "corrections_per_min": statistics.audible_corrections / duration_s * 60,
        "concealed_share": statistics.concealed_samples / statistics.total_samples_received,
        "lost_share": 0.0,
    }
