from __future__ import annotations

import time

import pytest

from edge_agent.audio.opus import Application, OpusDecoder, OpusSettings
from edge_agent.audio.uplink import EncodedPacket, Uplink
from edge_agent.core.commands import Gate
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SILENCE, MicrophoneForm
from edge_agent.core.preroll import LISTENED_S, PAUSE_PERIODS
from tests.audio.sounds import PEAK, amplitude, blocks_of, tone


@pytest.fixture
def uplink() -> Uplink:
    return Uplink(OpusSettings())


@pytest.fixture
def packets() -> list[EncodedPacket]:
    return []


def feed(uplink: Uplink, pcm: bytes) -> None:
    for block in blocks_of(pcm):
        uplink.feed(block)


def decoded(packets: list[EncodedPacket]) -> bytes:
    decoder = OpusDecoder()
    return b"".join(decoder.decode(packet.payload) for packet in packets)


def test_an_open_gate_lets_the_voice_through(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    uplink.set_gate(Gate.OPEN)
    feed(uplink, tone(400, 0.4))
    assert amplitude(decoded(packets)[9600:], 400) == pytest.approx(PEAK, rel=0.1)


@pytest.mark.parametrize("frame_ms", [20, 40])
def test_blocks_of_two_periods_make_the_same_packets(frame_ms: int) -> None:
    sound, made = tone(400, 0.4), []
    for block_periods in (1, 2):
        uplink, packets = Uplink(OpusSettings(frame_ms=frame_ms)), list[EncodedPacket]()
        uplink.connect(packets.append)
        uplink.set_gate(Gate.OPEN)
        for at in range(0, len(sound), block_periods * PERIOD_BYTES):
            uplink.feed(sound[at : at + block_periods * PERIOD_BYTES])
        made.append(packets)
    assert made[0] == made[1]
    assert len(made[0]) == 400 // frame_ms


def test_the_gate_is_closed_at_first(uplink: Uplink) -> None:
    assert not uplink.gate_is_open


def test_a_closed_gate_sends_silence_at_the_same_pace(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    feed(uplink, tone(400, 0.2))
    uplink.set_gate(Gate.OPEN)
    uplink.set_gate(Gate.CLOSED)
    feed(uplink, tone(400, 0.2))
    assert [packet.timestamp_samples for packet in packets] == [960 * n for n in range(20)]
    assert amplitude(decoded(packets), 400) < 5


def test_timestamps_follow_the_sample_clock_across_a_pause(
    uplink: Uplink, packets: list[EncodedPacket]
) -> None:
    feed(uplink, SILENCE * 3)  # nobody is connected, but the clock goes on
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 2)
    uplink.disconnect()
    feed(uplink, SILENCE * 5)
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 2)
    assert [packet.timestamp_samples for packet in packets] == [3 * PERIOD_SAMPLES, 10 * PERIOD_SAMPLES]
    assert {packet.duration_samples for packet in packets} == {960}


def test_lost_sound_moves_the_timestamps_on(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 3)  # one packet, and half of one that the gap cuts off
    uplink.skip(12_345)
    feed(uplink, SILENCE * 2)
    assert [packet.timestamp_samples for packet in packets] == [0, 3 * PERIOD_SAMPLES + 12_345]


def test_the_clock_never_goes_back(uplink: Uplink) -> None:
    uplink.skip(480)
    uplink.skip(-1000)
    assert uplink.clock_samples == 480


def test_nothing_is_delivered_after_the_end(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    feed(uplink, SILENCE)
    uplink.disconnect()
    assert not uplink.is_connected
    feed(uplink, SILENCE * 10)
    assert packets == []


def test_a_new_session_hears_nothing_of_the_old_one(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(lambda packet: None)
    uplink.set_gate(Gate.OPEN)
    feed(uplink, tone(400, 0.11))
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 20)
    assert amplitude(decoded(packets), 400) < 5


def test_with_dtx_silence_is_not_delivered_and_the_timestamps_tell_the_gap() -> None:
    packets: list[EncodedPacket] = []
    uplink = Uplink(OpusSettings(dtx=True))
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 200)
    assert len(packets) < 60
    assert packets[-1].timestamp_samples > 100 * PERIOD_SAMPLES


@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
@pytest.mark.parametrize("application", list(Application))
def test_a_packet_is_as_long_as_was_asked_for(frame_ms: int, application: Application) -> None:
    packets: list[EncodedPacket] = []
    uplink = Uplink(OpusSettings(frame_ms=frame_ms, application=application))
    uplink.connect(packets.append)
    uplink.set_gate(Gate.OPEN)
    source = tone(400, 0.48)
    feed(uplink, source)
    n_samples = frame_ms * 48
    assert [packet.timestamp_samples for packet in packets] == list(range(0, 23_040, n_samples))
    assert {packet.duration_samples for packet in packets} == {n_samples}
    assert len(decoded(packets)) == len(source)
    assert amplitude(decoded(packets)[9600:], 400) == pytest.approx(PEAK, rel=0.1)


def test_plain_packets_hold_the_voice_at_half_the_rate(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append, MicrophoneForm.PLAIN)
    uplink.set_gate(Gate.OPEN)
    feed(uplink, tone(400, 0.4))
    assert [packet.timestamp_samples for packet in packets] == [1920 * n for n in range(10)]
    pcm = b"".join(packet.payload for packet in packets)
    assert len(pcm) / 2 == pytest.approx(0.4 * 24_000, abs=100)
    at_half_the_rate = amplitude(pcm[9600:], 2 * 400)
    assert at_half_the_rate == pytest.approx(PEAK, rel=0.1)


def test_a_session_over_rtp_gets_opus_after_one_that_got_samples(
    uplink: Uplink, packets: list[EncodedPacket]
) -> None:
    uplink.connect(lambda _: None, MicrophoneForm.PLAIN)
    feed(uplink, SILENCE * 3)
    uplink.connect(packets.append)
    feed(uplink, SILENCE * 2)
    assert len(decoded(packets)) == 2 * len(SILENCE)


def test_what_is_said_before_there_is_a_session_is_told_to_it(
    uplink: Uplink, packets: list[EncodedPacket]
) -> None:
    caught_up: list[bool] = []
    uplink.tell_caught_up_to(lambda: caught_up.append(True))
    uplink.set_gate(Gate.HOLDING)
    feed(uplink, tone(400, 0.4))
    uplink.connect(packets.append)
    uplink.set_gate(Gate.OPEN, time.monotonic() - 0.4)
    feed(uplink, SILENCE * 20)
    assert not caught_up
    feed(uplink, SILENCE * 60)
    assert caught_up == [True]
    assert amplitude(decoded(packets)[9600:19200], 400) == pytest.approx(PEAK, rel=0.1)
    times = [packet.timestamp_samples for packet in packets]
    assert times == list(range(times[0], times[0] + 960 * len(times), 960)), "it is one stream"


def test_a_closed_gate_holds_nothing(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.set_gate(Gate.HOLDING)
    feed(uplink, tone(400, 0.2))
    uplink.set_gate(Gate.CLOSED)
    feed(uplink, tone(400, 0.2))
    uplink.connect(packets.append)
    uplink.set_gate(Gate.OPEN, time.monotonic() - 10.0)
    feed(uplink, SILENCE * 40)
    assert amplitude(decoded(packets), 400) < 5


def test_a_gate_that_holds_sends_silence(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    uplink.set_gate(Gate.HOLDING)
    feed(uplink, tone(400, 0.2))
    assert len(packets) == 10
    assert amplitude(decoded(packets), 400) < 5


def test_what_is_held_is_kept_while_nothing_is_added(uplink: Uplink, packets: list[EncodedPacket]) -> None:
    uplink.connect(packets.append)
    uplink.set_gate(Gate.HOLDING)
    feed(uplink, tone(400, 0.2))
    uplink.set_gate(Gate.KEEPING)
    feed(uplink, tone(1000, 0.2))
    packets.clear()
    uplink.set_gate(Gate.OPEN, time.monotonic() - 60.0)
    feed(uplink, SILENCE * 40)
    assert amplitude(decoded(packets), 400) > 100
    assert amplitude(decoded(packets), 1000) < 5


def test_who_waits_for_a_word_holds_two_seconds_of_what_is_said(
    uplink: Uplink, packets: list[EncodedPacket]
) -> None:
    uplink.connect(packets.append)
    uplink.set_gate(Gate.LISTENING)
    feed(uplink, tone(400, LISTENED_S))
    feed(uplink, tone(1000, LISTENED_S))
    packets.clear()
    uplink.set_gate(Gate.OPEN, time.monotonic() - 60.0)
    feed(uplink, SILENCE * 250)
    assert amplitude(decoded(packets), 1000) > 100
    assert amplitude(decoded(packets), 400) < 5


def test_a_pause_is_told_to_who_waits_for_one(uplink: Uplink) -> None:
    paused: list[bool] = []
    uplink.tell_paused_to(lambda: paused.append(True))
    uplink.connect(lambda _: None)
    uplink.set_gate(Gate.OPEN)
    feed(uplink, SILENCE * 100)
    assert not paused
    uplink.await_pause()
    feed(uplink, SILENCE)
    assert paused == [True]
    feed(uplink, SILENCE * 100)
    assert paused == [True], "once"


def test_a_voice_is_waited_for(uplink: Uplink) -> None:
    paused: list[bool] = []
    uplink.tell_paused_to(lambda: paused.append(True))
    uplink.connect(lambda _: None)
    uplink.set_gate(Gate.OPEN)
    feed(uplink, tone(400, 0.1))
    uplink.await_pause()
    feed(uplink, tone(400, 0.1) + SILENCE * (PAUSE_PERIODS - 2) + tone(400, 0.1))
    feed(uplink, SILENCE * (PAUSE_PERIODS - 2))
    assert not paused
    feed(uplink, SILENCE * 4)
    assert paused == [True]


def test_what_was_held_is_sent_before_a_pause_counts(uplink: Uplink) -> None:
    told: list[str] = []
    uplink.tell_paused_to(lambda: told.append("paused"))
    uplink.tell_caught_up_to(lambda: told.append("caught up"))
    uplink.connect(lambda _: None)
    uplink.set_gate(Gate.HOLDING)
    feed(uplink, tone(400, 1.0))
    uplink.set_gate(Gate.OPEN, time.monotonic() - 1.0)
    uplink.await_pause()
    feed(uplink, SILENCE * 200)
    assert told == ["caught up", "paused"]
