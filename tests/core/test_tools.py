"""Every call of a tool is answered once."""

from __future__ import annotations

from edge_agent.core.tools import NO_SUCH_TOOL, answer_calls, refuse_approval
from edge_agent.protocol import client_events as ask
from edge_agent.protocol.objects import Item, Response


def call(call_id: str | None, name: str = "open_the_door") -> Item:
    return Item(type="function_call", call_id=call_id, name=name, arguments="{}")


def answered(*items: Item, status: str = "completed") -> list[str | None]:
    events = answer_calls(Response(id="resp_1", status=status, output=items))
    for event in events:
        assert isinstance(event, ask.ConversationItemCreate)
        assert event.item.type == "function_call_output"
        assert event.item.output == NO_SUCH_TOOL
    return [event.item.call_id for event in events if isinstance(event, ask.ConversationItemCreate)]


def test_parallel_calls_are_answered_in_their_order() -> None:
    assert answered(call("call_b"), Item(type="message"), call("call_a")) == ["call_b", "call_a"]


def test_a_call_that_shows_up_twice_is_answered_once() -> None:
    assert answered(call("call_1"), call("call_1")) == ["call_1"]


def test_the_calls_of_a_cancelled_response_are_answered_too() -> None:
    assert answered(call("call_1"), status="cancelled") == ["call_1"]


def test_a_response_without_calls_needs_no_answer() -> None:
    assert answered(Item(type="message")) == []
    assert answered(call(None)) == []
    assert answered(Item(type="function_call_output", call_id="call_1")) == []


def test_a_call_that_waits_for_consent_is_refused() -> None:
    (event,) = refuse_approval(Item(type="mcp_approval_request", id="mcpr_1"))
    assert isinstance(event, ask.ConversationItemCreate)
    assert event.item == Item(type="mcp_approval_response", approval_request_id="mcpr_1", approve=False)


def test_other_items_need_no_consent() -> None:
    assert refuse_approval(Item(type="message", id="item_1")) == []
    assert refuse_approval(Item(type="mcp_approval_request")) == []
