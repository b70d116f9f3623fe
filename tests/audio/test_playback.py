from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_agent.audio import playback as playback_module
from edge_agent.audio.device import PcmOutput
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.far_end import FarEnd
from edge_agent.audio.gain import Gain
from edge_agent.audio.level import FLOOR_DBFS
from edge_agent.audio.playback import HANG_OVER_S, Playback
from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event, SoundEnded, SoundStarted
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SILENCE
from edge_agent.core.playout.samples import peak
from edge_agent.errors import AudioDeviceError
from tests.audio.fakes import FakeOutput
from tests.audio.sounds import blocks_of, heard_s, tone, wait_until

GONE = AudioDeviceError("plughw:7: No such device; plug it in")
TONE = tone(800, 0.2)  # 800 Hz: every period is the same
BLOCK = TONE[:PERIOD_BYTES]
HANG_OVER_PERIODS = round(HANG_OVER_S / PERIOD_S)


class Bench:
    """A playback with a fake loudspeaker that plays only what the test lets it."""

    def __init__(self) -> None:
        self.loudspeaker = FakeOutput()
        self.opened = 0
        self.missing: Exception | None = None
        self.events: list[Event] = []
        self.crashes: list[BaseException] = []
        self.source = Downlink()
        self.far_end = FarEnd()
        self.told: list[bytes | int] = []
        self.gain = Gain()
        self.playback = Playback(
            self.open,
            self.source,
            self.events.append,
            self.crashes.append,
            (self.far_end, self),
            self.gain,
            keeps_echo_delay=True,
        )

    def played(self, block: bytes) -> None:
        self.told.append(block)

    def flushed(self, unplayed_bytes: int) -> None:
        self.told.append(unplayed_bytes)

    def stopped(self) -> None:
        self.told.append(0)

    def open(self) -> PcmOutput:
        self.opened += 1
        if self.missing is not None:
            raise self.missing
        self.loudspeaker.is_closed = False
        return self.loudspeaker

    def play(self, pcm: bytes) -> None:
        """Queue a sound and let the loudspeaker begin with it."""
        self.source.play(pcm)
        while SoundStarted() not in self.events:
            self.loudspeaker.step(1)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(playback_module, "RETRY_S", 0.02)
    bench = Bench()
    bench.playback.start()
    yield bench
    bench.loudspeaker.run()
    assert bench.playback.stop(5.0)
    assert bench.loudspeaker.is_closed


def test_silence_is_played_while_there_is_nothing_else(bench: Bench) -> None:
    assert bench.loudspeaker.step(5) == [SILENCE] * 5
    assert bench.playback.level_dbfs == FLOOR_DBFS
    wait_until(lambda: bench.playback.progress == 5, "progress with each period")


def test_a_sound_is_played_bit_by_bit(bench: Bench) -> None:
    bench.loudspeaker.step(1)
    bench.source.play(TONE)
    played = b"".join(bench.loudspeaker.step(30))
    assert played.strip(b"\0") == TONE.strip(b"\0")
    assert bench.playback.level_dbfs > -20


def test_the_beginning_of_a_sound_is_told_when_it_is_handed_over(bench: Bench) -> None:
    bench.loudspeaker.step(2)
    assert bench.events == []
    bench.play(TONE)
    assert bench.events == [SoundStarted()]
    assert bench.playback.is_sounding
    heard = [block for block in bench.loudspeaker.written if block != SILENCE]
    assert len(heard) <= 1


def test_the_end_of_a_sound_is_told_after_the_hang_over(bench: Bench) -> None:
    bench.play(TONE)
    while bench.loudspeaker.step(1) != [SILENCE]:
        pass
    bench.loudspeaker.step(HANG_OVER_PERIODS - 2)
    assert bench.events == [SoundStarted()]
    bench.loudspeaker.step(5)
    wait_until(lambda: bench.events == [SoundStarted(), SoundEnded()], "the end")
    assert not bench.playback.is_sounding


def test_a_sound_lasts_until_the_device_has_played_it(bench: Bench) -> None:
    bench.play(TONE)
    bench.loudspeaker.queued = 0.5
    bench.loudspeaker.step(20 + HANG_OVER_PERIODS + 5)
    assert bench.events == [SoundStarted()]
    bench.loudspeaker.step(30)
    wait_until(lambda: SoundEnded() in bench.events, "the end")


def test_a_pause_between_words_does_not_end_the_sound(bench: Bench) -> None:
    pause = SILENCE * (HANG_OVER_PERIODS - 5)
    bench.play(BLOCK * 5 + pause + BLOCK * 5)
    bench.loudspeaker.step(10 + len(pause) // PERIOD_BYTES)
    assert bench.events == [SoundStarted()]


def test_a_codecs_noise_is_not_a_sound(bench: Bench) -> None:
    bench.source.play(tone(800, 0.2, peak=60))
    bench.loudspeaker.step(30)
    assert bench.events == []


def test_a_flush_silences_queue_and_device_at_once_and_is_done_by_the_sound_thread(bench: Bench) -> None:
    bench.play(TONE)
    bench.loudspeaker.step(5)
    bench.loudspeaker.queued = 0.040
    bench.playback.flush()
    fade, *after = bench.loudspeaker.step(5)
    assert bench.loudspeaker.dropped_in == ["playback"]
    assert fade[:2] == BLOCK[:2]
    assert fade[len(fade) // 2 :] == SILENCE[len(fade) // 2 :]
    assert after == [SILENCE] * 4
    assert bench.events == [SoundStarted(), SoundEnded()]


def test_what_a_card_is_filled_with_again_is_told_to_the_last_sample(bench: Bench) -> None:
    bench.play(TONE)
    bench.loudspeaker.step(5)
    bench.loudspeaker.queued = 0.040
    bench.told.clear()
    bench.playback.flush()
    (fade,) = bench.loudspeaker.step(1)
    wait_until(lambda: len(bench.told) >= 2, "what was flushed, and what came instead")
    assert bench.told[:2] == [4 * PERIOD_BYTES, fade + bytes(3 * PERIOD_BYTES + PERIOD_BYTES // 2)]


def test_a_sound_server_plays_its_buffer_to_the_end_and_then_fades(bench: Bench) -> None:
    bench.loudspeaker.restarts_in_time = False
    bench.play(TONE)
    bench.loudspeaker.step(5)
    bench.loudspeaker.queued = 0.040
    bench.told.clear()
    bench.playback.flush()
    last = bench.loudspeaker.written[-1]
    fade, *after = bench.loudspeaker.step(5)
    assert bench.loudspeaker.dropped_in == []
    assert fade[:2] == last[-2:], "no step"
    assert fade[len(fade) // 2 :] == SILENCE[len(fade) // 2 :]
    assert after == [SILENCE] * 4
    assert bench.told[:5] == [fade, *after], "nothing was thrown away"
    assert bench.events == [SoundStarted(), SoundEnded()]


def test_a_flush_of_a_device_that_holds_nothing_just_stops(bench: Bench) -> None:
    bench.play(TONE)
    bench.playback.flush()
    assert bench.loudspeaker.step(3) == [SILENCE] * 3


def test_what_comes_after_a_flush_is_played(bench: Bench) -> None:
    bench.play(TONE)
    bench.playback.flush()
    bench.source.play(BLOCK * 4)
    assert bench.loudspeaker.step(8).count(BLOCK) >= 4
    assert bench.events == [SoundStarted(), SoundEnded(), SoundStarted()]


def test_a_flush_of_silence_leaves_the_device_alone(bench: Bench) -> None:
    bench.loudspeaker.step(3)
    bench.playback.flush()
    bench.loudspeaker.step(3)
    assert bench.loudspeaker.dropped_in == []
    assert bench.events == []


def test_a_device_that_goes_while_it_sounds_ends_the_sound_and_is_told_once(bench: Bench) -> None:
    bench.play(TONE)
    bench.missing = bench.loudspeaker.error = GONE
    bench.loudspeaker.run()
    wait_until(lambda: bench.opened > 4, "several attempts")
    assert bench.events == [SoundStarted(), SoundEnded(), DeviceLost(Device.LOUDSPEAKER, str(GONE))]
    bench.missing = bench.loudspeaker.error = None
    wait_until(lambda: len(bench.events) > 3, "the return")
    assert bench.events[3:] == [DeviceBack(Device.LOUDSPEAKER)]


def test_what_was_said_while_there_was_no_device_is_not_said_later(bench: Bench) -> None:
    bench.missing = bench.loudspeaker.error = GONE
    bench.loudspeaker.run()
    wait_until(lambda: bench.events, "the loss")
    bench.source.play(TONE)
    opened = bench.opened
    wait_until(lambda: bench.opened > opened + 1, "the sound to be dropped")
    bench.missing = bench.loudspeaker.error = None
    wait_until(lambda: DeviceBack(Device.LOUDSPEAKER) in bench.events, "the return")
    assert set(bench.loudspeaker.written) <= {SILENCE}


def test_the_progress_goes_on_without_a_device(bench: Bench) -> None:
    bench.missing = bench.loudspeaker.error = GONE
    bench.loudspeaker.run()
    wait_until(lambda: bench.events, "the loss")
    progress = bench.playback.progress
    wait_until(lambda: bench.playback.progress > progress + 2, "progress")


def test_a_sound_is_made_softer_on_its_way_and_is_a_sound_at_any_volume(bench: Bench) -> None:
    bench.gain.set(0.5)
    bench.play(TONE)
    bench.loudspeaker.step(3)
    assert peak(bench.loudspeaker.written[-1]) == pytest.approx(peak(BLOCK) / 2, abs=1)
    bench.gain.set(0.0)
    bench.loudspeaker.step(3)
    assert peak(bench.loudspeaker.written[-1]) == 0
    assert bench.playback.is_sounding
    assert bench.playback.level_dbfs > -20


def test_underruns_are_counted(bench: Bench) -> None:
    bench.loudspeaker.step(1)
    bench.loudspeaker.xruns = 3
    bench.loudspeaker.step(2)
    wait_until(lambda: bench.playback.xruns == 3, "the count")


def test_the_echo_canceller_is_told_what_is_played_and_what_is_not(bench: Bench) -> None:
    sound = tone(400, 0.05)
    bench.play(sound)
    bench.loudspeaker.step(5)
    wait_until(lambda: bench.far_end.depth_periods >= 5, "what was played")
    assert sound in b"".join(bench.far_end.take() for _ in range(30))
    bench.loudspeaker.step(5)
    wait_until(lambda: bench.far_end.depth_periods >= 1, "silence that was played")
    bench.far_end.restart()
    bench.play(sound)
    bench.loudspeaker.xruns = 1
    bench.loudspeaker.step(1)
    wait_until(lambda: bench.playback.xruns == 1, "a device that ran dry to be noticed")
    assert not any(b"".join(bench.far_end.take() for _ in range(30))), "what was lost is no reference"


def test_a_device_that_hangs_does_not_hold_up_the_end(bench: Bench) -> None:
    assert not bench.playback.stop(0.02)  # nobody lets the loudspeaker play


def test_a_bug_ends_the_thread_and_is_reported(bench: Bench) -> None:
    bug = RuntimeError("a bug")
    bench.loudspeaker.error = bug
    bench.loudspeaker.run()
    wait_until(lambda: bench.crashes, "the report")
    assert bench.crashes == [bug]
    assert bench.playback.error is bug


def test_the_blocks_of_a_tone_are_all_alike() -> None:
    assert set(blocks_of(TONE)) == {BLOCK}


def test_the_drift_of_the_device_is_passed_on(bench: Bench) -> None:
    bench.loudspeaker.drift_ppm = 42.0
    bench.loudspeaker.step(2)
    wait_until(lambda: bench.playback.drift_ppm == 42.0, "the drift")


def test_a_sound_of_its_own_is_no_answer_but_is_as_loud_and_is_known_to_the_echo_canceller(
    bench: Bench,
) -> None:
    bench.gain.set(0.5)
    bench.loudspeaker.step(1)
    bench.playback.play_over(BLOCK * 4)
    written = bench.loudspeaker.step(8)
    assert sum(abs(peak(block) - peak(BLOCK) / 2) <= 1 for block in written) >= 3
    assert bench.events == []
    assert bench.playback.level_dbfs == FLOOR_DBFS
    wait_until(lambda: bench.far_end.depth_periods >= 8, "what was played")
    assert max(peak(bench.far_end.take()) for _ in range(9)) == pytest.approx(peak(BLOCK) / 2, abs=1)


def test_a_sound_of_its_own_is_heard_over_an_answer_and_outlives_its_flush(bench: Bench) -> None:
    bench.play(TONE)
    own = tone(400, 0.1)
    bench.playback.play_over(own)
    bench.playback.flush()
    heard = b"".join(bench.loudspeaker.step(14))
    assert heard_s(heard, 400) == pytest.approx(0.1, abs=0.015)
    assert bench.events == [SoundStarted(), SoundEnded()]


def test_too_many_sounds_of_its_own_make_no_queue(bench: Bench) -> None:
    bench.playback.play_over(BLOCK * 150)
    assert sum(block != SILENCE for block in bench.loudspeaker.step(150)) <= 101
