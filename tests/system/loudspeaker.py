"""What came out of a daemon's loudspeaker: whether it kept time, and what is missing of the answers."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.server.voice import Voice
from tests.processes import Daemon
from tests.system.gaps import RATE_HZ, Samples, longest_gap

RECORDED_HZ = 48_000
HEADER_BYTES = 44
"""Its length is up to a second behind while the recording goes on: the file's own is not."""

LOOK_EVERY_S = 0.01
SEEN_AT_ONCE_S = 0.001
"""A look at clock and file that took longer does not tell when the file was so long."""

AROUND_S = 1.0
"""So long before and after a hand-over the loudspeaker is held to have to do with it."""

HAND_OVER = "has taken over"

SYLLABLE_S = 0.2
"""An answer of which no piece of this length is missing was heard. A recogniser is no measure where the time
of day is told: there are minutes that it mishears."""

Look = tuple[float, int]
"""A moment, in monotonic seconds, and how much was recorded by then."""


@dataclass(frozen=True)
class AnswerGap:
    """The longest gap in the answer of a turn, 0 for none, and how far it was from the nearest hand-over."""

    turn: int
    text: str
    longest_s: float
    from_hand_over_s: float

    @property
    def is_by_hand_over(self) -> bool:
        """Whether a hand-over may have made it."""
        return self.from_hand_over_s < AROUND_S


class Loudspeaker:
    """Watches how the recording grows, from now on until it is closed. Places are samples of RECORDED_HZ."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._ended = threading.Event()
        self._looks: list[Look] = []
        self.hand_overs: list[Look] = []
        """When and where sessions took over."""
        self._thread = threading.Thread(target=self._watch, name="loudspeaker")
        self._thread.start()

    @property
    def place(self) -> int:
        """How much was recorded so far."""
        return (os.stat(self._daemon.loudspeaker).st_size - HEADER_BYTES) // 2

    def close(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()

    def lateness_s(self) -> tuple[float, float]:
        """Return :func:`lateness_s` of all that was seen."""
        return lateness_s(self._looks, [at for at, _ in self.hand_overs])

    def _watch(self) -> None:
        mark = self._daemon.seen.mark
        while not self._ended.wait(LOOK_EVERY_S):
            look = (time.monotonic(), self.place)
            if time.monotonic() - look[0] < SEEN_AT_ONCE_S:
                self._looks.append(look)
            mark, former = self._daemon.seen.mark, mark
            notices = self._daemon.seen.since(former, "notice")
            self.hand_overs += [look for notice in notices if HAND_OVER in notice["text"]]


def lateness_s(looks: Sequence[Look], hand_overs: Sequence[float]) -> tuple[float, float]:
    """Return by how much a recording was behind its first pace: at worst at hand-overs, and at its end.

    What is late at the end is missing; what is early was doubled.
    """
    at_s, places = np.array(looks).T
    late_s = at_s - places / RECORDED_HZ
    usual = round(AROUND_S / LOOK_EVERY_S)
    late_s -= np.median(late_s[:usual])
    near = np.zeros(len(at_s), bool)
    for moment in hand_overs:
        near |= np.abs(at_s - moment) < AROUND_S
    return float(late_s[near].max(initial=0.0)), float(np.median(late_s[-usual:]))


def gaps(
    daemon: Daemon, answers: Sequence[str], begins: Sequence[int], hand_overs: Sequence[int]
) -> list[AnswerGap]:
    """Return the longest gap of each answer. ``begins``: places of the questions, and of the end."""
    found = []
    for n, text in enumerate(answers):
        if not text:
            continue
        gap = longest_gap(said_aloud(text), _recorded(daemon, begins[n], begins[n + 1]))
        at_s = begins[n] / RECORDED_HZ + gap.at_s
        nearest_s = float(min((abs(place / RECORDED_HZ - at_s) for place in hand_overs), default=math.inf))
        found.append(AnswerGap(n, text, gap.length_s, nearest_s))
    return found


def longest_missing_s(daemon: Daemon, answer: str, first_s: float = math.inf) -> float:
    """Return the longest piece of an answer that was not heard, wherever in the recording it was said.

    Of an answer that was interrupted, only the first ``first_s`` count.
    """
    said = said_aloud(answer)
    recorded = (os.stat(daemon.loudspeaker).st_size - HEADER_BYTES) // 2
    said = said[: int(min(first_s * RATE_HZ, len(said)))]
    return longest_gap(said, _recorded(daemon, 0, recorded)).length_s


@functools.cache
def said_aloud(text: str) -> Samples:
    """Return an answer as the embedded server says it."""
    speech = asyncio.run(Voice().speak(text))
    assert speech is not None, f"flite did not say {text!r}"
    return np.frombuffer(speech.pcm, np.int16).astype(float)


def _recorded(daemon: Daemon, begin: int, end: int) -> Samples:
    """Return that part of the recording at RATE_HZ, the mean of every three samples."""
    recorded = np.fromfile(daemon.loudspeaker, np.int16, end - begin, offset=HEADER_BYTES + 2 * begin)
    samples = recorded.astype(float)
    step = RECORDED_HZ // RATE_HZ
    return np.asarray(samples[: len(samples) // step * step].reshape(-1, step).mean(axis=1))
