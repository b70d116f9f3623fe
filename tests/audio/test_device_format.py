from __future__ import annotations

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.audio.device_format import (
    DeviceFormat,
    Encoding,
    FromDevice,
    ToDevice,
    candidates,
    first_of,
    format_of,
    on_two_of,
)
from tests.audio.sounds import PEAK, amplitude, tone

SAMPLES = [0, 1, -1, 300, -300, 32_767, -32_768]
PCM = array("h", SAMPLES).tobytes()


def test_the_best_format_is_asked_for_first_and_none_twice() -> None:
    wanted = list(candidates())
    assert wanted[0] == DeviceFormat(48_000, 1, Encoding.S16_LE)
    assert len(set(wanted)) == len(wanted)
    assert {each.encoding for each in wanted} == set(Encoding)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "encoding"),
    [
        (7_999, 1, "S16_LE"),
        (384_000, 1, "S16_LE"),
        (48_000, 0, "S16_LE"),
        (48_000, 77, "S16_LE"),
        (48_000, 2, "FLOAT_LE"),
        (48_000, 2, None),
        (None, 2, "S16_LE"),
    ],
)
def test_what_nobody_here_speaks_is_no_format(rate_hz: object, channels: object, encoding: object) -> None:
    assert format_of(rate_hz, channels, encoding) is None


def test_a_format_is_told_as_a_person_reads_it() -> None:
    assert str(format_of(44_100, 2, "S24_3LE")) == "44100 Hz, S24_3LE, 2 channels"
    assert str(DeviceFormat()) == "48000 Hz, S16_LE, 1 channel"


@pytest.mark.parametrize(
    ("encoding", "of_300", "of_minus_1"),
    [
        (Encoding.S16_LE, b"\x2c\x01", b"\xff\xff"),
        (Encoding.S24_3LE, b"\x00\x2c\x01", b"\x00\xff\xff"),
        (Encoding.S24_LE, b"\x00\x2c\x01\x00", b"\x00\xff\xff\xff"),
        (Encoding.S32_LE, b"\x00\x00\x2c\x01", b"\x00\x00\xff\xff"),
    ],
)
def test_samples_are_written_as_alsa_defines_them(
    encoding: Encoding, of_300: bytes, of_minus_1: bytes
) -> None:
    to_device = ToDevice(DeviceFormat(encoding=encoding))
    assert to_device.convert(struct.pack("<2h", 300, -1)) == of_300 + of_minus_1


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_what_is_written_is_what_is_read(encoding: Encoding, channels: int) -> None:
    device = DeviceFormat(channels=channels, encoding=encoding)
    data = ToDevice(device).convert(PCM)
    assert len(data) == len(SAMPLES) * device.frame_bytes
    assert FromDevice(device).convert(data) == PCM


def test_the_unused_byte_of_24_bits_does_not_count() -> None:
    from_device = FromDevice(DeviceFormat(encoding=Encoding.S24_LE))
    assert from_device.convert(b"\x00\x2c\x01\x7f" + b"\x00\xff\xff\x00") == struct.pack("<2h", 300, -1)


def test_more_than_two_channels_stay_silent() -> None:
    frames = array("h", on_two_of(PCM, 5))
    assert [frames[at::5].tolist() for at in range(5)] == [SAMPLES, SAMPLES, *[[0] * len(SAMPLES)] * 3]


@given(st.lists(st.integers(-32_768, 32_767)), st.integers(1, 8))
def test_the_first_channel_is_heard(samples: list[int], channels: int) -> None:
    pcm = array("h", samples).tobytes()
    assert first_of(on_two_of(pcm, channels), channels) == pcm


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 96_000])
def test_a_tone_keeps_its_pitch_and_its_loudness_at_every_rate(rate_hz: int) -> None:
    device = DeviceFormat(rate_hz, 2, Encoding.S24_3LE)
    to_device, from_device = ToDevice(device), FromDevice(device)
    sound = tone(1000, 0.3)
    heard = b"".join(
        from_device.convert(to_device.convert(sound[at : at + 960])) for at in range(0, 28_800, 960)
    )
    assert amplitude(heard[9600:19_200], 1000) == pytest.approx(PEAK, rel=0.02)
    assert len(heard) / len(sound) == pytest.approx(1.0, abs=0.02)


def test_nothing_of_a_dropped_sound_is_left_in_the_resampler() -> None:
    to_device = ToDevice(DeviceFormat(16_000))
    to_device.convert(tone(1000, 0.01))
    to_device.reset()
    assert set(to_device.convert(bytes(960))) == {0}
