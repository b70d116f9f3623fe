"""An agent that hears itself, or does not: barge-in, self-interruption and the gate, as scripts."""

from __future__ import annotations

import pytest

from edge_agent.core.breaker import HALF_FOR_S, HEALTHY_SOUND_S
from edge_agent.core.commands import FlushPlayout, MeasureEcho, Tell
from edge_agent.core.notices import Notice
from edge_agent.core.own_voice import ECHO_LAG_S, MEASURED_AFTER_S
from edge_agent.core.settings import Duplex, Mode
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.objects import Item
from tests.core.scenes import (
    Scene,
    cleared,
    committed,
    connected,
    created,
    delta,
    done,
    says,
    settings,
    speech_started,
    speech_stopped,
    started,
    stopped,
    wrote,
)

WORDS = "The sun is shining on the hill."


def automatic(**changes: object) -> Scene:
    """A session in duplex auto on a machine that cancels the echo."""
    return connected(settings(duplex=Duplex.AUTO, echo_is_cancelled=True, **changes))


def speaking(scene: Scene, response_id: str = "resp_1") -> Scene:
    """Somebody asks for three seconds, and a second later the answer sounds."""
    scene.until(scene.now + 5.0).hear(speech_started()).until(scene.now + 3.0)
    scene.hear(speech_stopped(), committed(), created(response_id), says(WORDS, response_id))
    scene.until(scene.now + 1.0).hear(started(response_id)).sound()
    assert scene.state == "speaking"
    scene.take()
    return scene


def heard_out(scene: Scene, response_id: str = "resp_1", for_s: float = 5.0) -> Scene:
    """The answer goes on for some time, and ends."""
    return scene.until(scene.now + for_s).hear(done(response_id), stopped(response_id)).silence()


def interrupted(scene: Scene, likeness: float | None, item_id: str = "item_2", text: str = "") -> Scene:
    """Into the answer, half a second old, speech is detected for a second; the server stops the answer."""
    scene.until(scene.now + 0.5).hear(speech_started(item_id))
    scene.silence().hear(done(status="cancelled"), cleared())
    measured(scene, likeness).until(scene.now + 0.3)
    return scene.hear(speech_stopped(item_id), committed(item_id), wrote(text, item_id))


def measured(scene: Scene, likeness: float | None) -> Scene:
    """The measure is made, if it is asked for."""
    scene.take()
    scene.until(scene.now + MEASURED_AFTER_S)
    return scene.echo(likeness) if MeasureEcho() in scene.take() else scene


def hearing_itself(scene: Scene) -> Scene:
    """An answer interrupts itself."""
    return interrupted(speaking(scene), 0.9)


def test_auto_is_full_duplex_where_echo_is_cancelled() -> None:
    assert speaking(automatic()).gate_is_open
    assert not speaking(connected(settings(duplex=Duplex.AUTO, echo_is_cancelled=False))).gate_is_open


def test_a_person_is_told_that_an_answer_was_cut_by_itself() -> None:
    scene = speaking(automatic()).until(110.0).hear(speech_started())
    assert FlushPlayout() in scene.take()
    scene.until(110.0 + MEASURED_AFTER_S)
    assert scene.take() == [MeasureEcho()]
    assert scene.echo(0.9).take() == [
        Tell(
            Notice.SELF_INTERRUPTION,
            "interrupted by its own voice: the microphone hears the loudspeaker",
            {"EDGE_RESPONSE_ID": "resp_1"},
        ),
    ]


def test_words_of_an_answer_that_it_cut_short_itself_are_recognised() -> None:
    scene = automatic().hear(speech_started()).until(110.0).hear(speech_stopped(), committed(), created())
    scene.hear(delta(text=WORDS[:12]), delta(text=WORDS[12:])).until(111.0).hear(started()).sound()
    interrupted(scene, None, text="the sun is shining on")
    assert len(scene.told(Notice.SELF_INTERRUPTION)) == 1


def test_after_two_self_interruptions_the_next_answers_are_whole() -> None:
    scene = hearing_itself(hearing_itself(automatic()))
    (told,) = scene.told(Notice.HEARS_ITSELF)
    assert "half duplex for 30 s" in told.text
    speaking(scene)
    assert not scene.gate_is_open
    heard_out(scene)
    assert not scene.gate_is_open, "the room still rings"
    scene.until(scene.now + 1.0)
    assert scene.gate_is_open


def test_full_duplex_comes_back_and_is_trusted_again() -> None:
    scene = hearing_itself(hearing_itself(automatic()))
    scene.until(scene.now + HALF_FOR_S[0])
    assert len(scene.told(Notice.FULL_DUPLEX_AGAIN)) == 1
    speaking(scene)
    assert scene.gate_is_open
    heard_out(scene, for_s=HEALTHY_SOUND_S)
    hearing_itself(scene)
    assert len(scene.told(Notice.HEARS_ITSELF)) == 1
    assert speaking(scene).gate_is_open


def test_a_try_in_the_middle_of_an_answer_opens_the_gate() -> None:
    scene = speaking(hearing_itself(hearing_itself(automatic())))
    assert not scene.gate_is_open
    scene.until(scene.now + HALF_FOR_S[0])
    assert scene.gate_is_open


@pytest.mark.parametrize(
    ("likeness", "text"),
    [
        (0.0, ""),
        (0.2, "the sun is shining on the hill"),
        (0.4, "what is seven plus five"),
        (0.4, "the sun"),
        (None, "stop"),
        (None, "is the sun shining in tokyo"),
        (None, ""),
    ],
)
def test_a_real_barge_in_never_counts(likeness: float | None, text: str) -> None:
    scene = automatic()
    for number in range(10):
        interrupted(speaking(scene), likeness, f"item_{number}", text)
    assert len(scene.told(Notice.BARGE_IN)) == 10
    assert not scene.told(Notice.SELF_INTERRUPTION)
    assert speaking(scene).gate_is_open


@pytest.mark.parametrize("likeness", [0.4, None])
def test_a_transcript_that_repeats_the_answer_counts(likeness: float | None) -> None:
    scene = automatic()
    for _ in range(2):
        interrupted(speaking(scene), likeness, text="sun is shining")
    assert len(scene.told(Notice.SELF_INTERRUPTION)) == 2
    assert not speaking(scene).gate_is_open


def test_the_echo_of_the_last_word_counts_and_what_is_said_later_does_not() -> None:
    scene = heard_out(speaking(automatic())).until(120.0).hear(speech_started())
    assert not measured(scene, 0.9).told(Notice.SELF_INTERRUPTION)
    scene = heard_out(speaking(automatic()))
    scene.until(scene.now + ECHO_LAG_S / 2).hear(speech_started())
    assert FlushPlayout() not in scene.take(), "nothing sounds any more"
    assert len(measured(scene, 0.9).told(Notice.SELF_INTERRUPTION)) == 1


def test_somebody_who_holds_the_talk_button_is_a_person() -> None:
    scene = speaking(automatic(mode=Mode.BUTTON, takes_manual_turns=False))
    scene.press().until(scene.now + 0.5).hear(speech_started())
    assert not measured(scene, 0.9).told(Notice.SELF_INTERRUPTION)


def test_hearing_itself_counts_where_a_voice_does_not_interrupt() -> None:
    scene = automatic(interrupt_response=False)
    for _ in range(2):
        speaking(scene).hear(speech_started(), speech_stopped())
        assert FlushPlayout() not in scene.take()
        measured(scene, 0.9)
        heard_out(scene)
    assert len(scene.told(Notice.HEARS_ITSELF)) == 1


def test_full_duplex_that_was_asked_for_is_kept_and_warned_of_once() -> None:
    scene = connected(settings(duplex=Duplex.FULL))
    for _ in range(4):
        hearing_itself(scene)
    (told,) = scene.told(Notice.HEARS_ITSELF)
    assert told.text.endswith("set sound.duplex to auto or half")
    assert len(scene.told(Notice.SELF_INTERRUPTION)) == 4
    assert speaking(scene).gate_is_open


def test_half_duplex_cannot_hear_itself() -> None:
    scene = connected(settings(duplex=Duplex.HALF))
    hearing_itself(hearing_itself(scene))
    assert not scene.told(Notice.SELF_INTERRUPTION)
    assert len(scene.told(Notice.BARGE_IN)) == 2


def test_the_breaker_outlives_a_session() -> None:
    scene = hearing_itself(automatic())
    scene.down().until(scene.now + 1.0).up()
    hearing_itself(scene)
    assert len(scene.told(Notice.HEARS_ITSELF)) == 1


def test_an_answer_that_is_asked_for_already_is_not_asked_for_again() -> None:
    scene = connected()
    calls = (Item(type="function_call", call_id="call_1", name="a"),)
    scene.hear(created("resp_1"), created("resp_2"), done("resp_1", output=calls))
    assert [type(event) for event in scene.take_sent()].count(ask.ResponseCreate) == 1
    scene.hear(done("resp_2", output=(Item(type="function_call", call_id="call_2", name="a"),)))
    assert [type(event) for event in scene.take_sent()] == [ask.ConversationItemCreate]
