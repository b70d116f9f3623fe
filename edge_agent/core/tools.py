"""What the device says when a model wants to use a tool.

The device offers no tools of its own. A model may still call one that the configuration announced; an
unanswered call would leave the history dangling and the person waiting, so each call is answered once, with a
plain refusal.
"""

from __future__ import annotations

from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Item, Response

NO_SUCH_TOOL = '{"error":"this device has no such tool"}'


def answer_calls(response: Response) -> list[ask.ClientEvent]:
    """Answer every function call of a finished response, then ask for one new response.

    A cancelled response's calls are answered as well (the history needs the item), but ask for no response.
    """
    calls = {
        item.call_id: item for item in response.output or () if item.type == "function_call" and item.call_id
    }
    events: list[ask.ClientEvent] = [
        ask.ConversationItemCreate(
            item=Item(type="function_call_output", call_id=call_id, output=NO_SUCH_TOOL)
        )
        for call_id in calls
    ]
    if events and response.status == "completed":
        events.append(ask.ResponseCreate())
    return events


def refuse_approval(item: Item, event: said.ServerEvent) -> list[ask.ClientEvent]:
    """Refuse an MCP call that waits for a person's consent: a device without a screen can't ask for it."""
    asks = item.type == "mcp_approval_request" and isinstance(event, said.ConversationItemDone)
    if not asks or not item.id:
        return []
    answer = Item(type="mcp_approval_response", approval_request_id=item.id, approve=False)
    return [ask.ConversationItemCreate(item=answer)]
