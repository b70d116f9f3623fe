from __future__ import annotations

import contextlib
import math
import os
from array import array

import pytest

from edge_agent.audio import opus
from edge_agent.audio.opus import (
    NEURAL_COMPLEXITY,
    Application,
    OpusDecoder,
    OpusEncoder,
    OpusError,
    OpusSettings,
)
from tests.audio.sounds import PEAK, amplitude, silence, tone

PACKET_BYTES = 1920


def packets_of(encoder: OpusEncoder, pcm: bytes) -> list[bytes]:
    return [encoder.encode(pcm[at : at + PACKET_BYTES]) for at in range(0, len(pcm), PACKET_BYTES)]


def correlation(one: bytes, other: bytes) -> float:
    a, b = array("h", one), array("h", other)
    energy = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / energy


@pytest.mark.parametrize("application", list(Application))
def test_what_is_decoded_is_what_was_encoded_delayed_by_the_lookahead(application: Application) -> None:
    encoder = OpusEncoder(OpusSettings(application=application))
    decoder = OpusDecoder()
    source = tone(400, 0.4)
    decoded = b"".join(decoder.decode(packet) for packet in packets_of(encoder, source))
    assert len(decoded) == len(source)
    delay_bytes = 2 * encoder.lookahead_samples
    middle = slice(9_600, 28_800)
    assert correlation(decoded[delay_bytes:][middle], source[middle]) > 0.9
    assert amplitude(decoded[middle], 400) == pytest.approx(PEAK, rel=0.1)


def test_the_bit_rate_is_what_was_asked_for() -> None:
    source = tone(300, 1.0, peak=9000)
    spread = array("h", (sample + (at * 7919) % 997 - 498 for at, sample in enumerate(array("h", source))))
    sizes = {}
    for bitrate_bps in (16_000, 48_000):
        packets = packets_of(OpusEncoder(OpusSettings(bitrate_bps=bitrate_bps)), spread.tobytes())
        sizes[bitrate_bps] = sum(map(len, packets)) * 8
    assert sizes[16_000] < 0.6 * sizes[48_000] < 48_000


def test_without_dtx_silence_is_sent_and_with_it_it_is_not() -> None:
    always = packets_of(OpusEncoder(OpusSettings()), silence(1.0))
    seldom = packets_of(OpusEncoder(OpusSettings(dtx=True)), silence(1.0))
    assert min(map(len, always)) > 2
    assert sum(len(packet) <= 2 for packet in seldom) > len(seldom) / 2


def test_a_lost_packet_is_concealed_by_something_like_it() -> None:
    encoder, decoder = OpusEncoder(OpusSettings()), OpusDecoder()
    packets = packets_of(encoder, tone(400, 0.2))
    for packet in packets[:5]:
        decoder.decode(packet)
    concealed = decoder.conceal(960)
    assert len(concealed) == PACKET_BYTES
    assert amplitude(concealed, 400) > PEAK / 4


@pytest.mark.parametrize("complexity", [0, NEURAL_COMPLEXITY])
def test_a_stream_goes_on_as_if_what_was_taken_back_had_not_been(complexity: int) -> None:
    packets = packets_of(OpusEncoder(OpusSettings(application=Application.LOW_DELAY)), tone(400, 0.2))
    undisturbed, decoder = OpusDecoder(), OpusDecoder(complexity)
    for packet in packets[:5]:
        expected = [undisturbed.decode(packet), decoder.decode(packet)]
        assert expected[0] == expected[1]
    decoder.keep()
    decoder.conceal(1_920)
    decoder.take_back()
    for packet in packets[5:]:
        assert decoder.decode(packet) == undisturbed.decode(packet)


def test_without_effort_there_is_no_neural_network() -> None:
    assert not OpusDecoder(NEURAL_COMPLEXITY - 1).is_neural
    older = opus.library_version().startswith(("libopus 1.3", "libopus 1.4"))
    assert not (older and OpusDecoder(NEURAL_COMPLEXITY).is_neural)


def test_the_packet_after_a_lost_one_brings_it_back() -> None:
    settings = OpusSettings(bitrate_bps=32_000, fec=True, expected_loss_percent=20)
    encoder, decoder = OpusEncoder(settings), OpusDecoder()
    # The pitch changes in the lost packet: concealment can't know that, only the redundant copy can.
    source = tone(200, 0.2) + tone(600, 0.02) + tone(200, 0.1)
    packets = packets_of(encoder, source)
    for packet in packets[:10]:
        decoder.decode(packet)
    recovered = decoder.recover(packets[11], 960) + decoder.decode(packets[11])
    assert amplitude(recovered[600:PACKET_BYTES], 600) > PEAK / 4


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\x03\xff\xff", os.urandom(1) + b"\xff" * 2000])
def test_garbage_is_refused_or_decoded_but_never_harms(garbage: bytes) -> None:
    decoder = OpusDecoder()
    with contextlib.suppress(OpusError):
        decoder.decode(garbage)
    packet = OpusEncoder(OpusSettings()).encode(silence(0.02))
    assert len(decoder.decode(packet)) == PACKET_BYTES


def test_nothing_is_not_a_packet() -> None:
    with pytest.raises(OpusError, match="expected a packet"):
        OpusDecoder().decode(b"")


def test_a_packet_has_one_of_the_lengths_of_the_standard() -> None:
    with pytest.raises(OpusError, match="invalid argument"):
        OpusEncoder(OpusSettings()).encode(silence(0.013))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(OpusError, match="invalid argument"):
        OpusEncoder(OpusSettings(complexity=11))


@pytest.mark.parametrize(("bandwidth_hz", "is_left"), [(8_000, False), (12_000, True), (20_000, True)])
def test_what_is_above_the_bandwidth_is_left_out(bandwidth_hz: int, is_left: bool) -> None:
    encoder = OpusEncoder(OpusSettings(application=Application.LOW_DELAY, bandwidth_hz=bandwidth_hz))
    decoder = OpusDecoder()
    heard = b"".join(decoder.decode(packet) for packet in packets_of(encoder, tone(10_000, 0.2)))
    assert (amplitude(heard[9600:], 10_000) > PEAK / 2) is is_left


def test_a_reset_encoder_begins_anew() -> None:
    encoder = OpusEncoder(OpusSettings())
    source = tone(400, 0.1)
    first = packets_of(encoder, source)
    encoder.reset()
    assert packets_of(encoder, source) == first


def test_the_library_has_a_version() -> None:
    assert opus.library_version().startswith("libopus 1.")


def test_a_missing_library_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "LIBRARY", "libopus-that-is-not-there.so.0")
    opus._library.cache_clear()
    try:
        with pytest.raises(OpusError, match="apt-get install libopus0"):
            OpusDecoder()
    finally:
        opus._library.cache_clear()
