from __future__ import annotations

import audioop
import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.audio.downlink import Downlink
from edge_agent.audio.opus import OpusDecoder, OpusEncoder, OpusSettings
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, PERIOD_S, SAMPLE_BYTES, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.samples import AUDIBLE_PEAK, CROSS_FADE_SAMPLES
from tests.audio.sounds import DEADLINE_S, heard_s, tone

BLOCK = tone(800, 0.2)[:PERIOD_BYTES]
PACKET_S = 0.020
PACKET_SAMPLES = 960
TONE_HZ = 400


def spoken(seconds: float, *, ssrc: int = 1, start: float = 0.0, fec: bool = False) -> list[RtpPacket]:
    """The packets of a tone of TONE_HZ, as they arrive without any delay."""
    encoder = OpusEncoder(OpusSettings(fec=fec, expected_loss_percent=20 if fec else 0))
    pcm = tone(TONE_HZ, seconds)
    packet_bytes = PACKET_SAMPLES * SAMPLE_BYTES
    return [
        RtpPacket(
            ssrc, n, n * PACKET_SAMPLES, encoder.encode(pcm[at : at + packet_bytes]), start + n * PACKET_S
        )
        for n, at in enumerate(range(0, len(pcm), packet_bytes))
    ]


def played(downlink: Downlink, packets: list[RtpPacket], until: float, start: float = 0.0) -> bytes:
    """What the device gets that pulls from ``start`` to ``until``."""
    coming = sorted(packets, key=lambda packet: packet.arrived_at, reverse=True)
    sound = b""
    while (now := start + len(sound) / BYTES_PER_S) < until:
        while coming and coming[-1].arrived_at <= now:
            downlink.receive(coming.pop())
        sound += downlink.pull(now)
    return sound


def test_decoded_sound_is_played_as_it_is() -> None:
    downlink = Downlink()
    downlink.play(BLOCK * 6)
    assert [downlink.pull(n * PERIOD_S) for n in range(7)] == [BLOCK] * 6 + [SILENCE]


def test_what_has_come_is_fetched_when_sound_is_wanted() -> None:
    downlink, packets = Downlink(), spoken(1.0)

    def fetch() -> None:
        downlink.receive(packets.pop(0))

    downlink.connect(fetch)
    sound = b""
    while packets:
        sound += downlink.pull(len(sound) / BYTES_PER_S)
    assert heard_s(sound, TONE_HZ) > 0.4
    downlink.disconnect()
    received = downlink.statistics.packets_received
    downlink.pull(1.0)
    assert downlink.statistics.packets_received == received == 50


@pytest.mark.parametrize("drop", [Downlink.clear, lambda downlink: downlink.flush(0.0, 0.0)])
def test_what_has_come_is_dropped_with_what_waits(drop: Callable[[Downlink], None]) -> None:
    downlink, packets = Downlink(), spoken(0.1)
    coming = iter(packets)

    def fetch() -> None:
        for packet in coming:
            downlink.receive(packet)

    downlink.connect(fetch)
    drop(downlink)
    assert downlink.statistics.packets_discarded == len(packets)


def test_the_rest_that_arrives_after_a_flush_is_dropped_for_a_while() -> None:
    downlink = Downlink()
    downlink.play(BLOCK * 6)
    downlink.pull(10.0)
    downlink.flush(10.01, ignore_s=0.1)
    for n in range(10):
        downlink.play(BLOCK)
        assert downlink.pull(10.01 + n * PERIOD_S) == SILENCE
    assert downlink.pull(10.12) == SILENCE
    downlink.play(BLOCK * 4)
    assert downlink.pull(10.13) == BLOCK


def test_nothing_of_an_answer_that_was_flushed_is_heard_when_silence_follows_it() -> None:
    encoder, downlink = OpusEncoder(OpusSettings()), Downlink()

    def receive(number: int, pcm: bytes) -> None:
        downlink.receive(RtpPacket(1, number, number * 960, encoder.encode(pcm), number * 2 * PERIOD_S))

    for number in range(50):
        receive(number, tone(250, 2 * PERIOD_S))
        heard = [downlink.pull((2 * number + half) * PERIOD_S + 0.001) for half in (0, 1)]
    assert audioop.max(b"".join(heard), SAMPLE_BYTES) > AUDIBLE_PEAK
    downlink.flush(1.0, ignore_s=0.1)
    heard = []
    for number in range(50, 100):
        receive(number, SILENCE * 2)
        heard += [downlink.pull((2 * number + half) * PERIOD_S + 0.001) for half in (0, 1)]
    assert audioop.max(b"".join(heard), SAMPLE_BYTES) < AUDIBLE_PEAK


def test_packets_become_the_sound_that_was_encoded() -> None:
    sound = played(Downlink(), spoken(1.0), until=1.5)
    assert heard_s(sound, TONE_HZ) == pytest.approx(1.0, abs=0.15)  # the end is bridged for 100 ms
    assert sound.endswith(SILENCE)


@pytest.mark.parametrize("fec", [False, True])
def test_lost_packets_leave_no_hole(fec: bool) -> None:
    downlink, packets = Downlink(), spoken(1.0, fec=fec)
    del packets[20], packets[34]
    sound = played(downlink, packets, until=1.5)
    assert heard_s(sound[: BYTES_PER_S * 9 // 10], TONE_HZ) > 0.8
    assert downlink.statistics.concealment_events == 3


@pytest.mark.parametrize("is_advanced", [True, False])
@pytest.mark.parametrize("last_peak", [0, 12_000])
def test_after_a_pause_sound_is_as_if_nothing_had_been_made_up(last_peak: int, is_advanced: bool) -> None:
    """Be it a few milliseconds, until nothing is audible, or as much as may be."""
    pause_s, begins_again = 2.0, 21
    encoder, decoder = OpusEncoder(OpusSettings()), OpusDecoder()
    peaks = [12_000] * (begins_again - 1) + [last_peak] + [12_000] * 20
    payloads = [encoder.encode(tone(TONE_HZ, PACKET_S, peak=peak)) for peak in peaks]
    packets = []
    for n, payload in enumerate(payloads):
        later_s = pause_s if n >= begins_again else 0.0
        later_samples = round(later_s * SAMPLE_RATE_HZ) if is_advanced else 0
        packets.append(RtpPacket(1, n, n * PACKET_SAMPLES + later_samples, payload, n * PACKET_S + later_s))
    downlink = Downlink()
    sound = played(downlink, packets, until=3.0)
    sent = b"".join(decoder.decode(payload) for payload in payloads)
    first = (begins_again * PACKET_SAMPLES + CROSS_FADE_SAMPLES) * SAMPLE_BYTES
    assert sent[first : first + BYTES_PER_S // 5] in sound
    assert downlink.statistics.concealed_samples > 0


def test_what_does_not_decode_is_concealed() -> None:
    downlink, packets = Downlink(), spoken(1.0)
    packets[20] = packets[20]._replace(payload=bytes([19 << 3 | 2, 255]))  # two frames without their length
    sound = played(downlink, packets, until=1.5)
    assert heard_s(sound[: BYTES_PER_S * 9 // 10], TONE_HZ) > 0.8


@pytest.mark.parametrize("gap_samples", [1, 7, 119, 121, 479, 1_001, 2_879])
def test_a_hole_of_any_length_is_filled(gap_samples: int) -> None:
    downlink, packets = Downlink(), spoken(1.0)
    after = [
        packet._replace(timestamp=packet.timestamp + gap_samples, sequence_number=packet.sequence_number + 3)
        for packet in packets[20:]
    ]
    sound = played(downlink, packets[:20] + after, until=1.5)
    assert heard_s(sound[: BYTES_PER_S * 9 // 10], TONE_HZ) > 0.8
    assert downlink.statistics.concealed_samples >= gap_samples


@effort(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60), st.integers(0, 40), st.integers(0, 40_000) | st.integers(0, 2**32 - 1)
        ),
        max_size=40,
    )
)
def test_garbage_does_no_harm_and_good_sound_is_heard_after_it(
    garbage: list[tuple[bytes, int, int]],
) -> None:
    downlink = Downlink()
    packets = [
        RtpPacket(1, number, timestamp, payload, n * 0.013)
        for n, (payload, number, timestamp) in enumerate(garbage)
    ]
    sound = played(downlink, packets, until=1.0)
    assert len(sound) % SAMPLE_BYTES == 0
    sound = played(downlink, spoken(0.4, ssrc=2, start=1.0), until=1.6, start=1.0)
    assert heard_s(sound, TONE_HZ) > 0.35


def test_packets_come_before_decoded_sound() -> None:
    downlink = Downlink()
    downlink.play(BLOCK * 40)
    sound = played(downlink, spoken(0.4), until=1.0)
    assert heard_s(sound, TONE_HZ) > 0.35
    assert sound.count(BLOCK) == 40


def test_a_flush_silences_packets_and_decoded_sound_at_once() -> None:
    downlink, packets = Downlink(), spoken(1.0)
    played(downlink, packets[:25], until=0.5)
    downlink.play(BLOCK * 20)
    downlink.flush(0.5, ignore_s=0.3)
    assert not any(played(downlink, packets[25:40], until=1.4, start=0.5))


def test_clearing_silences_what_waits_and_nothing_else() -> None:
    downlink, packets = Downlink(), spoken(1.0)
    played(downlink, packets[:25], until=0.5)
    downlink.play(BLOCK * 20)
    downlink.clear()
    assert downlink.pull(0.5) is SILENCE
    assert heard_s(played(downlink, packets[26:], until=1.4, start=0.52), TONE_HZ) > 0.4


def test_a_session_the_device_and_an_interruption_may_meet() -> None:
    """One thread each: none of them fails, none waits for another for ever, and sound is heard afterwards."""
    downlink, packets = Downlink(), spoken(2.0)
    chance = random.Random(1)
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as failure:
                failures.append(failure)
                raise

        return threading.Thread(target=run, daemon=True)

    def receive() -> None:
        for number in range(20):
            for packet in packets:
                body = packet.payload if chance.random() < 0.9 else chance.randbytes(chance.randrange(20))
                downlink.receive(packet._replace(ssrc=number, payload=body))
                downlink.play(BLOCK)

    def pull() -> None:
        for n in range(3_000):
            block = downlink.pull(n * PERIOD_S)
            assert 0 < len(block) <= 4 * PERIOD_BYTES

    def interrupt() -> None:
        for n in range(300):
            downlink.flush(n * 10 * PERIOD_S, ignore_s=0.0)
            downlink.clear()
            assert downlink.statistics.as_w3c()["packetsReceived"] <= 20 * len(packets)

    threads = [guarded(receive), guarded(pull), guarded(interrupt)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    assert failures == []
    assert downlink.statistics.packets_received == 20 * len(packets)
    downlink.clear()
    sound = played(downlink, spoken(0.4, ssrc=99, start=40.0), until=40.6, start=40.0)
    assert heard_s(sound, TONE_HZ) > 0.35
