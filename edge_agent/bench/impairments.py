"""What the network does to the packets of a case: pure, and the same for every stack of a round.

A packet's fate is how much later it arrives, or that it never does. Chance comes from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PACKET_S = 0.020
PACKET_SAMPLES = 960
"""20 ms at 48 kHz, the packet time of WebRTC (RFC 7587 section 4.2)."""

LEAD_IN_S = 3.0
"""Every stack gets so much undisturbed speech to settle; nothing of it is measured."""

LEAD_OUT_S = 0.5
"""Every case ends in so much silence. Sound is compared over a span of one length: a stack whose delay has
grown, by 0.3 s at most, would lose the end of the last word, for which wideband PESQ takes 0.1 to 0.9."""

DURATION_S = 12.0
"""Of one case, pauses of the sender not counted."""

QUIET_S = 1.0
"""Undisturbed speech that is measured: what "back to the former delay" compares with."""

SENTENCE_GAP_PACKETS = 5
"""100 ms without speech end a sentence; within words there are gaps of half as much."""

BACKLOG_SPACING_S = 0.001
"""After a stall the packets that waited come in order, as fast as a link of some Mbit/s carries them."""

LOST = None
"""The fate of a packet that never arrives."""

Fate = float | None


@dataclass(frozen=True, slots=True)
class Case:
    """One impairment. ``recovers``: how long the delay takes to come back is worth knowing.

    After QUIET_S ``loss_share`` of the packets are lost. From one place on every one is late by up to
    ``jitter_s``: uniform from zero, so packets overtake each other. ``burst_packets`` are lost in a row at
    each of ``bursts`` places. The path stands still for ``stall_s`` once; the sender itself is silent for
    ``pause_s`` once. Chance takes the places, all of them in speech: the words that they hit decide much.
    """

    name: str
    loss_share: float = 0.0
    jitter_s: float = 0.0
    bursts: int = 0
    burst_packets: int = 0
    stall_s: float = 0.0
    pause_s: float = 0.0
    recovers: bool = False


CASES = (
    Case("none"),
    Case("single-loss", bursts=1, burst_packets=1, recovers=True),
    Case("loss-1", loss_share=0.01),
    Case("loss-5", loss_share=0.05),
    Case("loss-10", loss_share=0.10),
    Case("burst-3", bursts=3, burst_packets=3),
    Case("burst-10", bursts=2, burst_packets=10),
    Case("jitter-40", jitter_s=0.040),
    Case("jitter-100", jitter_s=0.100),
    Case("stall-300", stall_s=0.300, recovers=True),
    Case("pause-2s", pause_s=2.0),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the sender hands over each packet, in seconds since it began, and what becomes of it then."""

    due_s: tuple[float, ...]
    fates: tuple[Fate, ...]
    disturbed_from_s: float
    """Before this, nothing happens."""
    disturbed_until_s: float
    """When the last singular event (burst, stall) is over; the start again if there is none."""
    pause_at: int | None
    """The packet before which the sender pauses."""

    @property
    def lost_share(self) -> float:
        """Share of all packets after the lead-in that never arrive."""
        measured = [fate for due, fate in zip(self.due_s, self.fates, strict=True) if due >= LEAD_IN_S]
        return sum(fate is LOST for fate in measured) / len(measured)

    def timestamp_samples(self, index: int) -> int:
        """The RTP timestamp of a packet, counted from the first one's: the sample clock runs in pauses."""
        return round(self.due_s[index] / PACKET_S) * PACKET_SAMPLES


def schedule_of(case: Case, is_speech: Sequence[bool], seed: int) -> Schedule:
    """Decide the fate of one packet for each entry of ``is_speech``."""
    chance = random.Random(seed)
    count = len(is_speech)
    first = round((LEAD_IN_S + QUIET_S) / PACKET_S)
    fates: list[Fate] = [0.0] * count
    ends = first
    jittery_from = next(_places(1, 1, is_speech, first, chance)) if case.jitter_s else first
    for index in range(jittery_from, count):
        fates[index] = chance.random() * case.jitter_s
    for index in _scattered(round(case.loss_share * (count - first)), is_speech, first, chance):
        fates[index] = LOST
    for place in _places(case.bursts, case.burst_packets, is_speech, first, chance):
        fates[place : place + case.burst_packets] = [LOST] * case.burst_packets
        ends = max(ends, place + case.burst_packets)
    if case.stall_s:
        place = next(_places(1, round(case.stall_s / PACKET_S), is_speech, first, chance))
        held = list(_held_back(case.stall_s))
        fates[place : place + len(held)] = held
        ends = place + len(held)
    pause_at = _end_of_a_spurt(is_speech, first) if case.pause_s else None
    due_s = tuple(
        round(index * PACKET_S + (case.pause_s if pause_at is not None and index >= pause_at else 0.0), 6)
        for index in range(count)
    )
    return Schedule(due_s, tuple(fates), first * PACKET_S, ends * PACKET_S, pause_at)


def _held_back(stall_s: float) -> Iterator[float]:
    """Yield how late each packet is from the beginning of a stall until the backlog is gone."""
    late_s = stall_s
    while late_s > 0:
        yield late_s
        late_s -= PACKET_S - BACKLOG_SPACING_S


def _scattered(losses: int, is_speech: Sequence[bool], first: int, chance: random.Random) -> list[int]:
    """Return so many packets, by chance, all of them speech: what is lost in silence is not heard."""
    speech = [index for index in range(first, len(is_speech)) if is_speech[index]]
    return chance.sample(speech, min(losses, len(speech)))


def _places(
    bursts: int, length: int, is_speech: Sequence[bool], first: int, chance: random.Random
) -> Iterator[int]:
    """Yield where each of so many bursts begins: in speech, in the first third of each equal part.

    The rest is left for coming back.
    """
    part = (len(is_speech) - first) // max(1, bursts)
    for burst in range(bursts):
        start = first + part * burst
        end = start + part // 3
        places = [at for at in range(start, end - length) if all(is_speech[at - 2 : at + length + 2])]
        yield chance.choice(places or range(start, end - length))


def _end_of_a_spurt(is_speech: Sequence[bool], first: int) -> int:
    """Return the packet after the last one with speech, where a sentence ends nearest to the first third."""
    wanted = first + (len(is_speech) - first) // 3
    ends = [
        at
        for at in range(first, len(is_speech) - SENTENCE_GAP_PACKETS)
        if is_speech[at - 1] and not any(is_speech[at : at + SENTENCE_GAP_PACKETS])
    ]
    return min(ends, key=lambda at: abs(at - wanted), default=wanted)
