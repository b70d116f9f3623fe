"""When somebody speaks: webrtcvad hears voices in frames of 20 ms, TurnDetector makes turns of them."""

from __future__ import annotations

import array
import enum
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from operator import mul

from edge_agent.protocol.session_object import SemanticVad, TurnDetection

SAMPLE_RATE_HZ = 16_000
"""One of the rates that webrtcvad takes; mono, signed 16 bit little endian."""

FRAME_MS = 20
"""One of the frame lengths that webrtcvad takes."""

FRAME_BYTES = SAMPLE_RATE_HZ * FRAME_MS // 1000 * 2

ONSET_FRAMES = 4
"""A turn begins when so many of the last ONSET_WINDOW frames hold a voice: 80 ms, shorter than the shortest
word, longer than a click."""

ONSET_WINDOW = 6

FLOOR_DBFS = -50.0
"""Quieter frames hold no voice: webrtcvad hears some in the noise of a good microphone. Speech at arm's
length is at -40 dBFS and above."""

STILL_SPEAKING = (2, 3)
"""So many frames of the last so many with a voice keep a turn alive."""

EAGERNESS_SILENCE_MS = {"low": 1500, "medium": 800, "high": 400, "auto": 800}
"""Semantic detection is simulated by the length of a silence. The order is that of OpenAI's guide."""


class Edge(enum.Enum):
    """What happened to a turn."""

    STARTED = "started"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class TurnEdge:
    """``at_ms`` is in session audio: with the padding before a start, with the silence before a stop."""

    edge: Edge
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnRules:
    """When a turn begins and ends. ``aggressiveness`` 0..3: how sure webrtcvad has to be of a voice."""

    aggressiveness: int
    prefix_ms: int
    silence_ms: int


def rules_of(detection: TurnDetection) -> TurnRules:
    """Return the rules that a session's turn detection amounts to."""
    if isinstance(detection, SemanticVad):
        return TurnRules(2, 300, EAGERNESS_SILENCE_MS[detection.eagerness or "auto"])
    return TurnRules(
        aggressiveness=_aggressiveness(detection.threshold),
        prefix_ms=_or(detection.prefix_padding_ms, 300),
        silence_ms=_or(detection.silence_duration_ms, 500),
    )


def _aggressiveness(threshold: float | None) -> int:
    """Map 0..1 to webrtcvad's modes 0..3; the default 0.5 is mode 2, which was measured best for speech."""
    return min(3, int((0.5 if threshold is None else threshold) * 4))


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


class TurnDetector:
    """Makes turns of voices. Pure: ``is_voice`` says whether one frame of FRAME_BYTES holds one."""

    def __init__(self, rules: TurnRules, is_voice: Callable[[bytes], bool], begins_at_ms: int = 0) -> None:
        self._rules = rules
        self._is_voice = is_voice
        self._rest = b""
        self._recent: deque[bool] = deque(maxlen=ONSET_WINDOW)
        self._earliest_start_ms = begins_at_ms
        self._now_ms = begins_at_ms
        self._silence_ms = 0
        self.is_in_turn = False

    def feed(self, pcm: bytes) -> list[TurnEdge]:
        """Take more sound, of any length; return what happened in it."""
        self._rest += pcm
        edges = []
        while len(self._rest) >= FRAME_BYTES:
            frame, self._rest = self._rest[:FRAME_BYTES], self._rest[FRAME_BYTES:]
            if edge := self._take(frame):
                edges.append(edge)
        return edges

    def _take(self, frame: bytes) -> TurnEdge | None:
        self._now_ms += FRAME_MS
        self._recent.append(level_dbfs(frame) >= FLOOR_DBFS and self._is_voice(frame))
        if self.is_in_turn:
            return self._take_in_turn()
        if sum(self._recent) < ONSET_FRAMES:
            return None
        self.is_in_turn = True
        self._silence_ms = 0
        onset_ms = self._now_ms - len(self._recent) * FRAME_MS - self._rules.prefix_ms
        return TurnEdge(Edge.STARTED, max(self._earliest_start_ms, onset_ms))

    def _take_in_turn(self) -> TurnEdge | None:
        enough, window = STILL_SPEAKING
        goes_on = sum(list(self._recent)[-window:]) >= enough
        self._silence_ms = 0 if goes_on else self._silence_ms + FRAME_MS
        if self._silence_ms < self._rules.silence_ms:
            return None
        self.is_in_turn = False
        self._recent.clear()
        self._earliest_start_ms = self._now_ms
        return TurnEdge(Edge.STOPPED, self._now_ms)


def level_dbfs(frame: bytes) -> float:
    """Return the RMS level of a frame; -inf for digital silence."""
    samples = array.array("h", frame)
    power = sum(map(mul, samples, samples)) / max(1, len(samples))
    return 10 * math.log10(power / 32768**2) if power else -math.inf


def voice_test(aggressiveness: int) -> Callable[[bytes], bool]:
    """Return webrtcvad as a test of one frame."""
    import webrtcvad  # of the extra "offline"; the server says so at start when it is missing

    vad = webrtcvad.Vad(aggressiveness)

    def is_voice(frame: bytes) -> bool:
        return bool(vad.is_speech(frame, SAMPLE_RATE_HZ))

    return is_voice


def detector_for(detection: TurnDetection | None, begins_at_ms: int) -> TurnDetector | None:
    """Return a detector for a session's turn detection, None when it is off."""
    if detection is None:
        return None
    rules = rules_of(detection)
    return TurnDetector(rules, voice_test(rules.aggressiveness), begins_at_ms)
