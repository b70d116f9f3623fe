"""What a new session is told of what was said before."""

from __future__ import annotations

from edge_agent.core.history import SPEECH_CHARS_PER_S, WORDS_LIMIT_S, History
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ContentPart, Item
from tests.core.scenes import committed, wrote


def user(text: str) -> Item:
    return Item(type="message", role="user", content=(ContentPart(type="input_text", text=text),))


def assistant(text: str) -> Item:
    return Item(type="message", role="assistant", content=(ContentPart(type="output_text", text=text),))


def answered(text: str, item_id: str = "item_a") -> said.ServerEvent:
    return said.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=text)


def history(*events: said.ServerEvent, turns: int = 10, chars: int = 1000) -> History:
    seen = History(turns, chars)
    for event in events:
        seen.see(event, 100.0)
    return seen


def ended(seen: History, heard_s: float | None = None, *, is_unanswered: bool = False) -> list[Item]:
    seen.session_ended(heard_s=heard_s, is_unanswered=is_unanswered)
    return seen.items()


def test_both_sides_are_told_in_their_order_and_without_ids() -> None:
    seen = history(committed("u1"), wrote("what time is it", "u1"), answered("It is noon.", "a1"))
    assert seen.items() == [user("what time is it"), assistant("It is noon.")]


def test_an_answer_that_was_taken_back_is_forgotten() -> None:
    seen = history(committed("u1"), wrote("what time is it", "u1"), answered("It is noon.", "a1"))
    seen.see(said.ConversationItemDeleted(item_id="a1"), 101.0)
    seen.see(answered("It is one.", "a2"), 102.0)
    assert seen.items() == [user("what time is it"), assistant("It is one.")]


def test_words_that_come_after_the_answer_stand_before_it() -> None:
    seen = history(committed("u1"), answered("It is noon.", "a1"))
    assert not seen.is_settled
    seen.see(wrote("what time is it", "u1"), 101.0)
    assert seen.is_settled
    assert seen.items() == [user("what time is it"), assistant("It is noon.")]


def test_words_that_never_come_are_not_waited_for_for_ever() -> None:
    seen = history(committed("u1"), answered("It is noon."))
    assert seen.next_deadline() == 100.0 + WORDS_LIMIT_S
    seen.tick(100.0 + WORDS_LIMIT_S)
    assert seen.is_settled
    assert seen.next_deadline() is None
    assert seen.items() == [assistant("It is noon.")]


def test_an_interrupted_answer_is_told_as_far_as_it_was_heard() -> None:
    text = "You can ask me what time it is, or what day it is."
    seen = history(answered(text, "a1"), said.ConversationItemTruncated(item_id="a1", audio_end_ms=1000))
    (item,) = seen.items()
    heard = item.content[0].text or ""
    assert text.startswith(heard + " ")
    assert 0 < len(heard) <= SPEECH_CHARS_PER_S


def test_an_answer_that_was_lost_with_its_session_is_told_as_far_as_it_was_heard() -> None:
    seen = history(answered("You can ask me what time it is.", "a1"))
    assert ended(seen, heard_s=0.5) == [assistant("You can")]


def test_a_question_that_will_be_said_again_is_not_told() -> None:
    seen = history(wrote("hello", "u1"), answered("Hello.", "a1"), committed("u2"), wrote("what", "u2"))
    assert ended(seen, is_unanswered=True) == [user("hello"), assistant("Hello.")]


def test_a_question_whose_answer_nobody_heard_is_not_told() -> None:
    seen = history(wrote("hello", "u1"), answered("Hello.", "a1"), committed("u2"), answered("So", "a2"))
    assert ended(seen, 0.0, is_unanswered=True) == [user("hello"), assistant("Hello.")]


def test_names_of_an_older_session_mean_nothing_in_the_next_one() -> None:
    seen = history(wrote("hello", "item_1"), answered("Hello.", "item_2"))
    ended(seen)
    seen.see(wrote("good bye", "item_1"), 200.0)
    assert seen.items() == [user("hello"), assistant("Hello."), user("good bye")]


def test_deltas_are_as_good_as_the_whole() -> None:
    deltas = [said.ResponseOutputTextDelta(item_id="a1", delta=part) for part in ("Good ", "day.")]
    assert history(*deltas).items() == [assistant("Good day.")]


def test_the_oldest_turns_are_forgotten() -> None:
    seen = history(*(wrote(f"number {n}", f"u{n}") for n in range(5)), turns=2)
    assert seen.items() == [user("number 3"), user("number 4")]
    seen = history(*(wrote("ten chars!", f"u{n}") for n in range(5)), chars=25)
    assert seen.items() == [user("ten chars!")] * 2


def test_who_wants_no_memory_gets_none() -> None:
    assert history(wrote("hello"), answered("Hello."), turns=0).items() == []
