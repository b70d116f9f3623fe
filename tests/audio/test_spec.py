from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.audio.device import DeviceSettings, PcmInput, PcmOutput
from edge_agent.audio.fifo import FifoInput, FifoOutput
from edge_agent.audio.null import NullInput, NullOutput
from edge_agent.audio.spec import PcmKind, PcmSpec, open_input, open_output
from edge_agent.audio.wavfile import WavOutput
from edge_agent.core.pcm import PERIOD_BYTES
from edge_agent.errors import AudioDeviceError


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("default", PcmSpec(PcmKind.ALSA, "default")),
        ("plughw:1", PcmSpec(PcmKind.ALSA, "plughw:1")),
        ("plughw:CARD=Device,DEV=0", PcmSpec(PcmKind.ALSA, "plughw:CARD=Device,DEV=0")),
        ("file:/tmp/a b.wav", PcmSpec(PcmKind.WAV, "/tmp/a b.wav")),
        ("file:question.WAV", PcmSpec(PcmKind.WAV, "question.WAV")),
        ("fifo:/run/edge-agent/mic", PcmSpec(PcmKind.FIFO, "/run/edge-agent/mic")),
        ("null", PcmSpec(PcmKind.NULL, "")),
    ],
)
def test_a_name_is_read_and_written_back(text: str, spec: PcmSpec) -> None:
    assert PcmSpec.parse(text) == spec
    assert str(spec) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an ALSA device"),
        ("  default", "an ALSA device"),
        ("plug\nhw", "an ALSA device"),
        ("file:", "file:PATH.wav"),
        ("file:/tmp/sound.mp3", "file:PATH.wav"),
        ("fifo:", "fifo:PATH"),
    ],
)
def test_a_wrong_name_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"expected {expected}"):
        PcmSpec.parse(text)


def test_each_kind_opens_its_device(tmp_path: Path) -> None:
    settings = DeviceSettings()
    inputs = [open_input(PcmSpec.parse(name), settings) for name in ("null", f"fifo:{tmp_path}/in")]
    assert [type(device) for device in inputs] == [NullInput, FifoInput]
    names = ("null", f"fifo:{tmp_path}/out", f"file:{tmp_path}/out.wav")
    outputs = [open_output(PcmSpec.parse(name), settings) for name in names]
    assert [type(device) for device in outputs] == [NullOutput, FifoOutput, WavOutput]
    recorded = open_input(PcmSpec.parse(names[-1]), settings)
    assert len(recorded.read()) == PERIOD_BYTES
    devices: list[PcmInput | PcmOutput] = [*inputs, *outputs, recorded]
    for device in devices:
        device.close()


@pytest.mark.parametrize("open_device", [open_input, open_output])
def test_a_missing_alsa_device_is_named(
    open_device: Callable[[PcmSpec, DeviceSettings], PcmInput | PcmOutput],
) -> None:
    with pytest.raises(AudioDeviceError, match=r"^no-such-pcm: No such file or directory; .* devices$"):
        open_device(PcmSpec.parse("no-such-pcm"), DeviceSettings())
