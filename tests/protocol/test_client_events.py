"""The structs say what the public description says: this table is typed from it, not from the code."""

from __future__ import annotations

import typing

import msgspec
import pytest

from edge_agent.protocol.client_events import CLIENT_EVENTS, ClientEvent, RawEvent

REQUIRED_AND_OPTIONAL_FIELDS = {
    "session.update": ({"session"}, set()),
    "input_audio_buffer.append": ({"audio"}, set()),
    "input_audio_buffer.commit": (set(), set()),
    "input_audio_buffer.clear": (set(), set()),
    "output_audio_buffer.clear": (set(), set()),
    "conversation.item.create": ({"item"}, {"previous_item_id"}),
    "conversation.item.retrieve": ({"item_id"}, set()),
    "conversation.item.delete": ({"item_id"}, set()),
    "conversation.item.truncate": ({"item_id", "content_index", "audio_end_ms"}, set()),
    "response.create": (set(), {"response"}),
    "response.cancel": (set(), {"response_id"}),
}


def test_all_11_types_of_the_union_are_known() -> None:
    assert set(CLIENT_EVENTS) == set(REQUIRED_AND_OPTIONAL_FIELDS)
    assert len(CLIENT_EVENTS) == 11
    assert set(typing.get_args(ClientEvent)) == {*CLIENT_EVENTS.values(), RawEvent}


@pytest.mark.parametrize("name", REQUIRED_AND_OPTIONAL_FIELDS)
def test_an_event_has_every_field_of_the_description(name: str) -> None:
    required, optional = REQUIRED_AND_OPTIONAL_FIELDS[name]
    fields = msgspec.structs.fields(CLIENT_EVENTS[name])
    assert {field.name for field in fields if field.required} == required
    assert {field.name for field in fields if not field.required} == optional | {"event_id"}


@pytest.mark.parametrize("name", CLIENT_EVENTS)
def test_a_struct_is_named_after_its_event(name: str) -> None:
    assert CLIENT_EVENTS[name].__name__ == "".join(w.capitalize() for w in name.replace(".", "_").split("_"))
