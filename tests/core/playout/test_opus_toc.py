from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.audio.opus import OpusEncoder, OpusSettings
from edge_agent.core.playout.opus_toc import LARGEST_DTX_BYTES, LONGEST_PACKET_SAMPLES, duration_samples
from tests.audio.sounds import silence, tone

ONE_FRAME, TWO_FRAMES, TWO_UNEQUAL_FRAMES, COUNTED_FRAMES = range(4)


@pytest.mark.parametrize("frame_s", [0.0025, 0.005, 0.01, 0.02, 0.04, 0.06])
def test_what_libopus_makes_is_as_long_as_its_first_byte_says(frame_s: float) -> None:
    packet = OpusEncoder(OpusSettings()).encode(tone(400, frame_s))
    assert duration_samples(packet) == round(frame_s * 48_000)


@pytest.mark.parametrize(
    ("configuration", "frame_ms"),
    [
        *zip(range(12), [10, 20, 40, 60] * 3, strict=True),  # SILK
        *zip(range(12, 16), [10, 20] * 2, strict=True),  # hybrid
        *zip(range(16, 32), [2.5, 5, 10, 20] * 4, strict=True),  # CELT
    ],
)
def test_the_frame_length_is_that_of_the_standards_table(configuration: int, frame_ms: float) -> None:
    toc = configuration << 3
    assert duration_samples(bytes([toc | ONE_FRAME])) == frame_ms * 48
    assert duration_samples(bytes([toc | TWO_FRAMES])) == 2 * frame_ms * 48
    assert duration_samples(bytes([toc | TWO_UNEQUAL_FRAMES])) == 2 * frame_ms * 48
    assert duration_samples(bytes([toc | COUNTED_FRAMES, 1])) == frame_ms * 48


def test_the_stereo_bit_changes_nothing() -> None:
    assert duration_samples(bytes([9 << 3 | 4])) == duration_samples(bytes([9 << 3])) == 960


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (bytes([19 << 3 | COUNTED_FRAMES, 6]), 5_760),
        (bytes([19 << 3 | COUNTED_FRAMES, 7]), None),  # 140 ms
        (bytes([11 << 3 | TWO_FRAMES]), 5_760),
        (bytes([16 << 3 | COUNTED_FRAMES, 48 | 0x80 | 0x40]), 5_760),  # variable bit rate, padded
        (bytes([16 << 3 | COUNTED_FRAMES, 0]), None),
        (bytes([16 << 3 | COUNTED_FRAMES]), None),  # the count is missing
        (b"", None),
    ],
)
def test_a_packet_lasts_up_to_120_ms_and_holds_a_frame_at_least(packet: bytes, samples: int | None) -> None:
    assert duration_samples(packet) == samples


@given(st.binary(max_size=4))
def test_whatever_comes_is_a_packet_of_a_possible_length_or_none(packet: bytes) -> None:
    samples = duration_samples(packet)
    assert samples is None or (0 < samples <= LONGEST_PACKET_SAMPLES and samples % 120 == 0)


def test_what_libopus_makes_of_silence_with_dtx_is_known_as_such() -> None:
    encoder = OpusEncoder(OpusSettings(dtx=True))
    sizes = [len(encoder.encode(silence(0.02))) for _ in range(50)]
    assert min(sizes) <= LARGEST_DTX_BYTES < len(OpusEncoder(OpusSettings()).encode(tone(400, 0.02)))
