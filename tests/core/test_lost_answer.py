"""An answer that was spoken while the way was dead is asked for again, once."""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.commands import FlushPlayout, Send
from edge_agent.core.lapse import LAPSE_AFTER_S, Missed
from edge_agent.core.lost_answer import (
    BROKE_OFF_S,
    CALM_S,
    GIVE_UP_S,
    JUST_BEFORE_S,
    SCARCELY_HEARD_S,
    UNTOLD_END_S,
)
from edge_agent.core.settings import Duplex
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.objects import ContentPart, Item
from edge_agent.protocol.server_events import ServerEvent
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


# -- an answer of which the first word or two were heard -----------------------------------------------


def answering(*events: ServerEvent, heard_s: float = 0.4) -> Scene:
    """A person has asked, and the answer sounds for ``heard_s``; the server has said ``events`` of it."""
    scene = connected(settings(duplex=Duplex.FULL)).until(102.0)
    scene.hear(speech_started(), speech_stopped(), committed(), created(), *events).sound()
    return scene.until(102.0 + heard_s).silence()


def broken(scene: Scene) -> Scene:
    """The way had died when it fell silent, and lapses."""
    scene.until(scene.now + LAPSE_AFTER_S - 0.3).event(happened.LinkLapsed(scene.epoch)).take()
    return scene


def test_an_answer_that_was_scarcely_heard_is_asked_for_again() -> None:
    scene = mended(broken(answering(started())).until(112.0))
    scene.hear(done(output=(ANSWER,)), stopped())
    assert scene.take_sent() == []
    assert scene.until(112.0 + CALM_S).take_sent() == AGAIN
    scene.hear(created("resp_2"), started("resp_2")).sound()
    scene.hear(done("resp_2", output=(ANSWER,)), stopped("resp_2")).until(115.0).silence().until(150.0)
    assert scene.take_sent() == [], "once"


def test_the_server_may_have_made_all_of_it_before() -> None:
    scene = mended(broken(answering(started(), done(output=(ANSWER,)))).until(112.0))
    assert scene.until(112.0 + UNTOLD_END_S).take_sent() == AGAIN


def test_a_server_that_never_says_what_it_plays_is_asked_for_the_rest_as_well() -> None:
    scene = mended(broken(answering(done(output=(ANSWER,)))).until(112.0))
    assert scene.until(112.0 + UNTOLD_END_S).take_sent() == AGAIN


def test_an_answer_that_plays_and_was_not_heard_at_all_is_asked_for_again() -> None:
    scene = connected(settings(duplex=Duplex.FULL)).until(102.0)
    scene.hear(speech_started(), speech_stopped(), committed(), created(), started(), done(output=(ANSWER,)))
    scene.until(104.5).event(happened.LinkLapsed(scene.epoch)).take()
    mended(scene.until(106.0))
    assert scene.until(106.0 + UNTOLD_END_S).take_sent() == AGAIN


def test_an_answer_that_goes_on_after_its_first_word_is_stopped_and_asked_for_again() -> None:
    scene = mended(broken(answering(started(), done(output=(ANSWER,)))).until(106.0).sound())
    assert any(isinstance(command, FlushPlayout) for command in scene.take())
    scene.silence().hear(cleared()).until(106.0 + UNTOLD_END_S)
    assert scene.take_sent() == AGAIN


def test_an_answer_that_was_heard_for_longer_is_not_asked_for_again() -> None:
    scene = mended(broken(answering(started(), heard_s=SCARCELY_HEARD_S + 0.1)).until(112.0))
    scene.hear(done(output=(ANSWER,)), stopped()).until(150.0)
    assert scene.take_sent() == []


def test_pauses_within_an_answer_are_not_its_beginning() -> None:
    scene = answering(started(), heard_s=1.0)
    scene.until(scene.now + 0.3).sound().until(scene.now + 0.9).silence()
    mended(broken(scene).until(112.0)).hear(done(output=(ANSWER,)), stopped()).until(150.0)
    assert scene.take_sent() == []


def test_a_short_answer_that_was_sent_to_its_end_is_not_asked_for_again() -> None:
    scene = mended(broken(answering(started(), done(output=(ANSWER,)), stopped())).until(112.0))
    assert scene.until(150.0).take_sent() == []


def test_a_short_answer_that_had_ended_before_the_way_died_is_not_asked_for_again() -> None:
    scene = answering(done(output=(ANSWER,)))
    scene.until(scene.now + BROKE_OFF_S + 0.1).event(happened.LinkLapsed(scene.epoch)).take()
    assert mended(scene.until(112.0)).until(150.0).take_sent() == []


def test_a_word_that_was_only_late_is_not_asked_for_again() -> None:
    scene = mended(broken(answering(started(), done(output=(ANSWER,)))).until(112.0), was_sent=False)
    assert scene.sound().until(113.0).silence().hear(stopped()).until(150.0).take_sent() == []


def test_an_answer_that_a_person_has_stopped_is_not_asked_for_again() -> None:
    scene = answering(started()).hear(speech_started("item_2"), cleared(), done(status="cancelled"))
    mended(broken(scene).until(112.0))
    assert AGAIN[0] not in scene.until(150.0).take_sent()


def test_items_of_an_earlier_answer_are_not_deleted() -> None:
    scene = answering(started(), done(output=(ANSWER,)), stopped(), heard_s=3.0)
    scene.hear(speech_started("item_2"), speech_stopped("item_2"), committed("item_2")).until(108.0)
    scene.event(happened.LinkLapsed(scene.epoch)).take()
    assert AGAIN[0] not in mended(scene.until(112.0)).until(150.0).take_sent()


def test_an_answer_that_calls_tools_is_not_asked_for_again() -> None:
    call = Item(type="function_call", name="light", call_id="call_1", id="item_c")
    scene = answering(started(), done(output=(ANSWER, call)))
    mended(broken(scene).until(112.0)).until(150.0)
    assert AGAIN[0] not in scene.take_sent()
