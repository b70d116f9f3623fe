from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge_agent.audio.ear import BATCH_PERIODS, WAITING_BATCHES, Ear
from edge_agent.core.commands import Listening
from edge_agent.core.events import Event, VoiceHeard, WakeWordHeard
from edge_agent.core.pcm import SILENCE
from tests.audio.sounds import blocks_of, tone, wait_until
from tests.speech import spoken

WORD = tone(800, 0.01)
"""What the detector of these tests takes for the word."""


class ToneWord:
    """A detector with levers: the word is a tone."""

    word = "Tone"

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.resets = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.bug: Exception | None = None

    def hear(self, pcm: bytes) -> bool:
        assert self.may_go_on.wait(20.0)
        if self.bug is not None:
            raise self.bug
        self.heard.append(pcm)
        return WORD in pcm

    def reset(self) -> None:
        self.resets += 1


class Bench:
    def __init__(self) -> None:
        self.word = ToneWord()
        self.events: list[Event] = []
        self.crashes: list[BaseException] = []
        self.ear = Ear(self.word, self.events.append, self.crashes.append)

    def hear(self, *blocks: bytes) -> None:
        for block in blocks:
            self.ear.hear(block)

    @property
    def heard(self) -> bytes:
        return b"".join(self.word.heard)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.ear.start()
    yield bench
    bench.word.may_go_on.set()
    assert bench.ear.stop(5.0)


def test_nothing_is_listened_to_at_first(bench: Bench) -> None:
    bench.hear(*[WORD] * BATCH_PERIODS)
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[SILENCE] * BATCH_PERIODS)
    wait_until(lambda: bench.word.heard, "the thread to hear")
    assert bench.heard == SILENCE * BATCH_PERIODS
    assert bench.events == []


def test_the_word_is_told_once_until_it_is_listened_for_again(bench: Bench) -> None:
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[WORD] * BATCH_PERIODS * 3)
    wait_until(lambda: bench.events, "the word")
    bench.hear(*[WORD] * BATCH_PERIODS * 3)
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[WORD] * BATCH_PERIODS)
    wait_until(lambda: len(bench.events) == 2, "the word again")
    assert bench.events == [WakeWordHeard("Tone")] * 2


def test_after_a_pause_the_word_does_not_go_on_from_before(bench: Bench) -> None:
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[SILENCE] * (BATCH_PERIODS - 1))
    bench.ear.pause()
    bench.hear(*[WORD] * BATCH_PERIODS)
    wait_until(lambda: bench.events, "the word")
    assert bench.heard == WORD * BATCH_PERIODS
    assert bench.word.resets == 1


def test_a_thread_that_is_held_up_holds_up_nobody_and_memory_stays_bounded(bench: Bench) -> None:
    bench.word.may_go_on.clear()
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[SILENCE] * BATCH_PERIODS * WAITING_BATCHES * 3)
    bench.word.may_go_on.set()
    wait_until(lambda: len(bench.word.heard) >= WAITING_BATCHES, "what waited")
    assert len(bench.word.heard) <= WAITING_BATCHES + 1


def test_a_voice_is_told_once(bench: Bench) -> None:
    bench.ear.listen_for(Listening.VOICE)
    blocks = blocks_of(SILENCE * 300 + spoken("what time is it", "rms"))[:-1]
    bench.hear(*blocks)
    assert bench.events == [VoiceHeard()]
    bench.hear(*blocks)
    assert bench.events == [VoiceHeard()]
    assert bench.word.heard == []


def test_a_word_that_is_found_when_nobody_wants_it_any_more_is_not_told(bench: Bench) -> None:
    bench.word.may_go_on.clear()
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[WORD] * BATCH_PERIODS)
    bench.ear.listen_for(Listening.NOTHING)
    bench.word.may_go_on.set()
    wait_until(lambda: bench.word.heard, "the thread to hear")
    progress = bench.ear.progress
    wait_until(lambda: bench.ear.progress > progress, "the thread to go on")
    assert bench.events == []


def test_a_bug_is_reported(bench: Bench) -> None:
    bench.word.bug = RuntimeError("a bug")
    bench.ear.listen_for(Listening.WORD)
    bench.hear(*[SILENCE] * BATCH_PERIODS)
    wait_until(lambda: bench.crashes, "the report")
    assert bench.crashes == [bench.word.bug]


def test_without_a_word_there_is_no_thread() -> None:
    ear = Ear(None, lambda _: None, lambda _: None)
    ear.start()
    assert not ear.has_word
    assert ear.stop(0.0)
