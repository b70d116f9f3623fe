from __future__ import annotations

import importlib.util

import pytest

pytest.importorskip("scipy")

import numpy as np

from edge_agent.bench.figures import axis_of, figures_of, recovery_s
from edge_agent.bench.impairments import CASES, LEAD_IN_S, Schedule, schedule_of
from edge_agent.bench.reception import Reception
from edge_agent.bench.speech import Speech
from edge_agent.bench.timeline import RATE_HZ, Block, DelayAt

COUNT = 400
CASE = {case.name: case for case in CASES}


def speech() -> Speech:
    """Eight seconds of noise that comes and goes like words."""
    chance = np.random.default_rng(1)
    smooth = np.convolve(chance.standard_normal(COUNT * 960), np.hanning(24), "same")
    words = np.repeat([index % 25 < 20 for index in range(COUNT)], 960)
    clean = np.asarray(smooth / np.abs(smooth).max() * 8000 * words, np.int16)
    return Speech((b"\1",) * COUNT, clean, tuple(index % 25 < 20 for index in range(COUNT)))


SPEECH = speech()


def reception(schedule: Schedule, delay_s: float, blocks: list[Block] | None = None) -> Reception:
    sent_at_s = [50.0 + due for due in schedule.due_s]
    frames = SPEECH.clean.reshape(COUNT, 960)
    played = [Block(at_s + delay_s, frame) for at_s, frame in zip(sent_at_s, frames, strict=True)]
    before = {"concealedSamples": 100.0, "totalSamplesReceived": 1000.0}
    after = {"concealedSamples": 200.0, "totalSamplesReceived": 3000.0}
    return Reception("stack", sent_at_s, played if blocks is None else blocks, 0.05, 60.0, (before, after))


def test_an_undisturbed_stack_has_its_delay_and_no_holes() -> None:
    schedule = schedule_of(CASE["none"], SPEECH.is_speech, 1)
    found = figures_of(CASE["none"], SPEECH, schedule, reception(schedule, 0.035))
    assert found.delay_median_ms == pytest.approx(35, abs=0.2)
    assert found.delay_p95_ms == pytest.approx(35, abs=0.2)
    assert found.delay_after_ms == pytest.approx(35, abs=0.2)
    assert found.gap_ms is not None
    assert found.gap_ms < 11
    assert found.concealed_share == pytest.approx(0.05)
    assert (found.lost_share, found.cpu_share, found.rss_mib) == (0.0, 0.05, 60.0)
    assert found.track[0][0] >= LEAD_IN_S


def test_quality_that_can_not_be_measured_is_none() -> None:
    schedule = schedule_of(CASE["none"], SPEECH.is_speech, 1)
    found = figures_of(CASE["none"], SPEECH, schedule, reception(schedule, 0.035))
    assert (found.pesq is None) == (importlib.util.find_spec("pesq") is None)
    assert (found.stoi is None) == (importlib.util.find_spec("pystoi") is None)


def test_a_stack_that_plays_nothing_has_no_figures() -> None:
    schedule = schedule_of(CASE["none"], SPEECH.is_speech, 1)
    found = figures_of(CASE["none"], SPEECH, schedule, reception(schedule, 0.0, blocks=[]))
    assert found.delay_median_ms is None
    assert found.pesq is None
    assert found.rss_mib == 60.0


def test_the_pause_of_the_sender_is_silence_on_its_axis_and_the_tail_is_found() -> None:
    schedule = schedule_of(CASE["pause-2s"], SPEECH.is_speech, 1)
    heard = reception(schedule, 0.035)
    axis = axis_of(SPEECH, schedule, heard.sent_at_s)
    assert len(axis.clean) == (COUNT * 0.02 + 2.0) * RATE_HZ
    assert len(axis.sent_at_s) == COUNT + 100
    found = figures_of(CASE["pause-2s"], SPEECH, schedule, heard)
    assert found.delay_median_ms == pytest.approx(35, abs=0.2)
    assert found.tail_ms == pytest.approx(35, abs=1)


@pytest.mark.parametrize(
    ("later_ms", "expected_s"),
    [
        ([20, 20, 20, 20], 1.0),
        ([90, 90, 20, 20, 20], 3.0),
        ([20, 90, 20, 20], 1.0),
        ([90, 90, 20, 90, 90, 20, 20], 6.0),
        ([90, 90, 90, 90], None),
    ],
)
def test_recovery_is_when_the_delay_is_back_for_good(later_ms: list[int], expected_s: float | None) -> None:
    schedule = Schedule((), (), disturbed_from_s=4.0, disturbed_until_s=5.0, pause_at=None)
    track = [DelayAt(4.0, 0.020, 0.020)] + [
        DelayAt(6.0 + index, ms / 1000, ms / 1000) for index, ms in enumerate(later_ms)
    ]
    found = recovery_s(track, schedule, 0.020)
    assert found == (None if expected_s is None else pytest.approx(expected_s))
