from __future__ import annotations

import array
import math

import pytest

from edge_agent.protocol.session_object import SemanticVad, ServerVad
from edge_agent.server.vad import (
    FRAME_BYTES,
    FRAME_MS,
    Edge,
    TurnDetector,
    TurnRules,
    detector_for,
    level_dbfs,
    rules_of,
    voice_test,
)
from tests.server.client import speech

RULES = TurnRules(aggressiveness=2, prefix_ms=100, silence_ms=200)
VOICE = array.array("h", [8000, -8000] * 160).tobytes()
NOISE = array.array("h", [7000, -7000] * 160).tobytes()
SILENCE = bytes(FRAME_BYTES)


def detector(begins_at_ms: int = 0) -> TurnDetector:
    return TurnDetector(RULES, lambda frame: frame == VOICE, begins_at_ms)


def test_a_turn_lasts_from_the_padding_before_the_voice_to_the_silence_after_it() -> None:
    edges = detector().feed(SILENCE * 50 + VOICE * 20 + SILENCE * 50)
    first, last = edges
    assert first.edge is Edge.STARTED
    assert 1000 - RULES.prefix_ms - 3 * FRAME_MS <= first.at_ms <= 1000 - RULES.prefix_ms
    assert last.edge is Edge.STOPPED
    assert 1400 + RULES.silence_ms <= last.at_ms <= 1400 + RULES.silence_ms + 2 * FRAME_MS


def test_the_size_of_the_pieces_does_not_matter() -> None:
    sound = SILENCE * 20 + VOICE * 20 + SILENCE * 20
    whole = detector().feed(sound)
    by_pieces = detector()
    found = [
        edge for start in range(0, len(sound), 333) for edge in by_pieces.feed(sound[start : start + 333])
    ]
    assert found == whole != []


def test_a_click_is_no_turn() -> None:
    assert detector().feed(SILENCE * 20 + VOICE * 3 + SILENCE * 20) == []


def test_noise_is_no_turn() -> None:
    assert detector().feed(NOISE * 100) == []


def test_a_short_pause_belongs_to_the_turn() -> None:
    edges = detector().feed(VOICE * 10 + SILENCE * 9 + VOICE * 10 + SILENCE * 50)
    assert [edge.edge for edge in edges] == [Edge.STARTED, Edge.STOPPED]


def test_a_click_in_the_silence_does_not_prolong_the_turn() -> None:
    quiet = detector().feed(VOICE * 10 + SILENCE * 20)
    clicking = detector().feed(VOICE * 10 + SILENCE * 5 + VOICE + SILENCE * 14)
    assert quiet == clicking


def test_the_padding_does_not_reach_into_the_last_turn_or_before_the_beginning() -> None:
    edges = detector(begins_at_ms=5000).feed(VOICE * 10 + SILENCE * 12 + VOICE * 10)
    starts = [edge.at_ms for edge in edges if edge.edge is Edge.STARTED]
    stops = [edge.at_ms for edge in edges if edge.edge is Edge.STOPPED]
    assert starts[0] == 5000
    assert starts[1] == stops[0]


def test_a_voice_below_the_floor_is_not_heard() -> None:
    faint = array.array("h", [30, -30] * 160).tobytes()
    assert TurnDetector(RULES, lambda _: True).feed(faint * 50) == []


@pytest.mark.parametrize(
    ("threshold", "aggressiveness"), [(None, 2), (0.0, 0), (0.2, 0), (0.3, 1), (0.5, 2), (0.8, 3), (1.0, 3)]
)
def test_the_threshold_is_how_sure_webrtcvad_has_to_be(threshold: float | None, aggressiveness: int) -> None:
    assert rules_of(ServerVad(threshold=threshold)).aggressiveness == aggressiveness


def test_settings_become_rules_and_have_defaults() -> None:
    assert rules_of(ServerVad(prefix_padding_ms=0, silence_duration_ms=700)) == TurnRules(2, 0, 700)
    assert rules_of(ServerVad()) == TurnRules(2, 300, 500)


def test_an_eager_listener_waits_less() -> None:
    eager, patient = rules_of(SemanticVad(eagerness="high")), rules_of(SemanticVad(eagerness="low"))
    assert eager.silence_ms < rules_of(SemanticVad()).silence_ms < patient.silence_ms


def test_without_turn_detection_there_is_no_detector() -> None:
    assert detector_for(None, 0) is None


def test_speech_is_one_turn() -> None:
    said = speech("what time is it")
    found = detector_for(ServerVad(silence_duration_ms=300), 0)
    assert found is not None
    edges = found.feed(SILENCE * 50 + said + SILENCE * 50)
    assert [edge.edge for edge in edges] == [Edge.STARTED, Edge.STOPPED]
    assert 600 <= edges[0].at_ms <= 1300
    length_ms = len(said) // 32
    assert length_ms + 900 <= edges[1].at_ms <= length_ms + 1400


def test_hum_is_no_speech() -> None:
    hum = array.array("h", (int(2000 * math.sin(2 * math.pi * 50 * n / 16_000)) for n in range(16_000)))
    assert TurnDetector(RULES, voice_test(3)).feed(hum.tobytes()) == []


def test_levels_are_relative_to_full_scale() -> None:
    assert level_dbfs(array.array("h", [-32768] * 320).tobytes()) == pytest.approx(0.0)
    assert level_dbfs(array.array("h", [3277, -3277] * 160).tobytes()) == pytest.approx(-20.0, abs=0.01)
    assert level_dbfs(SILENCE) == -math.inf
    assert level_dbfs(b"") == -math.inf
