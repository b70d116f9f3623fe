"""What the device says when a model wants to use a tool.

The device offers no tools of its own. A model may still call one that the configuration announced; an
unanswered call would leave the history dangling and the person waiting, so each call is answered once, with a
plain refusal.
"""

from __future__ import annotations

from edge_agent.protocol import client_events as ask
from edge_agent.protocol.objects import Item, Response

NO_SUCH_TOOL = '{"error":"this device has no such tool"}'

ROUNDS_LIMIT = 5
"""So many responses in a row that call tools get another response; a model that goes on calling what does not
exist would cost money for ever."""


def answer_calls(response: Response) -> list[ask.ClientEvent]:
    """Answer every function call of a finished response, each call once.

    A cancelled response's calls are answered as well: the history needs the item.
    """
    calls = [item.call_id for item in response.output if item.type == "function_call" and item.call_id]
    return [
        ask.ConversationItemCreate(
            item=Item(type="function_call_output", call_id=call_id, output=NO_SUCH_TOOL)
        )
        for call_id in dict.fromkeys(calls)
    ]


def refuse_approval(item: Item) -> list[ask.ClientEvent]:
    """Refuse an MCP call that waits for a person's consent: a device without a screen can't ask for it.

    ``item`` is a finished item of any type; only an ``mcp_approval_request`` is answered.
    """
    if item.type != "mcp_approval_request" or not item.id:
        return []
    answer = Item(type="mcp_approval_response", approval_request_id=item.id, approve=False)
    return [ask.ConversationItemCreate(item=answer)]
