"""What is learnt of a server from what it says."""

from __future__ import annotations

import pytest

from edge_agent.core.abilities import Abilities, Learner
from edge_agent.protocol import server_events as said
from edge_agent.protocol.dialect import Dialect
from tests.core.scenes import done, error


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        (["session.created", "response.created"], None),
        (["response.output_audio_transcript.delta"], Dialect.GA),
        (["response.audio_transcript.delta"], Dialect.BETA),
        (["conversation.item.created"], Dialect.BETA),
        (["conversation.item.created", "response.output_audio.done"], Dialect.GA),
        (["response.output_audio.done", "conversation.item.created"], Dialect.GA),
    ],
)
def test_names_tell_the_dialect(names: list[str], dialect: Dialect | None) -> None:
    learner = Learner(Abilities())
    for name in names:
        learner.heard_name(name)
    assert learner.known.dialect is dialect


def test_a_server_that_tells_when_it_plays_is_known_at_once() -> None:
    learner = Learner(Abilities(tells_playback=False))
    learner.heard_name("output_audio_buffer.started")
    assert learner.known.tells_playback is True


def test_a_server_that_says_when_all_sound_is_sent_is_known_to_do_so() -> None:
    learner = Learner(Abilities())
    learner.heard_name("output_audio_buffer.started")
    assert learner.known.tells_end is None
    learner.heard(said.OutputAudioBufferStopped())
    assert learner.known.tells_end is True


def test_what_the_device_says_itself_shows_nothing_of_the_server() -> None:
    learner = Learner(Abilities(), hears_playback=False)
    learner.heard_name("output_audio_buffer.started")
    learner.heard(said.OutputAudioBufferStopped())
    for _ in range(2):
        learner.heard(done())
    assert learner.known == Abilities()


def test_one_that_has_answered_twice_without_telling_never_does() -> None:
    learner = Learner(Abilities())
    learner.heard(done())
    assert learner.known.tells_playback is None
    learner.heard(done())
    assert learner.known.tells_playback is False


def test_answers_without_sound_tell_nothing() -> None:
    learner = Learner(Abilities())
    for _ in range(5):
        learner.heard(done(parts=("output_text",)))
        learner.heard(done(status="cancelled"))
    assert learner.known.tells_playback is None


def test_a_cleared_buffer_shows_that_turns_can_be_taken_by_hand() -> None:
    learner = Learner(Abilities())
    learner.heard(said.InputAudioBufferCleared())
    assert learner.known.takes_manual_turns is True


def test_a_refused_clear_shows_that_they_can_not() -> None:
    learner = Learner(Abilities())
    learner.heard(error(None, "Unknown event: input_audio_buffer.clear"))
    assert learner.known.takes_manual_turns is False
    learner.heard(error("invalid_value", "no such voice"))
    learner.opened("sess_1")
    assert learner.known == Abilities(takes_manual_turns=False, names_sessions=True)
