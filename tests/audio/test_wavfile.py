from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from edge_agent.audio import wavfile
from edge_agent.audio.wavfile import WavInput, WavOutput
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import DEADLINE_S, PEAK, amplitude, blocks_of, tone


def write_wav(
    path: Path, pcm: bytes, *, rate_hz: int = 48_000, channels: int = 1, width_bytes: int = 2
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate_hz)
        file.setnchannels(channels)
        file.setsampwidth(width_bytes)
        file.writeframes(pcm)
    return path


def read_all(path: Path, periods: int) -> bytes:
    source = WavInput(path)
    try:
        return b"".join(source.read() for _ in range(periods))
    finally:
        source.close()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_any_usual_file_is_heard_at_its_pitch_and_then_silence(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    pcm = tone(1000, 0.1, rate_hz=rate_hz, channels=channels)
    heard = read_all(write_wav(tmp_path / "in.wav", pcm, rate_hz=rate_hz, channels=channels), 15)
    assert len(heard) == 15 * PERIOD_BYTES
    assert amplitude(heard[2 * 960 : 2 * 3840], 1000) == pytest.approx(PEAK, rel=0.05)
    assert set(heard[12 * PERIOD_BYTES :]) == {0}


def test_a_file_of_the_inner_format_is_heard_bit_by_bit(tmp_path: Path) -> None:
    pcm = tone(700, 0.055)
    source = WavInput(write_wav(tmp_path / "in.wav", pcm))
    heard = b"".join(source.read() for _ in range(5))
    assert not source.has_ended
    heard += source.read()
    source.read()
    assert source.has_ended
    source.close()
    assert heard == pcm.ljust(6 * PERIOD_BYTES, b"\0")


def test_a_file_is_heard_in_blocks_of_two_periods(tmp_path: Path) -> None:
    pcm = tone(700, 0.055)
    source = WavInput(write_wav(tmp_path / "in.wav", pcm), block_periods=2)
    blocks = [source.read() for _ in range(4)]
    source.close()
    assert {len(block) for block in blocks} == {2 * PERIOD_BYTES}
    assert b"".join(blocks) == pcm.ljust(8 * PERIOD_BYTES, b"\0")


def test_a_file_is_heard_in_real_time(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "in.wav", tone(700, 0.05))
    began_s = time.monotonic()
    read_all(path, 20)
    assert time.monotonic() - began_s >= 20 * PERIOD_S - 0.001


def test_an_empty_file_is_silence(tmp_path: Path) -> None:
    assert read_all(write_wav(tmp_path / "in.wav", b""), 2) == SILENCE * 2


def test_a_file_that_ends_in_half_a_sample_is_heard_up_to_there(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "in.wav", b"\1\0" * 100)
    path.write_bytes(path.read_bytes()[:-1])
    assert read_all(path, 1) == (b"\1\0" * 99).ljust(PERIOD_BYTES, b"\0")


@pytest.mark.parametrize(
    ("rate_hz", "channels", "width_bytes", "got"),
    [
        (48_000, 1, 1, "8 bit"),
        (48_000, 6, 2, "6 channels"),
        (96_000, 1, 2, "96000 Hz"),
        (4_000, 1, 2, "4000 Hz"),
    ],
)
def test_an_unsuitable_file_is_refused_with_what_it_is(
    tmp_path: Path, rate_hz: int, channels: int, width_bytes: int, got: str
) -> None:
    frame = bytes(channels * width_bytes)
    path = tmp_path / "odd.wav"
    write_wav(path, frame * 10, rate_hz=rate_hz, channels=channels, width_bytes=width_bytes)
    with pytest.raises(AudioDeviceError, match=got) as refused:
        WavInput(path)
    assert str(path) in str(refused.value)
    assert "expected a WAV file with PCM, 16 bit" in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"not a sound at all", b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\0\0\0\0"]
)
def test_a_file_that_is_no_wav_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    with pytest.raises(AudioDeviceError, match="expected a WAV file with PCM"):
        WavInput(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match=r"nowhere\.wav: can't be read: No such file"):
        WavInput(tmp_path / "nowhere.wav")


def test_everything_that_is_played_is_recorded_silence_included(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    played = SILENCE * 3 + tone(700, 0.03) + SILENCE
    sink = WavOutput(path)
    for block in blocks_of(played):
        sink.write(block)
    sink.drop()
    assert sink.queued_s() == 0
    sink.close()
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        assert file.readframes(100_000) == played


def test_the_recording_keeps_real_time(tmp_path: Path) -> None:
    sink = WavOutput(tmp_path / "out.wav")
    began_s = time.monotonic()
    for _ in range(20):
        sink.write(SILENCE)
    sink.wait()
    sink.close()
    assert time.monotonic() - began_s >= 20 * PERIOD_S - 0.001


RECORDER = """
import sys
from pathlib import Path
from edge_agent.audio.wavfile import WavOutput
sink = WavOutput(Path(sys.argv[1]))
for n in range(10_000):
    sink.write(bytes([n % 250, 0]) * 480)
    print(n, flush=True)
"""


def test_a_killed_process_leaves_a_file_that_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with subprocess.Popen([sys.executable, "-c", RECORDER, str(path)], stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        last = -1
        while last < wavfile.HEADER_EVERY_PERIODS + 5:
            last = int(recorder.stdout.readline())
        recorder.send_signal(signal.SIGKILL)
        recorder.wait(DEADLINE_S)
    with wave.open(str(path)) as file:
        recorded = file.readframes(10_000_000)
    whole_periods = len(recorded) // PERIOD_BYTES
    assert whole_periods >= wavfile.HEADER_EVERY_PERIODS
    assert recorded == b"".join(bytes([n % 250, 0]) * 480 for n in range(whole_periods))
    assert path.stat().st_size >= wavfile.HEADER_BYTES + (last + 1) * PERIOD_BYTES


@pytest.mark.parametrize("place", ["missing/out.wav", "."])
def test_a_place_that_can_not_be_written_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(AudioDeviceError, match="expected a writable place for a WAV file"):
        WavOutput(tmp_path / place)


def test_a_full_disk_is_a_device_that_failed() -> None:
    with pytest.raises(AudioDeviceError, match="No space left on device"):
        WavOutput(Path("/dev/full"))


def test_a_recording_ends_where_the_format_does_and_the_pace_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wavfile, "LARGEST_DATA_BYTES", 3 * PERIOD_BYTES)
    sink = WavOutput(tmp_path / "out.wav")
    for _ in range(6):
        sink.write(SILENCE)
    sink.close()
    assert os.path.getsize(tmp_path / "out.wav") == wavfile.HEADER_BYTES + 3 * PERIOD_BYTES
    assert len(caplog.records) == 1
