"""Deltas become lines of text."""

from __future__ import annotations

import pytest

from edge_agent.core.transcripts import ITEMS_KEPT, Line, Transcripts
from edge_agent.protocol import server_events as said


def spoken(item_id: str, delta: str) -> said.ServerEvent:
    return said.ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta)


def spoken_all(item_id: str, transcript: str) -> said.ServerEvent:
    return said.ResponseOutputAudioTranscriptDone(item_id=item_id, transcript=transcript)


def test_an_answer_grows_word_by_word_and_becomes_final() -> None:
    transcripts = Transcripts()
    lines = [
        *transcripts.see(spoken("item_1", "It is")),
        *transcripts.see(spoken("item_1", " noon.")),
        *transcripts.see(spoken_all("item_1", "It is noon!")),
    ]
    assert lines == [
        Line("assistant", "item_1", "It is", is_final=False),
        Line("assistant", "item_1", "It is noon.", is_final=False),
        Line("assistant", "item_1", "It is noon!", is_final=True),
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (said.ResponseOutputTextDelta(item_id="i", delta="a"), Line("assistant", "i", "a", is_final=False)),
        (said.ResponseOutputTextDone(item_id="i", text="ab"), Line("assistant", "i", "ab", is_final=True)),
        (
            said.ConversationItemInputAudioTranscriptionDelta(item_id="i", delta="a"),
            Line("user", "i", "a", is_final=False),
        ),
        (
            said.ConversationItemInputAudioTranscriptionCompleted(item_id="i", transcript="ab"),
            Line("user", "i", "ab", is_final=True),
        ),
    ],
)
def test_text_and_both_speakers_are_followed(event: said.ServerEvent, line: Line) -> None:
    assert Transcripts().see(event) == [line]


def test_items_and_speakers_are_kept_apart() -> None:
    transcripts = Transcripts()
    transcripts.see(spoken("item_1", "one"))
    transcripts.see(said.ConversationItemInputAudioTranscriptionDelta(item_id="item_1", delta="me"))
    assert transcripts.see(spoken("item_2", "two"))[0].text == "two"
    assert transcripts.see(spoken("item_1", ", too"))[0].text == "one, too"


def test_a_final_line_leaves_nothing_behind() -> None:
    transcripts = Transcripts()
    transcripts.see(spoken("item_1", "one"))
    transcripts.see(spoken_all("item_1", "one"))
    assert transcripts.see(spoken("item_1", "new"))[0].text == "new"


def test_lines_that_are_never_finished_are_forgotten_oldest_first() -> None:
    transcripts = Transcripts()
    for number in range(ITEMS_KEPT + 1):
        transcripts.see(spoken(f"item_{number}", "said"))
    assert transcripts.see(spoken("item_0", "!"))[0].text == "!"
    assert transcripts.see(spoken(f"item_{ITEMS_KEPT}", "!"))[0].text == "said!"


def test_other_events_change_no_line() -> None:
    assert Transcripts().see(said.ResponseCreated()) == []


def test_the_newest_line_of_the_assistant_is_its_answer() -> None:
    transcripts = Transcripts()
    assert transcripts.answer == ""
    transcripts.see(spoken("item_1", "It is"))
    transcripts.see(said.ConversationItemInputAudioTranscriptionDelta(item_id="item_2", delta="me"))
    assert transcripts.answer == "It is"
    transcripts.see(spoken_all("item_1", "It is noon!"))
    transcripts.see(
        said.ConversationItemInputAudioTranscriptionCompleted(item_id="item_2", transcript="me too")
    )
    assert transcripts.answer == "It is noon!"
    transcripts.see(spoken("item_3", "Bye"))
    assert transcripts.answer == "Bye"
