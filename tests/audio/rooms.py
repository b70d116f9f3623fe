"""A room with a loudspeaker and a microphone, and people who talk in it, for the echo tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.pcm import PERIOD_BYTES, SAMPLE_RATE_HZ
from tests.speech import spoken

Signal = NDArray[np.float64]
"""Samples from -1 to 1, 48 kHz mono."""

REVERBERATION_S = 0.25
"""T60 of a furnished room."""

ANSWER = (
    "Good morning. The weather today will be mostly cloudy, with a light wind from the west and some rain "
    "in the afternoon. Tomorrow it should be dry and a little warmer, so you could go for a walk."
)
INTERRUPTION = "Stop, please. I wanted to know about the other thing. Can you tell me when the shop opens?"


def voice(text: str, name: str, seconds: float) -> Signal:
    """Speech that is repeated to fill the time; its loudest sample is half of full scale."""
    samples = np.frombuffer(spoken(text, name), np.int16) / 32768
    return np.resize(samples / np.abs(samples).max() / 2, round(seconds * SAMPLE_RATE_HZ))


def echo_of(played: Signal, delay_s: float, *, level_db: float = -6.0) -> Signal:
    """What comes back of a sound: a small loudspeaker's distortion, the delay and the room."""
    chance = np.random.default_rng(3)
    tail = np.arange(round(REVERBERATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    response = 0.02 * chance.standard_normal(len(tail)) * 10 ** (-3 * tail / REVERBERATION_S)
    response[0] = 1.0
    distorted = np.tanh(2 * played) / 2
    size = 2 ** (len(played) + len(response)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(distorted, size) * np.fft.rfft(response, size), size)
    late = np.concatenate([np.zeros(round(delay_s * SAMPLE_RATE_HZ)), wet])[: len(played)]
    return late * 10 ** (level_db / 20) * loudness(played) / loudness(late)


def noise(like: Signal, level_dbfs: float = -65.0) -> Signal:
    """The microphone's own noise."""
    return np.random.default_rng(4).standard_normal(len(like)) * 10 ** (level_dbfs / 20)


def loudness(signal: Signal) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(signal**2) + 1e-12))


def decibels(ratio: float) -> float:
    """A ratio of amplitudes in dB."""
    return float(20 * np.log10(ratio))


def periods(signal: Signal) -> list[bytes]:
    """Cut into periods of 16 bit samples."""
    pcm = np.clip(np.round(signal * 32768), -32768, 32767).astype(np.int16).tobytes()
    return [pcm[at : at + PERIOD_BYTES] for at in range(0, len(pcm) - PERIOD_BYTES + 1, PERIOD_BYTES)]


def signal_of(blocks: list[bytes]) -> Signal:
    """Join periods again."""
    return np.frombuffer(b"".join(blocks), np.int16) / 32768
