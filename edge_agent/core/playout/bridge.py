"""What is played while packets are late or lost, and how real sound goes on from it."""

from __future__ import annotations

from typing import Protocol

from edge_agent.core.pcm import SAMPLE_BYTES
from edge_agent.core.playout.repeating import Repeating
from edge_agent.core.playout.samples import (
    CROSS_FADE_SAMPLES,
    REJOINED_SAMPLES,
    cross_fade,
    fade_to_silence,
    is_audible,
    rejoined,
    replaced,
)
from edge_agent.core.playout.statistics import PlayoutStatistics

LONGEST_BRIDGE_SAMPLES = 4_800
"""100 ms of concealment, by when libopus has faded out; a longer hole is silent."""

BRIDGE_STEP_SAMPLES = 240
"""5 ms are played at a time: most packets that are late are late by less."""

MADE_UP_SAMPLES = 480
"""10 ms are made at a time: of less than that libopus drops a part, where the sound is SILK's
(``opus_decode_frame`` in libopus 1.3 to 1.5)."""

FORGOTTEN_SAMPLES = 2_880
"""60 ms, three packets: a decoder that has made up so much remembers nothing that helps it with the next
packet, and does better when it begins anew. Over 24 places in speech PESQ gains 0.015 (and at most 0.15)
after three lost packets and 0.033 after ten; after two it loses 0.02."""

LONGEST_STAND_IN_SAMPLES = 960
"""20 ms: a bridge up to this length may stand for the beginning of the packet that comes after it, which is
no more to hear than a lost one. What a longer one stands for would be missed."""


class Decoder(Protocol):
    """Opus to mono PCM at 48 kHz. Every method returns exactly the samples that were asked for.

    ``is_neural``: what it makes up goes on like a voice beyond one packet, too.
    """

    is_neural: bool

    def decode(self, payload: bytes, samples: int) -> bytes:
        """Return the packet's sound; what can't be decoded is concealed."""

    def recover(self, next_payload: bytes, samples: int) -> bytes:
        """Return the sound before a packet, from its in-band FEC if it has any, else concealed."""

    def conceal(self, samples: int) -> bytes:
        """Return sound that goes on like the last."""

    def keep(self) -> None:
        """Remember where the stream is."""

    def take_back(self) -> None:
        """Go back there: what was decoded and concealed since did not happen."""

    def reset(self) -> None:
        """Begin a new stream."""


class Bridge:
    """Sound that goes on like the last, by ``decoder``; counts all that is made up in ``statistics``."""

    def __init__(self, decoder: Decoder, statistics: PlayoutStatistics) -> None:
        self._decoder = decoder
        self._statistics = statistics
        self._repeating = Repeating()
        self._ahead = b""
        """Made up and not played."""
        self._is_concealing = False
        self._forgotten_samples = 0
        """Made up by the decoder since it decoded something."""
        self.samples = 0
        """How long the bridge is so far: what was played for packets that may still come."""

    @property
    def is_at_its_end(self) -> bool:
        """Whether nothing more can be made up that would sound like anything."""
        return self.samples >= LONGEST_BRIDGE_SAMPLES

    def go_on(self) -> bytes:
        """Return BRIDGE_STEP_SAMPLES more; the last ones fall to silence."""
        if not self.samples:
            self._decoder.keep()
        self.samples += BRIDGE_STEP_SAMPLES
        pcm = self.conceal(BRIDGE_STEP_SAMPLES)
        return fade_to_silence(pcm) if self.is_at_its_end else pcm

    def conceal(self, samples: int) -> bytes:
        """Return sound for what is known to be lost."""
        self._count(samples)
        pcm = self._make_up(samples)
        self._ahead = pcm[samples * SAMPLE_BYTES :]
        pcm = pcm[: samples * SAMPLE_BYTES]
        if not is_audible(pcm):
            self._statistics.silent_concealed_samples += samples
        return pcm

    def recover(self, next_payload: bytes, samples: int) -> bytes:
        """Return the sound before a packet, with its help unless some was made up already."""
        if self._ahead:
            return self.conceal(samples)
        self._count(samples)
        self._statistics.fec_samples_recovered += samples
        pcm = self._decoder.recover(next_payload, samples)
        self._repeating.heard(pcm)
        return pcm

    def decode(self, payload: bytes, samples: int, *, is_next: bool) -> bytes:
        """Return the sound of the packet that comes after what was played last, real or made up.

        ``is_next``: it is the one after the last that was decoded. What was made up in between filled a pause
        of the sender, no hole in the stream, and the decoder never knows of it.
        """
        goes_on = not is_next and self._forgotten_samples < FORGOTTEN_SAMPLES
        if goes_on or not self._forgotten_samples:
            return self._decode(payload, samples)
        fade_bytes = min(CROSS_FADE_SAMPLES, samples) * SAMPLE_BYTES
        made_up = self._make_up(CROSS_FADE_SAMPLES)[:fade_bytes]
        if is_next:
            self._decoder.take_back()
        else:
            self._decoder.reset()
        pcm = self._decode(payload, samples)
        return cross_fade(made_up, pcm[:fade_bytes]) + pcm[fade_bytes:]

    def rejoin(self, payload: bytes, samples: int, late_samples: int) -> bytes:
        """Return the sound of a packet that was only late, as it goes on from the bridge.

        The decoder never knows of the bridge: a stream decodes best after what was really sent. What was
        made up stands for the beginning of the packet, as far as it were later than wanted if it was played
        whole: by ``late_samples``.
        """
        made_up = self._make_up(REJOINED_SAMPLES)
        self._decoder.take_back()
        pcm = self._decode(payload, samples)
        stood_for = min(self.samples, late_samples, samples - CROSS_FADE_SAMPLES)
        if stood_for > 0 and self.samples <= LONGEST_STAND_IN_SAMPLES:
            return replaced(made_up, pcm, stood_for)
        joined, more_samples = rejoined(made_up[: REJOINED_SAMPLES * SAMPLE_BYTES], pcm)
        self._count(more_samples)
        return joined

    def settle(self) -> int:
        """Count what was played as standing for what is lost: return how much, and begin anew."""
        samples, self.samples = self.samples, 0
        return samples

    def end(self) -> None:
        """Real sound or silence follows."""
        self.samples = 0
        self._ahead = b""
        self._is_concealing = False

    def reset(self) -> None:
        """Begin a new stream, in which nothing of this one is heard: not from the decoder, not repeated."""
        self._decoder.reset()
        self._repeating.reset()
        self._forgotten_samples = 0
        self.end()

    def _decode(self, payload: bytes, samples: int) -> bytes:
        self._forgotten_samples = 0
        pcm = self._decoder.decode(payload, samples)
        self._repeating.heard(pcm)
        return pcm

    def _make_up(self, samples: int) -> bytes:
        """Return that much at least, what is ahead first."""
        if not self._forgotten_samples:
            self._decoder.keep()
        pcm = self._ahead
        while len(pcm) < samples * SAMPLE_BYTES:
            made_up = self._decoder.conceal(MADE_UP_SAMPLES)
            pcm += made_up if self._decoder.is_neural else self._repeating.go_on(made_up)
            self._forgotten_samples += MADE_UP_SAMPLES
        return pcm

    def _count(self, samples: int) -> None:
        if not self._is_concealing:
            self._statistics.concealment_events += 1
        self._is_concealing = True
        self._statistics.concealed_samples += samples
