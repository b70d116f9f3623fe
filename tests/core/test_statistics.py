"""What is made of two counts of one run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge_agent.core.playout.statistics import PlayoutStatistics
from edge_agent.core.statistics import Counts, Readings, as_text, report, summary

BEFORE = Counts(
    at=100.0,
    process_cpu_s=2.0,
    thread_cpu_s={"loop": 1.0, "capture": 0.5},
    captured_samples=48_000,
    capture_xruns=1,
    playback_xruns=2,
    packets_sent=5,
    bytes_sent=500,
    packets_discarded_on_send=1,
    inbound=PlayoutStatistics(
        packets_received=10,
        jitter_buffer_delay=9.6,
        jitter_buffer_emitted_count=960,
        total_samples_received=960,
    ).as_w3c(),
)
NOW = Counts(
    at=110.0,
    process_cpu_s=2.8,
    thread_cpu_s={"loop": 1.4, "capture": 0.7, "playback": 0.1},
    captured_samples=528_000,
    capture_xruns=3,
    playback_xruns=2,
    packets_sent=505,
    bytes_sent=40_500,
    packets_discarded_on_send=2,
    inbound=PlayoutStatistics(
        packets_received=510,
        jitter_buffer_delay=9_609.6,
        jitter_buffer_emitted_count=480_960,
        total_samples_received=480_960,
        concealed_samples=4_800,
    ).as_w3c(),
)
READINGS = Readings(microphone_drift_ppm=12.5, echo_likeness=0.03)


def test_only_what_happened_in_between_counts() -> None:
    told = report(BEFORE, NOW, READINGS)
    assert told["process"] == {"seconds": 10.0, "soundSeconds": 10.0, "cpuSeconds": 0.8}
    assert told["outbound-rtp"] == {"packetsSent": 500, "bytesSent": 40_000, "packetsDiscardedOnSend": 1}
    assert told["media-source"] == {
        "totalSamplesCaptured": 480_000,
        "droppedSamplesEvents": 2,
        "driftPpm": 12.5,
    }
    assert told["media-playout"] == {"synthesizedSamplesEvents": 0, "driftPpm": None}
    assert told["inbound-rtp"]["packetsReceived"] == 500
    assert told["echo"] == {"likeness": 0.03}


def test_processor_time_is_that_of_a_second_of_sound() -> None:
    told = report(BEFORE, NOW, READINGS)
    assert told["cpu"] == {"process": 0.08, "loop": 0.04, "capture": 0.02, "playback": 0.01}


def test_the_mean_delay_and_the_concealed_share_are_given() -> None:
    inbound = report(BEFORE, NOW, READINGS)["inbound-rtp"]
    assert inbound["meanJitterBufferDelay"] == 0.02
    assert inbound["concealedShare"] == 0.01


def test_what_there_is_nothing_to_divide_by_is_not_known() -> None:
    told = report(BEFORE, replace(BEFORE, at=101.0), Readings())
    assert set(told["cpu"].values()) == {None}
    assert told["inbound-rtp"]["meanJitterBufferDelay"] is None
    assert summary(told).in_words() == "0 s of sound, 0 packets sent, 0 dropped, 0 xruns"
    assert summary(told).fields()["EDGE_CPU_SHARE"] == ""
    assert "  likeness                             -\n" in as_text(told)


def test_the_journal_gets_the_figures_that_matter() -> None:
    figures = summary(report(BEFORE, NOW, READINGS))
    assert figures.in_words() == (
        "10 s of sound, 8.0% of a processor, 20 ms of delay, 1.00% concealed, "
        "500 packets sent, 1 dropped, 2 xruns"
    )
    assert figures.fields() == {
        "EDGE_SOUND_S": "10.0",
        "EDGE_CPU_SHARE": "0.0800",
        "EDGE_DELAY_MS": "20.0",
        "EDGE_CONCEALED_SHARE": "0.01000",
        "EDGE_PACKETS_SENT": "500",
        "EDGE_PACKETS_DROPPED": "1",
        "EDGE_XRUNS": "2",
    }


def test_a_person_reads_a_line_for_each_number() -> None:
    text = as_text(report(BEFORE, NOW, READINGS))
    assert text.startswith("process:\n  seconds                              10\n")
    assert "  concealedShare                       0.01\n" in text


@pytest.mark.parametrize("group", ["inbound-rtp", "process", "cpu"])
def test_a_report_is_json(group: str) -> None:
    told = report(BEFORE, NOW, READINGS)
    assert json.loads(json.dumps(told))[group] == told[group]
