"""An answer that was spoken while the way was dead is asked for again, once."""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.commands import FlushPlayout, Send
from edge_agent.core.lapse import Missed
from edge_agent.core.lost_answer import CALM_S, GIVE_UP_S, JUST_BEFORE_S, UNTOLD_END_S
from edge_agent.core.settings import Duplex
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.objects import ContentPart, Item
from tests.core.scenes import (
    Scene,
    cleared,
    committed,
    connected,
    created,
    done,
    settings,
    speech_started,
    speech_stopped,
    started,
    stopped,
)

ANSWER = Item(type="message", role="assistant", id="item_a", content=(ContentPart(type="output_audio"),))
AGAIN = [ask.ConversationItemDelete(item_id="item_a"), ask.ResponseCreate()]


def asked() -> Scene:
    """A person has asked, and the way lapses before anything of the answer was heard."""
    scene = connected(settings(duplex=Duplex.FULL)).until(102.0)
    scene.hear(speech_started(), speech_stopped(), committed()).until(105.0)
    scene.event(happened.LinkLapsed(scene.epoch)).take()
    return scene


def mended(scene: Scene, *, was_sent: bool = True) -> Scene:
    scene.event(happened.LinkMended(scene.epoch, Missed(102.5, was_sent)))
    return scene.caught_up()


def told(scene: Scene) -> Scene:
    """What the server has said of its answer comes late, all at once."""
    return scene.hear(created(), done(output=(ANSWER,)), started(), stopped())


def test_an_answer_that_nobody_heard_is_asked_for_again() -> None:
    scene = told(mended(asked().until(112.0)))
    assert scene.take_sent() == []
    scene.until(112.0 + CALM_S)
    assert scene.take_sent() == AGAIN
    assert scene.state == "thinking"
    scene.hear(created("resp_2"), started("resp_2")).sound()
    assert scene.state == "speaking"
    scene.hear(done("resp_2", output=(ANSWER,)), stopped("resp_2")).until(115.0).silence().until(150.0)
    assert scene.take_sent() == [], "once"


def test_a_server_that_never_says_what_it_plays_is_asked_as_well() -> None:
    scene = mended(asked().until(112.0)).hear(created(), done(output=(ANSWER,)))
    scene.until(112.0 + UNTOLD_END_S)
    assert scene.take_sent() == AGAIN


def test_an_answer_whose_beginning_was_lost_is_stopped_and_asked_for_again() -> None:
    scene = asked().until(112.0).sound()
    mended(scene.until(112.8))
    assert any(isinstance(command, FlushPlayout) for command in scene.take())
    scene.silence().hear(created(), started(), cleared(), done(output=(ANSWER,)))
    scene.until(112.8 + UNTOLD_END_S)
    assert scene.take_sent() == AGAIN


def test_sound_that_is_there_just_when_the_way_is_known_to_be_open_began_before() -> None:
    scene = mended(asked().until(112.0)).until(112.0 + JUST_BEFORE_S / 2).sound()
    assert any(isinstance(command, FlushPlayout) for command in scene.take())


def test_an_answer_that_comes_afterwards_is_heard_as_it_is() -> None:
    scene = mended(asked().until(112.0)).until(114.0).sound()
    scene.hear(created(), started(), done(output=(ANSWER,)), stopped()).silence().until(140.0)
    assert scene.take() == [] or scene.take_sent() == []


def test_an_answer_that_was_only_late_is_heard_as_it_is() -> None:
    scene = mended(asked().until(112.0).sound(), was_sent=False)
    told(scene).silence().until(140.0)
    assert not any(isinstance(command, Send) for command in scene.take())


def test_who_speaks_gets_another_answer() -> None:
    scene = told(mended(asked().until(112.0))).hear(speech_started("item_2")).until(112.0 + 2 * CALM_S)
    assert scene.take_sent() == []


def test_nobody_waits_for_ever() -> None:
    scene = mended(asked().until(112.0)).until(112.0 + GIVE_UP_S)
    scene.take()
    told(scene).until(160.0)
    assert AGAIN[0] not in scene.take_sent()


def test_an_answer_that_breaks_off_goes_on() -> None:
    scene = connected(settings(duplex=Duplex.FULL)).until(102.0)
    scene.hear(speech_started(), speech_stopped(), committed(), created(), started()).sound()
    scene.until(105.0).silence().event(happened.LinkLapsed(scene.epoch)).until(108.0).take()
    mended(scene.sound()).hear(done(output=(ANSWER,)), stopped()).silence().until(130.0)
    assert not any(isinstance(command, Send | FlushPlayout) for command in scene.take())
