from __future__ import annotations

import pytest

from edge_agent.audio.answer_stream import AnswerStream
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.encoding import PLAIN_RATE_HZ
from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import BYTES_PER_S, SAMPLE_RATE_HZ, SILENCE
from edge_agent.core.playout.streamed import Began, CutOff, Ended, Note, Piece, Unheard
from tests.audio.sounds import PEAK, amplitude, tone

ONE = Piece("resp_1", "item_1", 0)


def plain(pcm_48k: bytes) -> bytes:
    resampler = Resampler(SAMPLE_RATE_HZ, 1, PLAIN_RATE_HZ)
    return resampler.feed(pcm_48k) + resampler.finish()


@pytest.fixture
def notes() -> list[Note]:
    return []


@pytest.fixture
def downlink() -> Downlink:
    return Downlink()


@pytest.fixture
def stream(downlink: Downlink, notes: list[Note]) -> AnswerStream:
    return downlink.open_stream(notes.append)


def pulled(downlink: Downlink, seconds: float, now: float = 0.0) -> bytes:
    pcm = bytearray()
    while len(pcm) < seconds * BYTES_PER_S:
        pcm += downlink.pull(now + len(pcm) / BYTES_PER_S)
    return bytes(pcm)


def test_an_answer_is_played_whole_at_the_rate_of_the_device(
    downlink: Downlink, stream: AnswerStream, notes: list[Note]
) -> None:
    pcm = plain(tone(400, 1.0))
    for at in range(0, len(pcm), 9600):
        stream.put(ONE, pcm[at : at + 9600])
    stream.finish("resp_1")
    heard = pulled(downlink, 1.1)
    assert amplitude(heard[9600 : 9600 * 9], 400) == pytest.approx(PEAK, rel=0.1)
    assert len(heard.rstrip(b"\0")) == pytest.approx(BYTES_PER_S, rel=0.01)
    assert notes == [Began("resp_1"), Ended("resp_1")]
    assert stream.played_blocks == 50


def test_a_flush_drops_all_of_it_and_tells_what_was_heard(
    downlink: Downlink, stream: AnswerStream, notes: list[Note]
) -> None:
    stream.put(ONE, plain(tone(400, 3.0)))
    pulled(downlink, 1.0)
    downlink.flush(1.0, ignore_s=0.3)
    assert downlink.pull(1.0) is SILENCE
    assert notes == [Began("resp_1"), Unheard(ONE, 1000), CutOff("resp_1")]


def test_a_stream_that_was_closed_tells_nothing(
    downlink: Downlink, stream: AnswerStream, notes: list[Note]
) -> None:
    stream.put(ONE, plain(tone(400, 1.0)))
    stream.close()
    assert downlink.pull(0.0) is SILENCE
    downlink.clear()
    assert notes == []


def test_the_stream_of_another_session_takes_the_place(downlink: Downlink, stream: AnswerStream) -> None:
    stream.put(ONE, plain(tone(400, 1.0)))
    downlink.open_stream(lambda _: None)
    assert downlink.pull(0.0) is SILENCE
