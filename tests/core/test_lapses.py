"""What is said while the way to the server has lapsed is held, and said again when it is open."""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.commands import AwaitPause, Gate, SetUplink
from edge_agent.core.faults import FaultKind
from edge_agent.core.gate import FINISH_LIMIT_S, PARTING_S, SILENT_S, UNNOTICED_S
from edge_agent.core.lapse import Missed
from edge_agent.core.settings import Duplex
from edge_agent.protocol import client_events as ask
from tests.core.scenes import (
    Scene,
    committed,
    connected,
    created,
    done,
    in_button_mode,
    settings,
    speech_started,
    speech_stopped,
    started,
    stopped,
)


def lapsed(scene: Scene) -> Scene:
    """The way lapses, and nobody speaks."""
    return paused(lapsed_in_a_word(scene))


def lapsed_in_a_word(scene: Scene) -> Scene:
    return scene.event(happened.LinkLapsed(scene.epoch))


def paused(scene: Scene) -> Scene:
    return scene.event(happened.MicrophonePaused())


def mended(scene: Scene, since: float, *, was_sent: bool = True) -> Scene:
    return scene.event(happened.LinkMended(scene.epoch, Missed(since, was_sent)))


def told_since(scene: Scene) -> float | None:
    """From when on the session is told what was said, by the last command of the gate."""
    uplinks = [command for _, command in scene.log if isinstance(command, SetUplink)]
    assert uplinks[-1].gate is Gate.OPEN
    return uplinks[-1].since


def told_after_s(scene: Scene) -> float:
    """After how much silence that is told."""
    return next(command.pause_s for _, command in reversed(scene.log) if isinstance(command, SetUplink))


def position(scene: Scene) -> str:
    """Where the microphone's sound goes."""
    return scene.gate.value


def half_duplex_in_an_answer() -> Scene:
    scene = connected(settings(duplex=Duplex.HALF))
    scene.until(102.0).hear(speech_started(), speech_stopped(), committed(), created(), started())
    return scene.sound(101.5)


def test_what_is_said_in_a_lapse_is_held_and_told_when_it_is_over() -> None:
    scene = lapsed(connected().until(110.0))
    assert scene.gate is Gate.HOLDING
    assert scene.state == "ready", "nobody is alarmed by a moment of silence"
    mended(scene.until(115.0), 108.0)
    assert told_since(scene) == 108.0 - UNNOTICED_S


def test_an_utterance_that_the_lapse_broke_is_told_from_its_beginning() -> None:
    scene = connected().until(106.0).hear(speech_started())
    mended(lapsed(scene.until(109.5)).until(112.0), 107.2)
    assert told_since(scene) == 106.0 - UNNOTICED_S
    assert told_after_s(scene) == PARTING_S, "or its first words would be heard twice in one sentence"


def test_what_was_not_heard_in_part_is_told_at_once() -> None:
    scene = mended(lapsed(connected().until(110.0)).until(115.0), 108.0)
    assert told_after_s(scene) == 0.0
    scene = connected().until(106.0).hear(speech_started())
    mended(lapsed(scene.until(109.5)).until(112.0), 109.5, was_sent=False)
    assert told_after_s(scene) == 0.0, "it goes on where the microphone was held"


def test_the_next_session_is_told_at_once_what_the_former_one_heard_in_part() -> None:
    scene = lapsed(connected().until(106.0).hear(speech_started()).until(109.5))
    scene.until(114.0).down(FaultKind.PEER_DEAD)
    scene.until(scene.now + 1.0).up("sess_2")
    assert told_after_s(scene) == 0.0


def test_an_utterance_that_the_lapse_ended_is_told_from_its_beginning() -> None:
    scene = connected().until(106.0).hear(speech_started())
    lapsed(scene.until(109.5)).until(112.0).hear(speech_stopped(), committed())
    mended(scene, 107.2)
    assert told_since(scene) == 106.0 - UNNOTICED_S


def test_what_was_heard_to_its_end_is_not_told_again() -> None:
    scene = connected().until(106.0).hear(speech_started(), speech_stopped(), committed())
    mended(lapsed(scene.until(109.5)).until(112.0), 107.2)
    assert told_since(scene) == 107.2 + SILENT_S


def test_what_was_heard_to_its_end_is_not_told_again_if_its_answer_was_lost() -> None:
    scene = connected().until(106.0).hear(speech_started(), speech_stopped(), committed())
    lapsed(scene.until(109.5)).until(112.0).hear(created(), started(), done(), stopped())
    mended(scene, 107.2)
    assert told_since(scene) == 107.2 + SILENT_S


def test_what_was_only_late_is_not_told_again() -> None:
    scene = connected().until(106.0).hear(speech_started())
    mended(lapsed(scene.until(109.5)).until(112.0), 109.5, was_sent=False)
    assert told_since(scene) == 109.5


def catching_up() -> Scene:
    """The way was mended at 112 s, and the session is being told what it has missed since 107 s."""
    scene = lapsed(connected().until(109.5)).until(112.0)
    scene.event(happened.LinkMended(scene.epoch, Missed(107.0 + UNNOTICED_S)))
    assert told_since(scene) == 107.0
    return scene


def test_what_is_lost_while_it_is_told_again_is_told_once_more() -> None:
    scene = lapsed(catching_up().until(115.0)).until(118.0)
    assert told_since(mended(scene, 112.5)) == 107.0
    assert told_after_s(scene) == PARTING_S


def test_what_was_told_before_the_way_lapsed_again_is_not_told_once_more() -> None:
    scene = lapsed(catching_up().until(113.0).caught_up().until(117.0)).until(119.0)
    assert told_since(mended(scene, 114.5)) == 114.5 - UNNOTICED_S


def test_what_was_late_while_it_was_told_again_is_not_told_once_more() -> None:
    scene = lapsed(catching_up().until(115.0)).until(118.0)
    assert told_since(mended(scene, 115.0, was_sent=False)) == 115.0


def test_another_session_is_told_all_that_was_not_answered() -> None:
    scene = lapsed(connected().until(110.0))
    scene.until(114.0).down(FaultKind.PEER_DEAD)
    scene.until(scene.now + 1.0).up("sess_2")
    assert told_since(scene) == 100.0
    mended(scene.caught_up(), 108.0)
    assert told_since(scene) == 100.0, "a lapse of the former session is over with it"


def test_a_lapse_of_another_session_is_none() -> None:
    scene = connected()
    scene.event(happened.LinkLapsed(scene.epoch - 1))
    assert scene.gate is Gate.OPEN


def test_who_is_muted_is_not_held() -> None:
    scene = lapsed(connected()).event(happened.MuteRequested(True))
    assert scene.gate is Gate.CLOSED


def test_in_half_duplex_what_was_held_is_told_when_the_answer_is_over() -> None:
    scene = half_duplex_in_an_answer()
    assert position(scene) == "closed"
    scene.until(105.2).silence().until(106.0)
    assert position(scene) == "holding", "the loudspeaker is silent, whatever the server has said"
    lapsed(scene.until(107.0))
    scene.until(109.0).sound()
    assert position(scene) == "keeping", "what the loudspeaker says is not held"
    mended(scene.until(109.5), 105.0)
    assert position(scene) == "keeping"
    scene.hear(done(), stopped()).until(111.0).silence().until(112.0)
    assert told_since(scene) == 105.0 - UNNOTICED_S


def test_in_half_duplex_a_pause_of_the_answer_leaves_nothing_behind() -> None:
    scene = half_duplex_in_an_answer().until(105.0).silence().until(106.0).sound()
    assert position(scene) == "closed"


def test_talk_is_handed_over_when_the_server_has_got_all_of_it() -> None:
    scene = in_button_mode().press().until(102.0)
    lapsed(scene).until(104.0).release()
    scene.until(106.0)
    assert not any(isinstance(event, ask.InputAudioBufferCommit) for event in scene.take_sent())
    mended(scene, 100.5)
    scene.until(108.0).caught_up().until(109.0)
    assert any(isinstance(event, ask.InputAudioBufferCommit) for event in scene.take_sent())


# -- somebody is in the middle of a word when the way lapses -------------------------------------------


def test_a_word_is_sent_to_its_end() -> None:
    scene = lapsed_in_a_word(connected().until(110.0))
    assert any(isinstance(command, AwaitPause) for command in scene.take())
    assert scene.until(111.0).gate is Gate.OPEN
    assert paused(scene).gate is Gate.HOLDING


def test_a_word_that_was_only_late_is_not_told_again() -> None:
    scene = lapsed_in_a_word(connected().until(110.0)).until(111.5)
    scene.take()
    mended(scene, 110.0, was_sent=False)
    assert scene.gate is Gate.OPEN
    assert not scene.take(), "nothing was held"


def test_of_what_was_only_late_nothing_but_what_was_held_is_told() -> None:
    scene = paused(lapsed_in_a_word(connected().until(110.0)).until(111.2)).until(113.0)
    mended(scene, 110.0, was_sent=False)
    assert told_since(scene) == 111.2


def test_a_word_that_was_lost_is_told_from_its_beginning() -> None:
    scene = connected().until(106.0).hear(speech_started())
    scene = paused(lapsed_in_a_word(scene.until(109.5)).until(110.5)).until(112.0)
    mended(scene, 107.2)
    assert told_since(scene) == 106.0 - UNNOTICED_S


def test_a_word_that_is_still_being_sent_when_its_loss_is_known_is_told_from_its_beginning() -> None:
    scene = lapsed_in_a_word(connected().until(110.0)).until(111.0)
    mended(scene, 107.4)
    assert told_since(scene) == 107.4 - UNNOTICED_S


def test_a_word_is_held_when_something_comes_again() -> None:
    scene = lapsed_in_a_word(connected().until(110.0)).until(111.0)
    assert scene.event(happened.LinkStirred(scene.epoch - 1)).gate is Gate.OPEN
    assert scene.event(happened.LinkStirred(scene.epoch)).gate is Gate.HOLDING


def test_a_voice_that_does_not_pause_is_held_after_a_while() -> None:
    scene = lapsed_in_a_word(connected().until(110.0))
    assert scene.until(110.0 + FINISH_LIMIT_S - 0.1).gate is Gate.OPEN
    assert scene.until(110.0 + FINISH_LIMIT_S).gate is Gate.HOLDING


def test_a_pause_that_nobody_waits_for_is_none() -> None:
    assert paused(connected()).gate is Gate.OPEN
    scene = mended(lapsed(connected().until(110.0)).until(112.0), 110.0, was_sent=False)
    assert paused(scene).gate is Gate.OPEN


def test_another_session_is_told_the_word_that_was_being_sent() -> None:
    scene = lapsed_in_a_word(connected().until(110.0)).until(111.0).down(FaultKind.PEER_DEAD)
    assert scene.gate is Gate.HOLDING
    scene.until(scene.now + 1.0).up("sess_2")
    assert told_since(scene) == 100.0
