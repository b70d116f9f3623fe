from __future__ import annotations

import itertools
from array import array

import pytest

from edge_agent.audio.earcons import NOTES, PEAK, sound_of
from edge_agent.core.commands import Earcon
from edge_agent.core.pcm import BYTES_PER_S, SAMPLE_RATE_HZ
from tests.audio.sounds import amplitude

LONGEST_S = 0.5
LARGEST_STEP = PEAK // 4
"""What two neighbouring samples may differ by: an octave at full strength has an eighth."""


@pytest.mark.parametrize("earcon", Earcon)
def test_every_sound_is_short_soft_and_does_not_click(earcon: Earcon) -> None:
    samples = array("h", sound_of(earcon))
    assert 0.1 <= len(samples) / SAMPLE_RATE_HZ <= LONGEST_S
    assert PEAK * 0.9 <= max(abs(sample) for sample in samples) <= PEAK
    around = [0, *samples, 0]
    assert max(abs(after - before) for before, after in itertools.pairwise(around)) < LARGEST_STEP


@pytest.mark.parametrize("earcon", Earcon)
def test_each_note_has_its_pitch(earcon: Earcon) -> None:
    sound, at = sound_of(earcon), 0
    for note in NOTES[earcon]:
        piece = sound[at : at + round(note.duration_s * SAMPLE_RATE_HZ) * 2]
        at += len(piece)
        if note.period_samples:
            hz = SAMPLE_RATE_HZ / note.period_samples
            assert amplitude(piece, hz) > PEAK / 5
            assert amplitude(piece, hz * 1.5) < amplitude(piece, hz) / 5
        else:
            assert not any(piece)
    assert at == len(sound)


def test_no_two_sounds_are_alike() -> None:
    assert len({sound_of(earcon) for earcon in Earcon}) == len(Earcon)


def test_what_says_that_it_listens_is_over_before_a_person_goes_on() -> None:
    assert len(sound_of(Earcon.AWAKE)) <= 0.25 * BYTES_PER_S
