"""Real ALSA handles of virtual cards, and a fake handle for what no virtual card does."""

from __future__ import annotations

import errno
import os
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import alsaaudio
import pytest

from edge_agent.audio import alsa, alsa_card, card_clock
from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.device_format import DeviceFormat, Encoding, candidates
from edge_agent.audio.interrupt import Interrupt
from edge_agent.core import drift
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.conftest import hear_everything
from tests.audio.fakes import Clock, FakeHandle
from tests.audio.sounds import DEADLINE_S, PEAK, amplitude, blocks_of, heard_s, silence, tone, wait_until
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


class Ear:
    """A microphone that is listened to all the time, in a thread of its own."""

    def __init__(self, device: AlsaInput) -> None:
        self._device = device
        self._blocks: list[bytes] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    @property
    def heard(self) -> bytes:
        return b"".join(self._blocks)

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(DEADLINE_S)
        self._device.close()

    def _listen(self) -> None:
        while not self._is_over.is_set():
            self._blocks.append(self._device.read())


@contextmanager
def ear_at(microphone: str) -> Iterator[Ear]:
    """An ear to judge loudspeakers by: nothing escapes it."""
    with pytest.MonkeyPatch.context() as patch:
        hear_everything(patch)
        with closing(Ear(AlsaInput.open(microphone, SETTINGS))) as ear:
            yield ear


def opening_plays(speaker: str, microphone: str, level: float = PEAK) -> bytes:
    """Play half a second of tone on one PCM and return what another hears of it."""
    with ear_at(microphone) as ear, closing(AlsaOutput.open(speaker, SETTINGS)) as mouth:
        write_all(mouth, silence(LEAD_IN_S) + tone(1000, 0.5) + silence(0.2))
        wait_until(lambda: loudness(ear.heard) >= 0.9 * level, "the tone")
        wait_until(lambda: loudness(ear.heard[-PERIOD_BYTES:]) < 0.1 * level, "its end")
    return ear.heard


def loudness(pcm: bytes) -> float:
    """The amplitude of the loudest period of a tone of 1 kHz."""
    return max((amplitude(block, 1000) for block in blocks_of(pcm)), default=0.0)


@pytest.mark.parametrize(
    ("speaker", "microphone"),
    [
        ("question", "mic"),
        ("speaker", "answer"),
        ("speaker44", "answer"),
        ("question", "mic16"),
        ("question", "mic2"),
    ],
)
def test_a_tone_goes_through_a_card_undamaged(cards: VirtualCards, speaker: str, microphone: str) -> None:
    heard = opening_plays(speaker, microphone)
    assert heard_s(heard, 1000) == pytest.approx(0.5, abs=0.03)
    assert loudness(heard) == pytest.approx(PEAK, rel=0.01)


def test_a_card_of_four_channels_plays_on_two(cards: VirtualCards) -> None:
    heard = opening_plays("speaker4", "answer", PEAK / 2)
    assert loudness(heard) == pytest.approx(PEAK / 2, rel=0.01)  # PulseAudio makes the mean of the four


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_encoding_goes_through_a_card(
    cards: VirtualCards, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, channels: int
) -> None:
    wanted = DeviceFormat(channels=channels, encoding=encoding)
    monkeypatch.setattr(alsa_card, "candidates", lambda: iter([wanted]))
    heard = opening_plays("speaker", "answer")
    assert heard_s(heard, 1000) == pytest.approx(0.5, abs=0.03)
    assert loudness(heard) == pytest.approx(PEAK, rel=0.01)


def test_a_card_that_speaks_nothing_known_is_told_with_what_was_tried(cards: VirtualCards) -> None:
    asked = r"takes none of 40 formats, from 48000 Hz, S16_LE, 1 channel to 8000 Hz, S24_LE, 2 channels"
    with pytest.raises(AudioDeviceError, match=f"^float: {asked}; its last answer was: .*FLOAT_LE.*plughw:"):
        AlsaOutput.open("float", SETTINGS)


def test_the_buffer_is_kept_filled_to_the_setting_and_not_to_its_size(cards: VirtualCards) -> None:
    settings = DeviceSettings(playout_fill_s=0.05)
    filled_s = []
    with closing(AlsaOutput.open("speaker", settings)) as mouth:
        assert mouth.fill_s == pytest.approx(0.05)
        for _ in range(100):
            mouth.write(SILENCE)
            filled_s.append(mouth.queued_s())
            mouth.wait()
            assert mouth.queued_s() <= 0.04 + 1e-9
    assert max(filled_s) <= 0.05 + 1e-9
    assert statistics.median(filled_s) >= 0.05 - PERIOD_S - 1e-9


def test_a_microphone_that_nobody_reads_for_a_while_is_not_late_afterwards(cards: VirtualCards) -> None:
    with (
        closing(AlsaInput.open("mic", SETTINGS)) as ear,
        closing(AlsaOutput.open("question", SETTINGS)) as mouth,
    ):
        read_periods(ear, 10)
        write_all(mouth, silence(LEAD_IN_S) + tone(1000, 0.5) + silence(1.0))  # nobody reads meanwhile
        heard = b"".join(ear.read() for _ in range(30))
    assert ear.xruns > 0
    assert heard_s(heard, 1000) == 0


def test_the_clock_of_a_card_is_measured(cards: VirtualCards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "CREDIBLE_PPM", 10_000)
    with (
        closing(AlsaInput.open("mic", SETTINGS)) as ear,
        closing(AlsaOutput.open("speaker", SETTINGS)) as mouth,
    ):
        deadline = time.monotonic() + DEADLINE_S
        while (ear.drift_ppm is None or mouth.drift_ppm is None) and time.monotonic() < deadline:
            mouth.write(ear.read())
        assert ear.drift_ppm == pytest.approx(0, abs=50_000)
        assert mouth.drift_ppm == pytest.approx(0, abs=50_000)


def test_a_card_keeps_real_time(cards: VirtualCards) -> None:
    with closing(AlsaOutput.open("speaker", SETTINGS)) as mouth:
        began_s = time.monotonic()
        for _ in range(40):
            mouth.write(SILENCE)
        # All but what the card's buffer holds has been played; a clock may be a per cent fast.
        assert time.monotonic() - began_s > (40 - 1) * PERIOD_S - SETTINGS.playout_fill_s
        assert 0 <= mouth.queued_s() <= SETTINGS.playout_fill_s + PERIOD_S
    with closing(AlsaInput.open("mic", SETTINGS)) as ear:
        began_s = time.monotonic()
        assert {len(ear.read()) for _ in range(40)} == {PERIOD_BYTES}
        assert time.monotonic() - began_s > 0.2


def test_dropping_silences_a_card_at_once(cards: VirtualCards) -> None:
    with (
        ear_at("answer") as ear,
        closing(AlsaOutput.open("speaker", DeviceSettings(playout_fill_s=0.5))) as mouth,
    ):
        write_all(mouth, silence(LEAD_IN_S) + tone(1000, 0.7))
        unplayed_s = mouth.queued_s()
        mouth.drop()
        assert mouth.queued_s() == 0
        write_all(mouth, tone(3000, 0.2) + silence(0.2))
        wait_until(lambda: heard_s(ear.heard, 3000) > 0.18, "what came after the drop")
    assert unplayed_s > 0.02
    assert heard_s(ear.heard, 1000) <= 0.7 - unplayed_s + 0.03


def test_a_sound_server_does_not_restart_in_time_and_a_card_does(cards: VirtualCards) -> None:
    with closing(AlsaOutput.open("strict", SETTINGS)) as server:
        assert not server.restarts_in_time
    assert AlsaOutput(FakeHandle(card_no=1), "plughw:1", SETTINGS).restarts_in_time


def test_a_card_that_ran_dry_goes_on_with_the_block_that_it_refused(cards: VirtualCards) -> None:
    with ear_at("answer") as ear, closing(AlsaOutput.open("strict", SETTINGS)) as mouth:
        write_all(mouth, silence(LEAD_IN_S))
        deadline = time.monotonic() + DEADLINE_S
        while not mouth.xruns and time.monotonic() < deadline:
            time.sleep(0.1)
            mouth.write(SILENCE)
        assert mouth.xruns
        known = mouth.xruns
        write_all(mouth, tone(1000, 0.5) + silence(0.2))
        assert mouth.xruns - known < 10
        wait_until(lambda: heard_s(ear.heard, 1000) > 0.4, "the tone")
        wait_until(lambda: loudness(ear.heard[-PERIOD_BYTES:]) < PEAK / 10, "its end")
    assert heard_s(ear.heard, 1000) == pytest.approx(0.5, abs=0.1)


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
    periods = round(2 * card_clock.PACE_CHECK_S / PERIOD_S)
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


def output(handle: FakeHandle) -> AlsaOutput:
    return AlsaOutput(handle, "hw:1", SETTINGS)


@pytest.mark.parametrize(
    ("difference", "got"),
    [
        ({"rate": 4_000}, "got 4000 Hz, S16_LE, 1 channels; let ALSA convert: use plughw:"),
        ({"channels": 77}, "got 48000 Hz, S16_LE, 77 channels"),
        ({"format_name": "S16_BE"}, "got 48000 Hz, S16_BE, 1 channels"),
        ({"period_size": 9600}, "expected periods of up to 100 ms, got 9600 samples"),
        ({"period_size": 0}, "got 0 samples"),
    ],
)
@pytest.mark.parametrize("make", [lambda handle: AlsaInput(handle, "hw:1"), output])
def test_a_device_that_is_of_no_use_is_refused(
    make: Callable[[FakeHandle], AlsaInput | AlsaOutput], difference: dict[str, object], got: str
) -> None:
    with pytest.raises(AudioDeviceError, match=f"^hw:1: .*{got}"):
        make(FakeHandle(**difference))


class Shop:
    """Makes the handles that ``alsaaudio.PCM`` is asked for; ``has`` is what every device has to offer."""

    def __init__(self, **has: object) -> None:
        self.asked: list[dict[str, object]] = []
        self.handles: list[FakeHandle] = []
        self.has = has
        self.refuses: Callable[[dict[str, object]], bool] = lambda asked: False

    def open(self, **asked: object) -> FakeHandle:
        self.asked.append(asked)
        if self.refuses(asked):
            raise alsaaudio.ALSAAudioError(f"{os.strerror(errno.EINVAL)} [hw:1]")
        self.handles.append(FakeHandle(**self.has))
        return self.handles[-1]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop()
    monkeypatch.setattr(alsaaudio, "PCM", shop.open)
    return shop


@pytest.mark.parametrize("open_device", [AlsaInput.open, AlsaOutput.open])
def test_a_refused_device_is_let_go(shop: Shop, open_device: Callable[[str, DeviceSettings], object]) -> None:
    shop.has = {"format_name": "FLOAT_LE"}
    with pytest.raises(AudioDeviceError, match="FLOAT_LE"):
        open_device("hw:1", SETTINGS)
    shop.has = {"period_size": 9600}
    with pytest.raises(AudioDeviceError, match="9600"):
        open_device("hw:1", SETTINGS)
    assert len(shop.handles) == len(list(candidates())) + 1
    assert all(handle.calls == ["close"] for handle in shop.handles)


def test_what_a_device_offers_instead_is_taken_at_once(shop: Shop) -> None:
    shop.has = {"rate": 44_100, "channels": 2, "format_name": "S24_3LE", "period_size": 441}
    AlsaOutput.open("hw:1", SETTINGS).write(SILENCE)
    (asked,) = shop.asked
    assert (asked["rate"], asked["channels"], asked["periodsize"]) == (48_000, 1, 480)


def test_a_device_that_refuses_is_asked_for_the_next_format(shop: Shop) -> None:
    shop.refuses = lambda asked: asked["rate"] != 16_000
    shop.has = {"rate": 16_000, "period_size": 160}
    AlsaInput.open("hw:1", SETTINGS)
    assert [asked["rate"] for asked in shop.asked if asked["channels"] == 1] == [48_000, 44_100, 16_000]
    assert shop.asked[-1]["periodsize"] == 160


def test_a_device_that_is_missing_is_not_asked_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**asked: object) -> FakeHandle:
        shop.open(**asked)
        raise alsaaudio.ALSAAudioError(f"{os.strerror(errno.ENODEV)} [hw:1]")

    monkeypatch.setattr(alsaaudio, "PCM", gone)
    with pytest.raises(AudioDeviceError, match="plug it in"):
        AlsaOutput.open("hw:1", SETTINGS)
    assert len(shop.asked) == 1


def test_buffers_are_larger_than_what_they_are_filled_with(shop: Shop) -> None:
    AlsaInput.open("hw:1", SETTINGS)
    AlsaOutput.open("hw:1", SETTINGS)
    AlsaOutput.open("hw:1", DeviceSettings(playout_fill_s=0.2))
    assert [asked["periods"] for asked in shop.asked] == [alsa.CAPTURE_PERIODS, alsa.PLAYBACK_PERIODS, 22]


def test_a_stereo_microphone_is_heard_on_the_left() -> None:
    handle = FakeHandle(channels=2)
    left, right = array("h", range(480)), array("h", [7] * 480)
    handle.script.append(array("h", [s for pair in zip(left, right, strict=True) for s in pair]).tobytes())
    assert AlsaInput(handle, "hw:1").read() == left.tobytes()


def test_a_stereo_loudspeaker_plays_the_same_on_both_sides() -> None:
    handle = FakeHandle(channels=2)
    output(handle).write(BLOCK)
    left_and_right = array("h", bytes(handle.written))
    assert left_and_right[::2].tobytes() == left_and_right[1::2].tobytes() == BLOCK + SILENCE * 2


def test_another_rate_is_read_and_written_in_periods() -> None:
    ear_handle, mouth_handle = (FakeHandle(rate=16_000, period_size=160, buffer_size=1600) for _ in range(2))
    ear, mouth = AlsaInput(ear_handle, "hw:1"), output(mouth_handle)
    assert {len(ear.read()) for _ in range(20)} == {PERIOD_BYTES}
    mouth.write(SILENCE)
    assert mouth.queued_s() == pytest.approx(0.03, abs=1e-3)
    mouth_handle.play(160)
    mouth.write(SILENCE)
    assert mouth.queued_s() == pytest.approx(0.03, abs=1e-3)


def test_blocks_are_one_period_whatever_the_device_gives() -> None:
    handle = FakeHandle(period_size=1024, buffer_size=8192)
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


def test_what_waited_too_long_for_a_reader_is_dropped_and_the_newest_kept() -> None:
    handle = FakeHandle(buffer_size=48_000)
    blocks = [bytes([count]) * PERIOD_BYTES for count in range(40)]
    handle.script.extend(blocks)
    handle.captured_frames = 40 * 480
    ear = AlsaInput(handle, "hw:1")
    assert ear.read() == blocks[-1]
    assert ear.xruns == 1


def test_an_underrun_fills_the_card_up_with_silence_before_the_block() -> None:
    handle = FakeHandle()
    mouth = output(handle)
    mouth.write(SILENCE)
    handle.written.clear()
    handle.play(10_000)
    handle.script.append(-errno.EPIPE)
    mouth.write(BLOCK)
    assert bytes(handle.written) == SILENCE * 2 + BLOCK
    assert mouth.xruns == 1


def test_a_short_write_is_completed() -> None:
    handle = FakeHandle()
    mouth = output(handle)
    mouth.write(SILENCE)
    handle.written.clear()
    handle.play(10_000)
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
        output(mouth_handle).write(BLOCK)
    assert len(ear_handle.script) == len(mouth_handle.script) == 50 - alsa.XRUNS_IN_A_ROW


def test_the_first_block_and_the_one_after_a_drop_fill_the_card_up() -> None:
    handle = FakeHandle()
    mouth = output(handle)
    for _ in range(2):
        handle.written.clear()
        mouth.write(BLOCK)
        assert bytes(handle.written) == BLOCK + SILENCE * 2
        handle.written.clear()
        handle.play(480)
        mouth.write(BLOCK)
        assert bytes(handle.written) == BLOCK
        assert mouth.queued_s() == pytest.approx(SETTINGS.playout_fill_s)
        mouth.drop()


def test_nothing_is_written_before_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = FakeHandle()
    mouth = output(handle)
    mouth.write(BLOCK)
    slept: list[float] = []

    def sleep(duration_s: float) -> None:
        slept.append(duration_s)
        handle.play(240)

    monkeypatch.setattr(time, "sleep", sleep)
    mouth.write(BLOCK)
    assert slept == pytest.approx([0.010, 0.005])
    handle.play(470)
    mouth.wait()
    assert slept[2:] == [alsa.SHORTEST_WAIT_S]


def test_waiting_ends_when_it_is_interrupted() -> None:
    mouth = output(FakeHandle())
    mouth.write(BLOCK)
    interrupt = Interrupt()
    interrupt.set()
    mouth.wait(interrupt)  # the fake card plays nothing: it would wait until the card is broken


def test_a_card_with_long_periods_is_filled_with_two_of_them() -> None:
    assert output(FakeHandle(period_size=1024, buffer_size=8192)).fill_s == pytest.approx(2048 / 48_000)
    assert output(FakeHandle(period_size=1024, buffer_size=1500)).fill_s == pytest.approx(1500 / 48_000)


def test_a_card_that_stands_still_is_left_to_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alsa, "STANDSTILL_S", 0.05)
    handle = FakeHandle()
    handle.script.extend([1440, 480, 480, alsaaudio.ALSAAudioError(f"{os.strerror(errno.EIO)} [hw:1]")])
    mouth = output(handle)
    with pytest.raises(AudioDeviceError, match=r"^hw:1: Input/output error; check its plug"):
        write_all(mouth, SILENCE * 4)
    assert len(handle.written) == 5 * PERIOD_BYTES


def test_the_device_is_dropped_before_it_is_closed() -> None:
    handle = FakeHandle()
    output(handle).close()
    assert handle.calls[-2:] == ["drop", "close"]


@pytest.mark.parametrize(("free_frames", "queued_s"), [(4800, 0.0), (4320, 0.01), (0, 0.1), (-32, 0.0)])
def test_what_is_queued_is_what_is_not_free(free_frames: int, queued_s: float) -> None:
    handle = FakeHandle()
    mouth = output(handle)
    mouth.write(BLOCK)
    handle.free_frames = free_frames
    assert mouth.queued_s() == pytest.approx(queued_s)


@pytest.mark.parametrize("has_stamps", [True, False])
@pytest.mark.parametrize("ppm", [-100, 100])
def test_the_clocks_of_both_directions_are_measured(
    monkeypatch: pytest.MonkeyPatch, ppm: float, has_stamps: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr(alsa, "time", clock)
    monkeypatch.setattr(card_clock, "time", clock)
    ear_handle, mouth_handle = FakeHandle(), FakeHandle()
    ear, mouth = AlsaInput(ear_handle, "hw:1"), output(mouth_handle)
    for _ in range(3000):
        clock.now += PERIOD_S / (1 + ppm * 1e-6)
        mouth_handle.play(480)
        stamp_s = clock.now if has_stamps else 0.0
        seconds, nanoseconds = int(stamp_s), round(stamp_s % 1 * 1e9)
        ear_handle.stamp = (seconds, nanoseconds, 0)
        mouth_handle.stamp = (seconds, nanoseconds, 4800 - 1440)
        mouth.write(ear.read())
    assert ear.drift_ppm == pytest.approx(ppm, abs=0.5)
    assert mouth.drift_ppm == pytest.approx(ppm, abs=0.5)


def test_a_drop_and_an_underrun_do_not_move_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(alsa, "time", clock)
    monkeypatch.setattr(card_clock, "time", clock)
    handle = FakeHandle()
    mouth = output(handle)
    for count in range(6000):
        clock.now += PERIOD_S
        handle.play(480)
        if count % 1500 == 700:
            mouth.drop()
        if count % 1500 == 1400:
            handle.play(10_000)
            handle.script.append(-errno.EPIPE)
        mouth.write(SILENCE)
    assert mouth.drift_ppm == pytest.approx(0, abs=5)


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
        AlsaOutput(writing, "plughw:1", SETTINGS).write(BLOCK)
