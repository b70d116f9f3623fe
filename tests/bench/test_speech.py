from __future__ import annotations

import pytest

pytest.importorskip("scipy")

import numpy as np

from edge_agent.bench.impairments import LEAD_OUT_S, PACKET_S
from edge_agent.bench.speech import SPEECH_DBFS, make_speech
from edge_agent.core.pcm import SAMPLE_RATE_HZ


def test_the_sound_ends_in_silence_and_speaks_until_then() -> None:
    speech = make_speech(6.0)
    silent = round(LEAD_OUT_S / PACKET_S)
    assert len(speech.packets) == len(speech.is_speech) == 300
    assert not any(speech.is_speech[-silent + 1 :])
    assert sum(speech.is_speech[-silent - 25 : -silent]) > 12
    end = speech.clean[-round((LEAD_OUT_S - PACKET_S) * SAMPLE_RATE_HZ) :] / 32768
    assert np.sqrt(np.mean(end**2)) < 10 ** (SPEECH_DBFS / 20)
