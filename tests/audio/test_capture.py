from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import pytest

from edge_agent.audio import capture as capture_module
from edge_agent.audio.both_ends import BothEnds
from edge_agent.audio.capture import Capture
from edge_agent.audio.device import PcmInput
from edge_agent.audio.ear import Ear
from edge_agent.audio.far_end import FarEnd
from edge_agent.audio.level import FLOOR_DBFS
from edge_agent.audio.opus import OpusDecoder, OpusSettings
from edge_agent.audio.playback import Listener
from edge_agent.audio.uplink import EncodedPacket, Uplink
from edge_agent.core.commands import Gate, Listening
from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event, VoiceHeard
from edge_agent.core.likeness import ECHO_LIKENESS
from edge_agent.core.pcm import PERIOD_SAMPLES, SILENCE
from edge_agent.errors import AudioDeviceError
from tests.audio.fakes import FakeInput
from tests.audio.sounds import PEAK, amplitude, blocks_of, tone, wait_until
from tests.speech import spoken

GONE = AudioDeviceError("plughw:7: No such device; plug it in")


class EchoingInput(FakeInput):
    """A microphone beside a loudspeaker that plays a block whenever one is captured; hangs at the end."""

    def __init__(self, listeners: Sequence[Listener], played: list[bytes]) -> None:
        super().__init__()
        self._listeners = listeners
        self._to_be_played = deque(played)

    def read(self) -> bytes:
        if not self.to_be_heard:
            self.hangs.set()
        block = super().read()
        if self._to_be_played:
            played = self._to_be_played.popleft()
            for listener in self._listeners:
                listener.played(played)
        return block


class Bench:
    """A capture with a fake microphone, a real uplink, and what came of it."""

    def __init__(self) -> None:
        self.microphone: FakeInput = FakeInput()
        self.opened: list[FakeInput] = []
        self.missing: Exception | None = None
        self.events: list[Event] = []
        self.crashes: list[BaseException] = []
        self.packets: list[EncodedPacket] = []
        self.uplink = Uplink(OpusSettings())
        self.ducked: list[tuple[bool, bool]] = []
        self.both_ends, self.far_end = BothEnds(), FarEnd()
        self.ear = Ear(None, self.events.append, self.crashes.append)
        self.capture = Capture(
            self.open,
            self.uplink,
            self.events.append,
            self.crashes.append,
            self.both_ends,
            self.far_end,
            None,
            lambda is_voice, is_played, now: self.ducked.append((is_voice, is_played)),
            self.ear,
        )

    def open(self) -> PcmInput:
        if self.missing is not None:
            raise self.missing
        self.microphone.is_closed = False
        self.opened.append(self.microphone)
        return self.microphone

    def start(self) -> None:
        self.capture.start()
        self.advance(3)

    def advance(self, steps: int) -> None:
        target = self.capture.progress + steps
        wait_until(lambda: self.capture.progress >= target, f"{steps} steps of progress")

    def hear_while_played(self, heard: list[bytes], played: list[bytes]) -> None:
        self.microphone = EchoingInput((self.both_ends, self.far_end), played)
        self.microphone.hear(heard)
        self.capture.start()  # it may have heard everything before anybody looks at its progress
        wait_until(self.microphone.is_hanging.is_set, "everything to be heard")

    def unplug(self) -> None:
        self.missing = self.microphone.error = GONE

    def plug_in(self) -> None:
        self.missing = self.microphone.error = None


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(capture_module, "RETRY_S", 0.02)
    bench = Bench()
    yield bench
    bench.microphone.hangs.clear()
    assert bench.capture.stop(5.0)


def decoded(packets: list[EncodedPacket]) -> bytes:
    decoder = OpusDecoder()
    return b"".join(decoder.decode(packet.payload) for packet in packets)


def test_what_the_microphone_hears_reaches_the_session(bench: Bench) -> None:
    bench.uplink.connect(bench.packets.append)
    bench.uplink.set_gate(Gate.OPEN)
    bench.microphone.hear(blocks_of(tone(400, 0.4)))
    bench.start()
    wait_until(lambda: len(bench.packets) >= 21, "0.4 s of packets")
    assert amplitude(decoded(bench.packets[:20])[9600:], 400) == pytest.approx(PEAK, rel=0.1)


def test_the_level_is_the_microphones_even_behind_a_closed_gate(bench: Bench) -> None:
    bench.microphone.hear(blocks_of(tone(400, 0.1)) * 100)
    bench.start()
    assert bench.capture.level_dbfs == pytest.approx(-8.7, abs=0.3)
    assert bench.capture.last_voice_at is None


def test_a_voice_through_the_open_gate_is_dated(bench: Bench) -> None:
    bench.uplink.set_gate(Gate.OPEN)
    began_s = time.monotonic()
    bench.start()
    assert bench.capture.last_voice_at is None
    bench.microphone.hear(blocks_of(tone(400, 0.05)))
    wait_until(lambda: not bench.microphone.to_be_heard, "the tone to be heard")
    bench.advance(2)
    voice_at = bench.capture.last_voice_at
    assert voice_at is not None
    assert began_s < voice_at <= time.monotonic()
    bench.advance(20)
    assert bench.capture.last_voice_at == voice_at


def test_a_device_that_goes_is_told_once_and_again_when_it_is_back(bench: Bench) -> None:
    bench.start()
    bench.unplug()
    wait_until(lambda: bench.events, "the loss")
    bench.advance(10)  # several retries
    assert bench.events == [DeviceLost(Device.MICROPHONE, str(GONE))]
    assert bench.microphone.is_closed
    assert bench.capture.level_dbfs == FLOOR_DBFS
    bench.plug_in()
    wait_until(lambda: len(bench.events) > 1, "the return")
    bench.advance(10)
    assert bench.events[1:] == [DeviceBack(Device.MICROPHONE)]


def test_a_device_that_is_missing_at_the_start_is_told_and_waited_for(bench: Bench) -> None:
    bench.unplug()
    bench.start()
    assert bench.events == [DeviceLost(Device.MICROPHONE, str(GONE))]
    bench.plug_in()
    wait_until(lambda: len(bench.events) == 2, "the return")


def test_a_device_that_opens_but_gives_nothing_is_not_back(bench: Bench) -> None:
    bench.microphone.error = GONE
    bench.start()
    wait_until(lambda: len(bench.opened) > 3, "several attempts")
    assert bench.events == [DeviceLost(Device.MICROPHONE, str(GONE))]


def test_a_missing_device_is_not_tried_all_the_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "RETRY_S", 3600.0)
    bench.microphone.error = GONE
    bench.start()
    bench.advance(3)
    assert len(bench.opened) == 1
    assert bench.capture.stop(5.0)  # the wait does not hold up the end


@pytest.mark.parametrize("absent", ["muted", "unplugged"])
def test_without_a_microphone_the_session_hears_silence_on_the_same_clock(bench: Bench, absent: str) -> None:
    bench.uplink.connect(bench.packets.append)
    bench.uplink.set_gate(Gate.OPEN)
    bench.start()
    if absent == "muted":
        bench.capture.set_enabled(False)
    else:
        bench.unplug()
    wait_until(lambda: bench.microphone.is_closed, "the device to be closed")
    before = len(bench.packets)
    clock_samples, clock_s = bench.uplink.clock_samples, time.monotonic()
    wait_until(lambda: len(bench.packets) > before + 10, "silence")
    elapsed_samples = (time.monotonic() - clock_s) * 48_000
    assert bench.uplink.clock_samples - clock_samples <= elapsed_samples + 10 * PERIOD_SAMPLES
    stamps = [packet.timestamp_samples for packet in bench.packets]
    assert stamps == sorted(set(stamps))
    assert amplitude(decoded(bench.packets[-5:]), 400) < 5


def test_muting_closes_the_device_and_unmuting_opens_it_again(bench: Bench) -> None:
    bench.start()
    bench.capture.set_enabled(False)
    wait_until(lambda: bench.microphone.is_closed, "the device to be closed")
    bench.advance(3)  # still alive
    assert len(bench.opened) == 1
    bench.capture.set_enabled(True)
    wait_until(lambda: len(bench.opened) == 2, "the device to be opened")
    bench.advance(3)
    assert bench.events == []


def test_a_capture_that_begins_muted_never_opens_the_device(bench: Bench) -> None:
    bench.capture.set_enabled(False)
    bench.start()
    assert bench.opened == []


def test_time_that_no_device_recorded_is_on_the_clock_all_the_same(bench: Bench) -> None:
    bench.start()
    bench.capture.set_enabled(False)
    wait_until(lambda: bench.microphone.is_closed, "the device to be closed")
    clock_samples, clock_s = bench.uplink.clock_samples, time.monotonic()
    wait_until(lambda: time.monotonic() > clock_s + 0.3, "time to pass")
    bench.advance(1)
    passed_samples = bench.uplink.clock_samples - clock_samples
    assert passed_samples >= (0.3 - 2 * capture_module.IDLE_STAND_IN_S) * 48_000


def syllables(seed: int) -> list[bytes]:
    """Four seconds of tones of 60 to 240 ms at different pitches with pauses between."""
    chance = random.Random(seed)
    blocks: list[bytes] = []
    while len(blocks) < 400:
        loud = tone(chance.choice([400, 850, 1_800, 2_900]), 0.01)
        blocks += [loud] * chance.randint(6, 24) + [SILENCE] * chance.randint(4, 20)
    return blocks[:400]


def test_a_microphone_that_hears_the_loudspeaker_is_noticed(bench: Bench) -> None:
    bench.hear_while_played(heard=[SILENCE] * 12 + syllables(1), played=syllables(1))
    assert bench.capture.echo_likeness > ECHO_LIKENESS


def test_a_person_who_talks_while_the_loudspeaker_does_is_no_echo(bench: Bench) -> None:
    bench.hear_while_played(heard=syllables(2), played=syllables(1))
    assert bench.capture.echo_likeness < ECHO_LIKENESS


def test_each_period_tells_of_voice_and_loudspeaker(bench: Bench) -> None:
    loud = tone(400, 0.01)
    bench.uplink.set_gate(Gate.OPEN)
    bench.hear_while_played(heard=[loud, SILENCE, loud, SILENCE], played=[SILENCE, loud, loud, SILENCE])
    assert bench.ducked[:4] == [(True, False), (False, True), (True, True), (False, False)]


def test_a_block_of_two_periods_tells_of_both(bench: Bench) -> None:
    loud = tone(400, 0.01)
    bench.uplink.set_gate(Gate.OPEN)
    bench.hear_while_played(heard=[SILENCE + loud, *[SILENCE * 2] * 3], played=[loud + SILENCE])
    assert bench.ducked[:4] == [(False, True), (True, False), (False, False), (False, False)]


def test_a_likeness_does_not_outlive_the_device(bench: Bench) -> None:
    bench.hear_while_played(heard=syllables(1), played=syllables(1))
    assert bench.capture.echo_likeness > ECHO_LIKENESS
    bench.unplug()
    bench.microphone.hangs.clear()
    wait_until(lambda: bench.microphone.is_closed, "the device to be closed")
    assert bench.capture.echo_likeness == 0.0


def test_an_overrun_is_counted_and_moves_the_clock_on(bench: Bench) -> None:
    bench.start()
    bench.microphone.hangs.set()
    wait_until(bench.microphone.is_hanging.is_set, "the device to stall")
    clock_samples, clock_s = bench.uplink.clock_samples, time.monotonic()
    wait_until(lambda: time.monotonic() > clock_s + 0.1, "time to pass")
    bench.microphone.xruns = 2
    bench.microphone.hangs.clear()
    bench.advance(2)
    assert bench.capture.xruns == 2
    assert bench.uplink.clock_samples - clock_samples > 0.08 * 48_000


def test_a_device_that_hangs_stops_the_progress_and_does_not_hold_up_the_end(bench: Bench) -> None:
    bench.start()
    bench.microphone.hangs.set()
    wait_until(bench.microphone.is_hanging.is_set, "the device to stall")
    progress = bench.capture.progress
    assert not bench.capture.stop(0.05)
    assert bench.capture.progress == progress


def test_a_bug_ends_the_thread_and_is_reported(bench: Bench) -> None:
    bug = RuntimeError("a bug")
    bench.start()
    bench.microphone.error = bug
    wait_until(lambda: bench.crashes, "the report")
    assert bench.crashes == [bug]
    assert bench.capture.error is bug
    assert bench.microphone.is_closed


def ignore(error: BaseException) -> None:
    raise AssertionError(error)


def test_stopping_before_the_start_is_fine() -> None:
    make: Callable[[], PcmInput] = FakeInput
    capture = Capture(make, Uplink(OpusSettings()), lambda event: None, ignore, BothEnds())
    assert capture.stop(0.0)


def test_the_drift_of_the_device_is_passed_on(bench: Bench) -> None:
    bench.microphone.drift_ppm = -42.0
    bench.start()
    assert bench.capture.drift_ppm == -42.0


SPEECH = blocks_of(spoken("what time is it", "rms"))[:-1]


def test_what_the_device_listens_for_itself_is_heard_through_a_closed_gate(bench: Bench) -> None:
    bench.ear.listen_for(Listening.VOICE)
    bench.microphone.hear([SILENCE] * 300 + SPEECH)
    bench.start()
    wait_until(lambda: bench.events == [VoiceHeard()], "a voice")
    assert not bench.uplink.gate_is_open


def test_a_muted_device_hears_nothing_itself_either(bench: Bench) -> None:
    bench.capture.set_enabled(False)
    bench.ear.listen_for(Listening.VOICE)
    bench.microphone.hear([SILENCE] * 300 + SPEECH)
    bench.start()
    assert bench.opened == []
    assert bench.events == []
