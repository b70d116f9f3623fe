"""Real ALSA handles of virtual cards, and a fake handle for what no virtual card does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing

import alsaaudio
import pytest

from edge_agent.audio import alsa
from edge_agent.audio.alsa import AlsaInput, AlsaOutput, left_of, on_both_sides
from edge_agent.audio.device import DeviceSettings
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.fakes import FakeHandle
from tests.audio.sounds import DEADLINE_S, PEAK, amplitude, blocks_of, heard_s, silence, tone
from tests.virtual_cards import VirtualCards

SETTINGS = DeviceSettings()
BLOCK = tone(800, 0.01)
LEAD_IN_S = 0.3
"""What a virtual card may lose while it connects."""


def write_all(device: AlsaOutput, pcm: bytes) -> None:
    for block in blocks_of(pcm):
        device.write(block)


def read_periods(device: AlsaInput, periods: int) -> None:
    for _ in range(periods):
        device.read()


def listen(device: AlsaInput, until: Callable[[bytes], bool]) -> bytes:
    """Record until ``until`` is content with what was recorded, DEADLINE_S of sound at most."""
    recorded = bytearray()
    for _ in range(round(DEADLINE_S / PERIOD_S)):
        recorded += device.read()
        if len(recorded) % (10 * PERIOD_BYTES) == 0 and until(bytes(recorded)):
            break
    return bytes(recorded)


def opening_plays(speaker: str, microphone: str) -> bytes:
    """Play half a second of tone on one PCM and return what another hears of it."""
    with closing(AlsaInput.open(microphone, SETTINGS)) as ear:
        with closing(AlsaOutput.open(speaker, SETTINGS)) as mouth:
            write_all(mouth, silence(LEAD_IN_S) + tone(1000, 0.5) + silence(0.2))
        return listen(ear, lambda heard: heard_s(heard, 1000) >= 0.48)


@pytest.mark.parametrize(("speaker", "microphone"), [("question", "mic"), ("speaker", "answer")])
def test_a_tone_goes_through_a_card_undamaged(cards: VirtualCards, speaker: str, microphone: str) -> None:
    heard = opening_plays(speaker, microphone)
    assert heard_s(heard, 1000) == pytest.approx(0.5, abs=0.03)
    loudest = max(amplitude(block, 1000) for block in blocks_of(heard))
    assert loudest == pytest.approx(PEAK, rel=0.01)


def test_a_card_keeps_real_time(cards: VirtualCards) -> None:
    with closing(AlsaOutput.open("speaker", SETTINGS)) as mouth:
        began_s = time.monotonic()
        for _ in range(40):
            mouth.write(SILENCE)
        # All but what the card's buffer holds has been played; a clock may be a per cent fast.
        assert time.monotonic() - began_s > (40 - 2 - SETTINGS.buffer_periods) * PERIOD_S
        assert 0 <= mouth.queued_s() <= (SETTINGS.buffer_periods + 1) * PERIOD_S
    with closing(AlsaInput.open("mic", SETTINGS)) as ear:
        began_s = time.monotonic()
        assert {len(ear.read()) for _ in range(40)} == {PERIOD_BYTES}
        assert time.monotonic() - began_s > 0.2


def test_dropping_silences_a_card_at_once(cards: VirtualCards) -> None:
    with (
        closing(AlsaInput.open("answer", SETTINGS)) as ear,
        closing(AlsaOutput.open("speaker", DeviceSettings(buffer_periods=20))) as mouth,
    ):
        write_all(mouth, silence(LEAD_IN_S) + tone(1000, 0.4))
        unplayed_s = mouth.queued_s()
        mouth.drop()
        assert mouth.queued_s() == 0
        write_all(mouth, tone(3000, 0.2) + silence(0.2))
        heard = listen(ear, lambda heard: heard_s(heard, 3000) > 0.18)
    assert unplayed_s > 0.02
    assert heard_s(heard, 1000) <= 0.4 - unplayed_s + 0.03


def test_a_card_that_ran_dry_goes_on_with_the_block_that_it_refused(cards: VirtualCards) -> None:
    with closing(AlsaInput.open("answer", SETTINGS)) as ear:
        with closing(AlsaOutput.open("strict", SETTINGS)) as mouth:
            write_all(mouth, silence(LEAD_IN_S))
            deadline = time.monotonic() + DEADLINE_S
            while not mouth.xruns and time.monotonic() < deadline:
                time.sleep(0.1)
                mouth.write(SILENCE)
            assert mouth.xruns
            known = mouth.xruns
            write_all(mouth, tone(1000, 0.5) + silence(0.2))
            assert mouth.xruns - known < 10
        heard = listen(ear, lambda heard: heard_s(heard, 1000) > 0.48)
    assert heard_s(heard, 1000) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("open_device", [AlsaInput.open, AlsaOutput.open])
@pytest.mark.parametrize(
    ("name", "reason", "next_step"),
    [
        ("no-such-pcm", "No such file or directory", "edge-agent devices"),
        ("plughw:CARD=Nothing", "No such (device|file or directory)", "edge-agent devices"),
        ("hw:31", "No such (device|file or directory)", "edge-agent devices"),
    ],
)
def test_a_device_that_is_not_there_is_named_with_what_to_do(
    cards: VirtualCards,
    capfd: pytest.CaptureFixture[str],
    open_device: Callable[[str, DeviceSettings], object],
    name: str,
    reason: str,
    next_step: str,
) -> None:
    with pytest.raises(AudioDeviceError, match=f"^{name}: {reason}; .*{next_step}"):
        open_device(name, SETTINGS)
    assert capfd.readouterr().err == ""  # alsa-lib has nothing to add


TWO_THREADS_IN_SEARCH_OF_A_CARD = """
import sys, threading
from contextlib import suppress
from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.device import DeviceSettings
from edge_agent.errors import AudioDeviceError

def search(open_device):
    for _ in range(50):
        with suppress(AudioDeviceError):
            open_device("plug:nothing", DeviceSettings())

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=search, args=(kind.open,)) for kind in (AlsaInput, AlsaOutput)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("name", ["default", "plug:nothing"])
def test_two_threads_that_both_find_no_card_do_not_lock_each_other_up(name: str) -> None:
    program = TWO_THREADS_IN_SEARCH_OF_A_CARD.replace("plug:nothing", name)
    # A process of its own: the interpreter that is locked up can't be the one that looks for it.
    done = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_device_without_a_clock_is_refused_before_it_takes_the_processor(cards: VirtualCards) -> None:
    periods = 2 * alsa.PACE_CHECK_PERIODS
    with (
        closing(AlsaInput.open("endless", SETTINGS)) as ear,
        pytest.raises(AudioDeviceError, match="expected a device that keeps real time"),
    ):
        read_periods(ear, periods)
    with (
        closing(AlsaOutput.open("endless", SETTINGS)) as mouth,
        pytest.raises(AudioDeviceError, match="expected a device that keeps real time"),
    ):
        write_all(mouth, SILENCE * periods)


class TestUnplugging:
    @pytest.fixture
    def loose_cards(self, cards: VirtualCards) -> Iterator[VirtualCards]:
        yield cards
        cards.unplug()
        cards.plug_in()

    def test_both_directions_fail_and_can_be_opened_again(self, loose_cards: VirtualCards) -> None:
        with (
            closing(AlsaInput.open("mic", SETTINGS)) as ear,
            closing(AlsaOutput.open("speaker", SETTINGS)) as mouth,
        ):
            mouth.write(SILENCE)
            ear.read()
            loose_cards.unplug()
            with pytest.raises(AudioDeviceError, match=r"^mic: Input/output error; check its plug"):
                read_periods(ear, 100)
            with pytest.raises(AudioDeviceError, match=r"^speaker: Input/output error; check its plug"):
                write_all(mouth, SILENCE * 100)
        with pytest.raises(AudioDeviceError, match="speaker: Connection refused; the sound server"):
            AlsaOutput.open("speaker", SETTINGS)
        loose_cards.plug_in()
        assert heard_s(opening_plays("speaker", "answer"), 1000) == pytest.approx(0.5, abs=0.03)


# -- what no virtual card does -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "got"),
    [
        ({"rate": 44_100}, "got 44100 Hz, S16_LE, 1 channels; let ALSA convert: use plughw:"),
        ({"channels": 77}, "got 48000 Hz, S16_LE, 77 channels"),
        ({"format_name": "S32_LE"}, "got 48000 Hz, S32_LE, 1 channels"),
        ({"period_size": 9600}, "expected periods of up to 100 ms, got 9600 samples"),
        ({"period_size": 0}, "got 0 samples"),
    ],
)
@pytest.mark.parametrize("device", [AlsaInput, AlsaOutput])
def test_a_device_that_does_not_do_as_asked_is_refused(
    device: type[AlsaInput | AlsaOutput], difference: dict[str, object], got: str
) -> None:
    with pytest.raises(AudioDeviceError, match=got) as refused:
        device(FakeHandle(**difference), "hw:1")
    assert str(refused.value).startswith("hw:1: expected ")


@pytest.mark.parametrize("open_device", [AlsaInput.open, AlsaOutput.open])
def test_a_refused_device_is_let_go(
    monkeypatch: pytest.MonkeyPatch, open_device: Callable[[str, DeviceSettings], object]
) -> None:
    handles: list[FakeHandle] = []

    def give_wrong_rate(**asked: object) -> FakeHandle:
        handles.append(FakeHandle(rate=44_100))
        return handles[-1]

    monkeypatch.setattr(alsaaudio, "PCM", give_wrong_rate)
    with pytest.raises(AudioDeviceError, match="44100"):
        open_device("hw:1", SETTINGS)
    assert [handle.calls for handle in handles] == [["close"]]


@pytest.fixture
def stereo_card(monkeypatch: pytest.MonkeyPatch) -> list[FakeHandle]:
    """A card that takes nothing but stereo, whatever is asked of it."""
    handles: list[FakeHandle] = []

    def give_stereo(**asked: object) -> FakeHandle:
        handles.append(FakeHandle(channels=2))
        return handles[-1]

    monkeypatch.setattr(alsaaudio, "PCM", give_stereo)
    return handles


def test_a_long_capture_buffer_costs_no_delay_but_a_long_playback_buffer_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    periods_asked: list[object] = []

    def note(**asked: object) -> FakeHandle:
        periods_asked.append(asked["periods"])
        return FakeHandle()

    monkeypatch.setattr(alsaaudio, "PCM", note)
    AlsaInput.open("hw:1", DeviceSettings(buffer_periods=3))
    AlsaOutput.open("hw:1", DeviceSettings(buffer_periods=3))
    assert periods_asked == [alsa.CAPTURE_PERIODS, 3]


def test_a_stereo_microphone_is_heard_on_the_left(stereo_card: list[FakeHandle]) -> None:
    ear = AlsaInput.open("hw:1", SETTINGS)
    refused, handle = stereo_card
    assert refused.calls == ["close"]
    left, right = array("h", range(480)), array("h", [7] * 480)
    handle.script.append(array("h", [s for pair in zip(left, right, strict=True) for s in pair]).tobytes())
    assert ear.read() == left.tobytes()


def test_a_stereo_loudspeaker_plays_the_same_on_both_sides(stereo_card: list[FakeHandle]) -> None:
    mouth = AlsaOutput.open("hw:1", SETTINGS)
    block = tone(700, 0.01)
    mouth.write(block)
    written = bytes(stereo_card[-1].written)
    assert left_of(written) == block + SILENCE
    assert written == on_both_sides(block + SILENCE)


def test_blocks_are_one_period_whatever_the_device_gives() -> None:
    handle = FakeHandle(period_size=1024)
    sound = tone(700, 0.064)
    handle.script.extend(sound[at : at + 2048] for at in range(0, len(sound), 2048))
    ear = AlsaInput(handle, "default")
    assert b"".join(ear.read() for _ in range(6)) == sound[: 6 * PERIOD_BYTES]


def test_an_overrun_is_counted_and_reading_goes_on() -> None:
    handle = FakeHandle()
    handle.script.extend([-errno.EPIPE, BLOCK])
    ear = AlsaInput(handle, "hw:1")
    assert ear.read() == BLOCK
    assert ear.xruns == 1


def test_an_underrun_writes_the_block_again_with_a_period_before_it() -> None:
    handle = FakeHandle()
    mouth = AlsaOutput(handle, "hw:1")
    mouth.write(SILENCE)
    handle.written.clear()
    handle.script.append(-errno.EPIPE)
    mouth.write(BLOCK)
    assert bytes(handle.written) == SILENCE + BLOCK
    assert mouth.xruns == 1


def test_a_short_write_is_completed() -> None:
    handle = FakeHandle()
    mouth = AlsaOutput(handle, "hw:1")
    mouth.write(SILENCE)
    handle.written.clear()
    handle.script.extend([100, 300])
    mouth.write(BLOCK)
    assert bytes(handle.written) == BLOCK


@pytest.mark.parametrize("answer", [-errno.EPIPE, 0])
def test_nothing_but_xruns_is_a_broken_device(answer: int) -> None:
    ear_handle, mouth_handle = FakeHandle(), FakeHandle()
    for handle in (ear_handle, mouth_handle):
        handle.script.extend([answer] * 50)
    with pytest.raises(AudioDeviceError, match=r"^hw:1: gives no samples, only overruns; check its plug"):
        AlsaInput(ear_handle, "hw:1").read()
    with pytest.raises(AudioDeviceError, match=r"^hw:1: takes no samples, only runs dry; check its plug"):
        AlsaOutput(mouth_handle, "hw:1").write(BLOCK)
    assert len(ear_handle.script) == len(mouth_handle.script) == 50 - alsa.XRUNS_IN_A_ROW


def test_the_first_write_and_the_one_after_a_drop_are_two_periods_long() -> None:
    handle = FakeHandle()
    mouth = AlsaOutput(handle, "hw:1")
    for _ in range(2):
        handle.written.clear()
        mouth.write(BLOCK)
        assert bytes(handle.written) == BLOCK + SILENCE
        handle.written.clear()
        mouth.write(BLOCK)
        assert bytes(handle.written) == BLOCK
        mouth.drop()


def test_the_device_is_dropped_before_it_is_closed() -> None:
    handle = FakeHandle()
    AlsaOutput(handle, "hw:1").close()
    assert handle.calls == ["drop", "close"]


@pytest.mark.parametrize(("free_frames", "queued_s"), [(1920, 0.0), (480, 0.03), (0, 0.04), (-32, 0.0)])
def test_what_is_queued_is_what_is_not_free(free_frames: int, queued_s: float) -> None:
    handle = FakeHandle()
    mouth = AlsaOutput(handle, "hw:1")
    mouth.write(BLOCK)
    handle.free_frames = free_frames
    assert mouth.queued_s() == pytest.approx(queued_s)


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        (errno.ENODEV, "plug it in"),
        (errno.EBUSY, "another program uses it"),
        (errno.EACCES, "add the user to the group audio"),
        (errno.EPERM, "add the user to the group audio"),
        (errno.EIO, "check its plug"),
        (errno.ESTRPIPE, "check its plug"),
    ],
)
def test_every_failure_names_the_device_and_the_next_step(code: int, next_step: str) -> None:
    error = alsaaudio.ALSAAudioError(f"{os.strerror(code)} [plughw:1]")
    reading, writing = FakeHandle(), FakeHandle()
    reading.script.append(error)
    writing.script.append(error)
    expected = f"^plughw:1: {os.strerror(code)}; {next_step}"
    with pytest.raises(AudioDeviceError, match=expected):
        AlsaInput(reading, "plughw:1").read()
    with pytest.raises(AudioDeviceError, match=expected):
        AlsaOutput(writing, "plughw:1").write(BLOCK)
