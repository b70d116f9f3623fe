"""Events in wrappers and pieces come out whole, and nothing waits for a piece that can't come."""

from __future__ import annotations

import base64
import json

import pytest

from edge_agent.protocol.codec import Malformed, decode_server_event
from edge_agent.protocol.fragments import Unwrapper, base64_length

EVENT = '{"type":"session.created","session":{"id":"sess_1","instructions":"Grüß Gott"}}'


def wrapped(event: str) -> str:
    return json.dumps({"id": "event_1", "type": "full_message", "data": encoded(event)})


def encoded(event: str) -> str:
    return base64.b64encode(event.encode()).decode()


def pieces_of(event: str, size: int, name: str = "event_1") -> list[str]:
    data = encoded(event)
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return [
        json.dumps(
            {
                "id": name,
                "type": "partial_message",
                "data": part,
                "fragment_index": index,
                "total_fragments": len(parts),
            }
        )
        for index, part in enumerate(parts)
    ]


def test_a_wrapped_event_comes_out() -> None:
    event = Unwrapper().unwrap(wrapped(EVENT))
    assert event == EVENT
    assert decode_server_event(EVENT).wire_type == "session.created"


def test_an_event_without_a_wrapper_stays_as_it_is() -> None:
    assert Unwrapper().unwrap(EVENT) == EVENT


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_pieces_are_joined(size: int) -> None:
    unwrapper = Unwrapper()
    *first, last = pieces_of(EVENT, size)
    assert [unwrapper.unwrap(piece) for piece in first] == [None] * len(first)
    assert unwrapper.unwrap(last) == EVENT


def test_other_events_may_come_after_a_joined_one() -> None:
    unwrapper = Unwrapper()
    for name in ("event_1", "event_2"):
        results = [unwrapper.unwrap(piece) for piece in pieces_of(EVENT, 30, name)]
        assert results[-1] == EVENT


def test_a_missing_piece_is_malformed_and_the_next_event_is_whole() -> None:
    unwrapper = Unwrapper()
    first, _, third, *_ = pieces_of(EVENT, 30)
    unwrapper.unwrap(first)
    with pytest.raises(Malformed, match="missing"):
        unwrapper.unwrap(third)
    assert [unwrapper.unwrap(piece) for piece in pieces_of(EVENT, 30, "event_2")][-1] == EVENT


def test_a_piece_of_another_event_is_malformed() -> None:
    unwrapper = Unwrapper()
    unwrapper.unwrap(pieces_of(EVENT, 30)[0])
    with pytest.raises(Malformed, match="missing"):
        unwrapper.unwrap(pieces_of(EVENT, 30, "event_2")[1])


def test_a_first_piece_replaces_an_unfinished_event() -> None:
    unwrapper = Unwrapper()
    unwrapper.unwrap(pieces_of(EVENT, 30)[0])
    assert [unwrapper.unwrap(piece) for piece in pieces_of(EVENT, 30, "event_2")][-1] == EVENT


def test_pieces_are_kept_up_to_the_limit_only() -> None:
    unwrapper = Unwrapper(limit_bytes=300)
    pieces = pieces_of("x" * 600, 200)
    assert [unwrapper.unwrap(piece) for piece in pieces[:2]] == [None, None]
    with pytest.raises(Malformed, match="more than 300 bytes"):
        unwrapper.unwrap(pieces[2])


@pytest.mark.parametrize(
    "message",
    [
        b"binary",
        "no JSON",
        '{"type":"full_message","id":"event_1"}',
        '{"type":"full_message","id":"event_1","data":5}',
        '{"type":"full_message","id":"event_1","data":"***"}',
        '{"type":"full_message","id":"event_1","data":"gA=="}',
        '{"type":"full_message","id":"event_1","data":"é"}',
        '{"type":"full_message","id":"event_1","data":"\\ud800"}',
        '{"type":"partial_message","id":"event_1","data":"AA==","fragment_index":-1,"total_fragments":2}',
        '{"type":"partial_message","id":"event_1","data":"AA==","fragment_index":1,"total_fragments":2}',
    ],
)
def test_what_can_not_be_taken_out_is_malformed(message: str | bytes) -> None:
    with pytest.raises(Malformed):
        Unwrapper().unwrap(message)


def test_base64_needs_four_characters_for_three_bytes() -> None:
    assert [base64_length(size) for size in range(7)] == [len(encoded("x" * size)) for size in range(7)]
