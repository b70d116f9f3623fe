from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from edge_agent.core.pcm import PERIOD_S, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.bridge import LONGEST_BRIDGE_SAMPLES
from edge_agent.core.playout.jitter_buffer import MOVES, STALE_S, JitterBuffer, Phase
from edge_agent.core.playout.overtaking import WAIT_MARGIN
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.packet_buffer import LIMIT_PACKETS
from edge_agent.core.playout.retiming import SILENCE_TOLERANCE_S
from edge_agent.errors import IllegalTransition
from tests.core.playout.scenes import (
    CELT_2_5_MS,
    CELT_5_MS,
    DTX,
    PACKET_S,
    PITCH_SAMPLES,
    QUIET,
    SILK_10_MS,
    SILK_20_MS,
    SILK_40_MS,
    SILK_60_MS,
    FakeDecoder,
    Scene,
    Sender,
    delayed,
    sent_at,
    voice,
)

PACKET_SAMPLES = 960
TICK_S = PERIOD_S + 0.001
"""What the pull's own rhythm may add to a delay."""

CALM_S = PACKET_S + 0.001
"""No packet waits longer than this when there is no jitter: no second one waits behind it."""


def uniform(largest_s: float) -> Callable[[int], float]:
    """A network that delays by anything up to ``largest_s``."""
    chance = random.Random(1)
    return lambda _: chance.uniform(0.0, largest_s)


def in_flow(seconds: float = 2.0) -> tuple[Scene, Sender]:
    """A scene and its sender after ``seconds`` of speech without any trouble."""
    scene, sender = Scene(), Sender()
    scene.play(sender.send(0.0, seconds), seconds)
    return scene, sender


def settled(seconds: float) -> tuple[Scene, Sender]:
    """The same, after a silence in which the delay became what was measured by then."""
    scene, sender = in_flow(seconds - 0.5)
    quiet = sender.send(seconds - 0.5, 0.1, QUIET)
    scene.play(quiet + sender.send(seconds - 0.4, 0.4), seconds)
    return scene, sender


def sound_of(scene: Scene) -> bytes:
    """All that was played, the silence before it and between its spurts left out."""
    sound = b"".join(played.block for played in scene.played if played.block is not SILENCE)
    return sound.lstrip(b"\0")


# -- no trouble ------------------------------------------------------------------------------------------


def test_before_anything_arrives_there_is_silence() -> None:
    scene = Scene()
    scene.play([], 0.5)
    assert all(played.block is SILENCE for played in scene.played)
    assert scene.decoder.calls == []


@pytest.mark.parametrize("toc", [CELT_2_5_MS, CELT_5_MS, SILK_10_MS, SILK_20_MS, SILK_40_MS, SILK_60_MS])
def test_packets_of_any_length_are_played_as_they_are(toc: int) -> None:
    scene, sender = Scene(), Sender(toc=toc)
    scene.play(sender.send(0.0, 1.2), 1.5)
    played = sound_of(scene)
    assert played.startswith(voice(0, 48_000))
    assert scene.calls("recover") == []
    assert len(scene.decoded()) == round(1.2 * SAMPLE_RATE_HZ) // sender.samples


def test_a_frame_of_any_length_may_follow_any_other() -> None:
    scene, sender, packets = Scene(), Sender(), []
    for n, toc in enumerate([SILK_20_MS, CELT_2_5_MS, SILK_60_MS, CELT_5_MS, SILK_10_MS, SILK_20_MS] * 4):
        sender.toc = toc
        packets += sender.send(n * 0.060, 0.060)
    scene.play(packets, 1.6)
    assert scene.decoded() == sent_at(packets)
    assert scene.calls("recover") == []


def test_without_trouble_the_delay_is_about_a_period() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 5.0)
    scene.play(packets, 5.0)
    delays_s = scene.delays_s(packets, since=2.0)
    assert max(delays_s) <= CALM_S
    assert sum(delays_s) / len(delays_s) <= PERIOD_S + 0.001


def test_every_block_is_a_period_or_so() -> None:
    scene, sender = Scene(), Sender()
    scene.play(sender.send(0.0, 1.0, delay_s=uniform(0.060)) + sender.send(1.0, 1.0, QUIET), 2.0)
    assert all(played.samples <= 4 * PERIOD_SAMPLES for played in scene.played)


# -- losses ----------------------------------------------------------------------------------------------


def test_one_lost_packet_is_replaced_and_nothing_else() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 5.0)
    lost = packets.pop(100)
    scene.play(packets, 5.0)
    assert scene.decoded() == sent_at(packets)
    statistics = scene.buffer.statistics
    assert PACKET_SAMPLES <= statistics.concealed_samples <= PACKET_SAMPLES + LONGEST_BRIDGE_SAMPLES
    assert scene.silent_s(since=0.1, until=4.9) == 0.0
    assert max(scene.delays_s(packets, since=lost.arrived_at + 2.0)) <= CALM_S


def test_a_packet_that_is_missing_in_a_full_buffer_is_made_from_the_next_one() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 6.0, delay_s=lambda n: 0.060 * (n % 2))  # every second one: waits for them
    del packets[251]
    scene.play(packets, 6.0)
    recovered = scene.calls("recover", since=3.0)
    assert [(call.samples, call.at_samples) for call in recovered] == [(PACKET_SAMPLES, 252 * PACKET_SAMPLES)]
    assert scene.calls("conceal", since=3.0) == []
    assert scene.buffer.statistics.fec_samples_recovered >= PACKET_SAMPLES


def test_packets_that_are_late_again_and_again_are_soon_waited_for() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 4.0, delay_s=lambda n: 0.060 * (n % 2))
    scene.play(packets, 3.9)
    assert scene.buffer.statistics.packets_discarded <= 3
    assert scene.calls("recover", "conceal", since=1.0) == []


@pytest.mark.parametrize("burst", [2, 3, 5])
def test_a_burst_of_losses_is_bridged_without_a_hole(burst: int) -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 4.0)
    del packets[100 : 100 + burst]
    scene.play(packets, 4.0)
    assert scene.decoded() == sent_at(packets)
    assert scene.silent_s(since=0.1, until=3.9) == 0.0
    concealed = scene.buffer.statistics.concealed_samples
    assert burst * PACKET_SAMPLES <= concealed <= burst * PACKET_SAMPLES + 2 * PERIOD_SAMPLES


def test_a_long_hole_becomes_silent_and_sound_goes_on_behind_it() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 4.0)
    del packets[100:120]
    scene.play(packets, 4.0)
    assert scene.decoded() == sent_at(packets)
    assert scene.buffer.statistics.concealed_samples == LONGEST_BRIDGE_SAMPLES
    assert scene.silent_s(since=0.1, until=3.9) == pytest.approx(0.3, abs=0.021)
    assert max(scene.delays_s(packets, since=3.0)) <= CALM_S


def test_the_end_of_a_bridge_fades_away() -> None:
    scene, _ = in_flow()
    scene.play([], 3.0)
    last = next(played.block for played in reversed(scene.played) if played.block is not SILENCE)
    assert (
        max(abs(int.from_bytes(last[-n - 2 : len(last) - n], "little", signed=True)) for n in (0, 2, 4)) < 300
    )


def test_losses_in_a_row_are_one_concealment() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 6.0, delay_s=lambda n: 0.080 * (n % 2))
    del packets[251:254], packets[201]
    scene.play(packets, 3.5)
    before = replace(scene.buffer.statistics)
    scene.play([], 5.9)
    after = scene.buffer.statistics
    assert after.concealment_events - before.concealment_events == 2
    assert after.concealed_samples - before.concealed_samples == 4 * PACKET_SAMPLES


def test_a_hole_in_a_full_buffer_is_bridged_for_a_while_only() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 4.0)
    stalled = [packet._replace(arrived_at=max(packet.arrived_at, 0.6)) for packet in packets[:30]]
    late = [packet for n, packet in enumerate([*stalled, *packets[30:]]) if not 5 <= n < 20]
    scene.play(late, 3.9)
    assert scene.buffer.statistics.concealed_samples <= LONGEST_BRIDGE_SAMPLES
    scene.play([], 5.0)
    assert scene.decoded() == sent_at(late)


def test_a_loss_before_a_pause_does_not_fill_the_pause() -> None:
    scene, sender = in_flow()
    sender.send(2.0, PACKET_S)
    sender.pause(2.0)
    packets = sender.send(4.02, 1.0)
    scene.play([delayed(packet, -1.99) for packet in packets], 3.0)
    assert scene.buffer.statistics.concealed_samples <= LONGEST_BRIDGE_SAMPLES
    scene.play([], 4.0)
    assert scene.decoded(since=2.0) == sent_at(packets)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.10])
def test_little_more_is_concealed_than_is_lost(share: float) -> None:
    chance = random.Random(2)
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 30.0)
    kept = [packet for packet in packets if chance.random() >= share]
    scene.play(kept, 30.0)
    lost_samples = (len(packets) - len(kept)) * PACKET_SAMPLES
    assert scene.buffer.statistics.concealed_samples <= 1.2 * lost_samples + LONGEST_BRIDGE_SAMPLES
    assert scene.decoded() == sent_at(kept)


# -- jitter and stalls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("largest_s", [0.040, 0.100])
def test_after_learning_the_jitter_hardly_anything_comes_too_late(largest_s: float) -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 30.0, delay_s=uniform(largest_s))
    scene.play(packets, 10.0)
    assert scene.buffer.target_s == pytest.approx(largest_s, rel=0.2)
    concealed = scene.buffer.statistics.concealed_samples
    scene.play([], 30.0)
    assert scene.buffer.statistics.concealed_samples - concealed <= 0.03 * 20.0 * SAMPLE_RATE_HZ
    sent = {packet.payload: n * PACKET_S for n, packet in enumerate(packets)}
    waits_s = sorted(call.now - sent[call.payload] for call in scene.calls("decode", since=10.0))
    assert waits_s[len(waits_s) // 2] <= 1.3 * largest_s + TICK_S


def test_a_jitter_that_ends_is_forgotten() -> None:
    scene, sender = Scene(), Sender()
    scene.play(sender.send(0.0, 10.0, delay_s=uniform(0.100)), 10.0)
    calm = [
        packet for n in range(20) for packet in sender.send(10 + n, 0.8) + sender.send(10.8 + n, 0.2, QUIET)
    ]
    scene.play(calm, 30.0)
    assert max(scene.delays_s(calm, since=25.0)) <= CALM_S


@pytest.mark.parametrize("spacing_s", [0.0, 0.006, 0.010])
def test_after_a_stall_every_word_is_played_and_the_delay_comes_back(spacing_s: float) -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 10.0)
    stalled = [
        packet._replace(arrived_at=max(packet.arrived_at, 2.3 + (n - 100) * spacing_s))
        if n >= 100
        else packet
        for n, packet in enumerate(packets)
    ]
    scene.play(stalled, 10.0)
    assert scene.decoded() == sent_at(packets)
    assert scene.buffer.statistics.packets_discarded == 0
    assert max(scene.delays_s(stalled, since=7.3)) <= CALM_S


def test_reordered_packets_are_played_in_order() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 10.0)
    swapped = [delayed(packet, 0.030 if n % 10 == 5 else 0.0) for n, packet in enumerate(packets)]
    scene.play(swapped, 10.5)
    decoded = scene.decoded()
    assert decoded == sorted(decoded)
    assert len(packets) - len(decoded) == scene.buffer.statistics.packets_discarded <= 12
    assert [at for at in decoded if at >= 5 * SAMPLE_RATE_HZ] == sent_at(packets)[250:]


def test_a_packet_that_comes_twice_is_played_once() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 5.0)
    again = [delayed(packet, (0.0, 0.005, 0.070, 0.900)[n % 4]) for n, packet in enumerate(packets)]
    scene.play(packets + again, 6.5)
    assert scene.decoded() == sent_at(packets)
    assert scene.buffer.statistics.packets_discarded == len(again)


def test_a_packet_that_comes_seconds_too_late_is_not_played() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 10.0)
    strays = [delayed(packets[n], late_s) for n, late_s in ((20, 1.5), (50, 2.5), (60, 6.0))]
    scene.play(packets + strays, 10.5)
    assert scene.decoded() == sent_at(packets)
    assert scene.silent_s(since=0.1, until=9.9) == 0.0
    assert scene.buffer.statistics.packets_discarded == len(strays)


@pytest.mark.parametrize("late_s", [0.006, 0.012, 0.020])
def test_one_late_packet_makes_nothing_later_that_follows(late_s: float) -> None:
    scene, sender = settled(5.0)
    before = scene.buffer.statistics.concealed_samples
    packets = sender.send(5.0, 1.0)
    scene.play([delayed(packets[0], late_s), *packets[1:]], 5.9)
    delays = scene.delays_s(packets[2:40])
    assert max(delays[:5]) <= max(delays[-5:]) + PITCH_SAMPLES / SAMPLE_RATE_HZ
    made_up_s = (scene.buffer.statistics.concealed_samples - before) / SAMPLE_RATE_HZ
    assert 0 < made_up_s <= late_s + PERIOD_S
    assert scene.silent_s(since=5.0, until=5.9) == 0.0


def test_where_packets_overtake_each_other_one_bridge_is_long_enough() -> None:
    scene, sender = in_flow()
    before = scene.buffer.statistics.concealment_events
    late_s = {0: 0.032, 5: 0.034, 11: 0.038, 20: 0.036}
    packets = sender.send(2.0, 1.0, delay_s=lambda n: late_s.get(n, 0.0))
    scene.play(packets, 2.9)
    assert scene.buffer.statistics.concealment_events <= before + 2
    delays = scene.delays_s(packets[6:40])
    assert max(delays) <= 0.040 + TICK_S + PERIOD_S
    expected = sent_at(packets)
    del expected[0]  # the first of them: given up, as nothing was known yet
    played = scene.decoded(since=2.0)
    assert played == expected[: len(played)]


@pytest.mark.parametrize("late_s", [0.008, None])
def test_one_stray_packet_makes_no_bridge_longer(late_s: float | None) -> None:
    scene, sender = settled(3.0)
    packets = sender.send(3.0, 2.0)
    packets[5] = delayed(packets[5], 0.300)
    before_harm = packets[:40]
    harmed = [] if late_s is None else [delayed(packets[40], late_s)]
    scene.play(before_harm, 3.79)
    before = scene.buffer.statistics.concealed_samples
    scene.play(harmed + packets[41:], 4.9)
    made_up_s = (scene.buffer.statistics.concealed_samples - before) / SAMPLE_RATE_HZ
    assert 0 < made_up_s <= (PACKET_S if late_s is None else late_s) + PERIOD_S


@pytest.mark.parametrize("harm_s", [0.008, None])
def test_one_overtaken_packet_makes_one_bridge_longer(harm_s: float | None) -> None:
    scene, sender = settled(3.0)
    before = scene.buffer.statistics.concealed_samples
    packets = sender.send(3.0, 2.0)
    harmed = (5, 15, 23, 31)
    packets[5] = delayed(packets[5], 0.045)
    for n in harmed[1:]:
        packets[n] = delayed(packets[n], 5.0 if harm_s is None else harm_s)
    scene.play(packets, 4.9)
    made_up_s = (scene.buffer.statistics.concealed_samples - before) / SAMPLE_RATE_HZ
    longest_s = WAIT_MARGIN * 0.045 + PERIOD_S
    assert longest_s - PERIOD_S < made_up_s <= longest_s + (len(harmed) - 1) * PACKET_S
    assert scene.silent_s(since=3.0, until=4.9) == 0.0


def test_what_was_bridged_meanwhile_is_cut_off_a_late_packet() -> None:
    scene, sender = in_flow()
    first, second, third = sender.send(2.0, 0.060)
    # The first two are missing for 45 ms. Then comes the second, and stands for the time up to itself.
    scene.play([delayed(second, 0.025), delayed(third, 0.005), delayed(first, 0.5)], 3.0)
    decoded = scene.decoded(since=2.0)
    assert decoded == sent_at([second, third])


def test_overflow_drops_the_oldest_and_playout_goes_on() -> None:
    scene, sender = in_flow()
    flood = [packet._replace(arrived_at=2.0) for packet in sender.send(2.0, (LIMIT_PACKETS + 50) * PACKET_S)]
    scene.play(flood, 2.01)
    assert len(scene.buffer._packets) <= LIMIT_PACKETS
    scene.play([], 10.0)
    decoded = scene.decoded(since=2.0)
    assert decoded == sent_at(flood)[-len(decoded) :]
    assert len(decoded) >= LIMIT_PACKETS


# -- pauses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_advanced", [True, False])
def test_in_a_pause_of_the_sender_nothing_is_held_back(is_advanced: bool) -> None:
    scene, sender = in_flow()
    if is_advanced:
        sender.pause(2.0)
    spurt = sender.send(4.0, 1.0)
    scene.play(spurt, 5.5)
    tail, head = scene.decoded(since=1.9), scene.delays_s(spurt)
    assert tail == list(range(tail[0], (100 + 50) * PACKET_SAMPLES, PACKET_SAMPLES))
    last = max(call.now for call in scene.calls("decode") if call.now < 3.0)
    assert last <= 2.0 + CALM_S
    assert head[0] <= CALM_S
    assert scene.silent_s(since=2.2, until=4.0) == pytest.approx(1.8, abs=0.011)


@pytest.mark.parametrize("after_pull_s", [0.001, 0.003, 0.005, 0.007, 0.009])
def test_a_spurt_begins_when_it_is_due_and_not_at_the_next_period(after_pull_s: float) -> None:
    """The device takes 10 ms at a time, and where in them the first packet arrives is chance."""
    scene, sender = settled(3.0)
    scene.play([], 5.0)
    spoken_at, next_pull_at = scene.now + after_pull_s, scene.now + PERIOD_S
    sender.pause(spoken_at - 3.0)
    target_s = scene.buffer.target_s
    scene.play(sender.send(spoken_at, 1.0), spoken_at + 1.5)
    begins_at = next(played.at for played in scene.played if played.at > spoken_at and any(played.block))
    due_at = max(spoken_at + target_s, next_pull_at)
    assert due_at - SILENCE_TOLERANCE_S - 0.0001 <= begins_at <= due_at + 0.0001


@pytest.mark.parametrize("is_advanced", [True, False])
def test_a_pause_after_quiet_needs_no_bridge(is_advanced: bool) -> None:
    scene, sender = in_flow()
    scene.play(sender.send(2.0, 0.2, QUIET), 2.2)
    if is_advanced:
        sender.pause(2.0)
    scene.play(sender.send(4.2, 1.0), 5.2)
    assert scene.calls("recover", "conceal") == []
    assert scene.buffer.statistics.concealed_samples == 0


def test_with_dtx_the_pauses_are_filled_with_comfort_noise() -> None:
    scene, sender = in_flow()
    comfort: list[RtpPacket] = []
    for at in (2.0, 2.4, 2.8):
        comfort += sender.send(at, PACKET_S, DTX)
        sender.pause(0.380)
    scene.play(comfort + sender.send(3.2, 1.0), 4.2)
    between = [played for played in scene.played if 2.05 <= played.at < 3.2]
    assert all(played.block is not SILENCE for played in between)
    assert scene.decoded(since=3.0) == sent_at(sender.send(3.2, 0.0)) + scene.decoded(since=3.0)
    assert scene.buffer.statistics.concealed_samples <= 2 * PERIOD_SAMPLES
    assert len(scene.decoded(since=3.2)) == 50


def test_comfort_noise_ends_when_the_sender_has_paused() -> None:
    scene, sender = in_flow()
    scene.play(sender.send(2.0, PACKET_S, DTX), 10.0)
    assert scene.silent_s(until=3.0) < 0.1
    assert scene.silent_s(since=3.5) == pytest.approx(6.5, abs=0.05)


def test_comfort_noise_ends_with_a_flush() -> None:
    scene, sender = in_flow()
    scene.play(sender.send(2.0, PACKET_S, DTX), 2.5)
    assert scene.played[-1].block is not SILENCE
    scene.buffer.flush(scene.now, ignore_s=0.1)
    scene.play([], 2.6)
    assert scene.played[-1].block is SILENCE


# -- clocks that drift -----------------------------------------------------------------------------------


@pytest.mark.parametrize("device_ppm", [-100.0, 100.0])
def test_with_pauses_drift_is_never_heard(device_ppm: float) -> None:
    scene, sender = Scene(device_ppm), Sender()
    packets: list[RtpPacket] = []
    for start in range(0, 600, 10):  # two seconds of silence and eight of speech, for ten minutes
        packets += sender.send(start, 2.0, QUIET) + sender.send(start + 2.0, 8.0)
    scene.play(packets, 599.9)
    statistics = scene.buffer.statistics
    assert (statistics.audible_corrections, statistics.concealed_samples) == (0, 0)
    assert scene.decoded() == sent_at(packets[: len(scene.decoded())])
    assert spread_s(scene.delays_s(packets, since=20.0)) <= 2 * 0.005


@pytest.mark.parametrize("device_ppm", [-100.0, 100.0])
def test_without_pauses_drift_is_heard_once_a_minute_at_most(device_ppm: float) -> None:
    scene, sender = Scene(device_ppm), Sender()
    packets = sender.send(0.0, 600.0)
    scene.play(packets, 599.9)
    statistics = scene.buffer.statistics
    assert statistics.audible_corrections <= 10
    assert statistics.concealed_samples <= 2 * PERIOD_SAMPLES
    assert scene.silent_s(since=0.1) == 0.0
    assert spread_s(scene.delays_s(packets, since=20.0)) <= 2 * 0.010


def spread_s(delays_s: list[float]) -> float:
    return max(delays_s) - min(delays_s)


# -- streams ---------------------------------------------------------------------------------------------


def test_numbers_that_wrap_around_change_nothing() -> None:
    scene, sender = Scene(), Sender(sequence=65_500, timestamp=2**32 - 40 * PACKET_SAMPLES)
    packets = sender.send(0.0, 2.0)
    scene.play(packets, 2.5)
    assert scene.decoded() == sent_at(packets)
    assert scene.calls("recover") == []
    assert len(scene.calls("reset")) == 1


def test_another_source_begins_with_a_fresh_decoder() -> None:
    scene, _ = in_flow()
    other = Sender(ssrc=2, sequence=777, timestamp=123_456, at_samples=10**6)
    packets = other.send(2.0, 1.0)
    scene.play(packets, 3.5)
    assert len(scene.calls("reset")) == 2
    assert scene.decoded(since=2.0) == sent_at(packets)
    assert scene.delays_s(packets)[0] <= CALM_S


def test_timestamps_that_jump_ahead_by_less_than_a_second_are_a_path_that_has_become_faster() -> None:
    scene, sender = in_flow()
    sender.pause(0.3)
    packets = sender.send(2.0, 20.0)
    scene.play(packets, 22.0)
    assert scene.decoded(since=2.0) == sent_at(packets[: len(scene.decoded(since=2.0))])
    assert max(scene.delays_s(packets, since=18.0)) <= CALM_S


@pytest.mark.parametrize("jump_s", [-44_000.0, -3600.0, -0.5, -0.1, 5.0, 3600.0, 44_000.0])
def test_after_a_jump_of_the_timestamps_sound_goes_on_at_once(jump_s: float) -> None:
    scene, sender = in_flow()
    sender.timestamp = (sender.timestamp + round(jump_s * SAMPLE_RATE_HZ)) % 2**32
    packets = sender.send(2.0, 3.0)
    scene.play(packets, 5.5)
    assert scene.decoded(since=2.0) == sent_at(packets)
    assert max(scene.delays_s(packets, since=4.0)) <= CALM_S


@pytest.mark.parametrize("sequence", [30_000, 65_000, 4_000])
def test_numbers_that_begin_anew_cost_a_packet_at_most(sequence: int) -> None:
    scene, sender = in_flow()
    sender.sequence = sequence
    packets = sender.send(2.0, 1.0)
    scene.play(packets, 3.5)
    assert scene.decoded(since=2.0)[-49:] == sent_at(packets)[1:]


def test_what_is_no_opus_is_counted_and_forgotten() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 1.0)
    garbage = [packet._replace(payload=payload) for packet in packets[:10] for payload in (b"", b"\xff")]
    scene.play(packets + garbage, 1.5)
    assert scene.buffer.statistics.packets_discarded == len(garbage)
    assert scene.decoded() == sent_at(packets)


# -- barge-in --------------------------------------------------------------------------------------------


def test_after_a_flush_nothing_of_the_old_answer_is_played() -> None:
    scene, sender = in_flow()
    scene.buffer.flush(2.0, ignore_s=0.3)
    rest = sender.send(2.0, 0.28)
    scene.play(rest, 4.0)
    assert scene.decoded(since=2.0) == []
    assert all(played.block is SILENCE for played in scene.played if played.at >= 2.0)
    assert scene.buffer.statistics.packets_discarded >= len(rest)


def test_what_a_stall_held_back_belongs_to_the_old_answer_too() -> None:
    scene, sender = in_flow()
    scene.buffer.flush(2.0, ignore_s=0.3)
    rest = [delayed(packet, 0.6) for packet in sender.send(2.0, 0.28)]
    scene.play(rest, 4.0)
    assert scene.decoded(since=2.0) == []


@pytest.mark.parametrize("is_advanced", [True, False])
def test_the_next_answer_is_played_from_its_beginning(is_advanced: bool) -> None:
    scene, sender = in_flow()
    scene.buffer.flush(2.0, ignore_s=0.3)
    scene.play(sender.send(2.0, 0.1), 2.5)
    at = 2.0 + STALE_S + 0.1
    if is_advanced:
        sender.pause(at - 2.1)
    answer = sender.send(at, 1.0)
    scene.play(answer, at + 1.5)
    assert scene.decoded(since=2.0) == sent_at(answer)
    assert scene.delays_s(answer)[0] <= CALM_S


def test_another_source_after_a_flush_is_a_new_answer() -> None:
    scene, _ = in_flow()
    scene.buffer.flush(2.0, ignore_s=0.3)
    answer = Sender(ssrc=2, at_samples=10**6).send(2.05, 0.5)
    scene.play(answer, 3.0)
    assert scene.decoded(since=2.0) == sent_at(answer)


def test_a_flush_before_anything_arrived_loses_nothing() -> None:
    scene, sender = Scene(), Sender()
    scene.buffer.flush(0.0, ignore_s=0.3)
    packets = sender.send(0.1, 1.0)
    scene.play(packets, 1.5)
    assert scene.decoded() == sent_at(packets)


def test_clearing_drops_what_waits_and_what_comes_is_played() -> None:
    scene, sender = in_flow()
    scene.play([packet._replace(arrived_at=2.0) for packet in sender.send(2.0, 0.2)], 2.03)
    scene.buffer.clear()
    assert scene.pending_samples == len(scene.buffer._packets) == 0
    packets = sender.send(2.2, 1.0)
    scene.play(packets, 3.5)
    assert scene.decoded(since=2.1) == sent_at(packets)


# -- the machine -----------------------------------------------------------------------------------------


def test_every_phase_can_be_reached_and_left() -> None:
    assert set(MOVES) == set(Phase) == frozenset().union(*MOVES.values())


def test_every_move_of_the_table_happens() -> None:
    scene, sender = Scene(), Sender()
    packets = sender.send(0.0, 1.0)
    del packets[20:22], packets[30]
    scene.play(packets + Sender(ssrc=2).send(1.5, 0.5) + Sender(ssrc=3).send(2.5, 0.5, QUIET), 3.5)
    phases = [Phase.SILENT, *(played.phase for played in scene.played)]
    moves = {(before, after) for before, after in pairwise(phases) if before is not after}
    assert moves == {(before, after) for before, afters in MOVES.items() for after in afters}


def test_a_move_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="silent -> bridging"):
        JitterBuffer(FakeDecoder())._set_phase(Phase.BRIDGING)
