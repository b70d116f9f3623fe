from __future__ import annotations

import pytest

from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ContentPart, Item
from edge_agent.server.history import MAX_ITEMS, History, check_item, text_of


def message(item_id: str, role: str = "user", kind: str = "input_text", text: str | None = "hi") -> Item:
    return Item(id=item_id, type="message", role=role, content=(ContentPart(type=kind, text=text),))


def history(*ids: str) -> History:
    made = History()
    for item_id in ids:
        made.add(message(item_id))
    return made


def order(made: History) -> list[str]:
    ids: list[str] = []
    last = made.last
    next_id = last.id if last else None
    while next_id is not None:
        ids.insert(0, next_id)
        next_id = made.previous_of(next_id)
    return ids


def test_items_are_added_at_the_end_after_another_or_before_all() -> None:
    made = history("a", "b")
    made.add(message("c"), after="a")
    made.add(message("d"), after="root")
    assert order(made) == ["d", "a", "c", "b"]


def test_a_removed_item_is_gone() -> None:
    made = history("a", "b")
    made.remove("b")
    assert "b" not in made
    assert order(made) == ["a"]


def test_the_oldest_items_are_forgotten() -> None:
    made = history(*(str(number) for number in range(MAX_ITEMS + 3)))
    assert "2" not in made
    assert "3" in made


def test_truncation_cuts_the_sound_and_drops_the_transcript() -> None:
    made = History()
    part = ContentPart(type="output_audio", transcript="a long story")
    made.add(Item(id="a", type="message", role="assistant", content=(part,)))
    made.set_duration("a", 5000)
    made.truncate("a", 1200)
    assert made.duration_ms("a") == 1200
    assert made["a"].content == (ContentPart(type="output_audio"),)
    made.truncate("nobody", 1)


def test_replacing_what_was_removed_does_nothing() -> None:
    made = history("a")
    made.remove("a")
    made.replace(message("a"))
    assert "a" not in made
    assert made.last is None


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (message("a"), "item_create_duplicate_id", "item.id"),
        (Item(type="poem"), "invalid_value", "item.type"),
        (message("b", role="king"), "invalid_value", "item.role"),
        (Item(type="message", role="user"), "missing_required_parameter", "item.content"),
        (message("b", kind="output_text"), "invalid_value", "item.content[0].type"),
        (message("b", role="assistant"), "invalid_value", "item.content[0].type"),
        (message("b", text=None), "missing_required_parameter", "item.content[0].text"),
        (Item(type="function_call_output", output="1"), "missing_required_parameter", "item.call_id"),
        (Item(type="function_call_output", call_id="c"), "missing_required_parameter", "item.output"),
        (Item(type="function_call_output", call_id="c", output="1"), "invalid_tool_call_id", "item.call_id"),
    ],
)
def test_bad_items_are_refused_with_code_and_parameter(item: Item, code: str, param: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_item(item, history("a"))
    assert (refused.value.code, refused.value.param) == (code, param)


@pytest.mark.parametrize(
    "item",
    [
        message("b"),
        message("", role="system"),
        message("c", role="assistant", kind="output_text"),
        message("d", kind="input_audio", text=None),
        Item(type="function_call_output", call_id="call_1", output=""),
    ],
)
def test_good_items_are_taken(item: Item) -> None:
    made = history("a")
    made.add(Item(id="f", type="function_call", call_id="call_1"))
    check_item(item, made)


def test_the_words_of_an_item_are_text_and_transcripts() -> None:
    parts = (ContentPart(text="one"), ContentPart(transcript="two"), ContentPart(type="input_image"))
    assert text_of(Item(content=parts)) == "one two"
