"""Everything that a client may say: one frozen struct for each GA client event.

``event_id`` is optional; the server repeats it in ``error.event_id``, which is the only correlation there is.
Source of names and fields: the GA models (``RealtimeClientEvent``) of OpenAI's public API description.
"""

from __future__ import annotations

from typing import ClassVar, get_args

import msgspec

from edge_agent.protocol.objects import Integer, Item, JsonObject


class _ClientEvent(msgspec.Struct, frozen=True, kw_only=True):
    wire_type: ClassVar[str]
    event_id: str | None = None


class SessionUpdate(_ClientEvent, frozen=True):
    """Change the session: fields present replace, null turns off, absent fields stay as they are."""

    wire_type: ClassVar[str] = "session.update"
    session: JsonObject


class InputAudioBufferAppend(_ClientEvent, frozen=True):
    """Base64 sound for servers without WebRTC. Over WebRTC sound is RTP: never sent by the daemon."""

    wire_type: ClassVar[str] = "input_audio_buffer.append"
    audio: str


class InputAudioBufferCommit(_ClientEvent, frozen=True):
    """Make what was heard a user item. An error below 100 ms of sound; does not create a response."""

    wire_type: ClassVar[str] = "input_audio_buffer.commit"


class InputAudioBufferClear(_ClientEvent, frozen=True):
    """Forget what was heard and not committed. Answered by ``input_audio_buffer.cleared``."""

    wire_type: ClassVar[str] = "input_audio_buffer.clear"


class OutputAudioBufferClear(_ClientEvent, frozen=True):
    """Stop the sound that is on its way. Send ``response.cancel`` first; WebRTC only."""

    wire_type: ClassVar[str] = "output_audio_buffer.clear"


class ConversationItemCreate(_ClientEvent, frozen=True):
    """Add an item: after ``previous_item_id``, before all others for "root", at the end for None."""

    wire_type: ClassVar[str] = "conversation.item.create"
    item: Item
    previous_item_id: str | None = None


class ConversationItemRetrieve(_ClientEvent, frozen=True):
    """Ask for an item as the server has it. Answered by ``conversation.item.retrieved``."""

    wire_type: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


class ConversationItemDelete(_ClientEvent, frozen=True):
    """Remove an item. Answered by ``conversation.item.deleted``."""

    wire_type: ClassVar[str] = "conversation.item.delete"
    item_id: str


class ConversationItemTruncate(_ClientEvent, frozen=True):
    """Cut an assistant item to what was heard of it. Over WebRTC the server does that by itself."""

    wire_type: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    content_index: Integer
    audio_end_ms: Integer


class ResponseCreate(_ClientEvent, frozen=True):
    """Ask for an answer; ``response`` overrides session settings for it. An error while one is active."""

    wire_type: ClassVar[str] = "response.create"
    response: JsonObject | None = None


class ResponseCancel(_ClientEvent, frozen=True):
    """Stop generating; sound that is already made goes on. An error when no response is active."""

    wire_type: ClassVar[str] = "response.cancel"
    response_id: str | None = None


class RawEvent(_ClientEvent, frozen=True):
    """A client event that is sent as it is: ``payload`` is the whole JSON object, nothing is added."""

    wire_type: ClassVar[str] = ""
    payload: JsonObject


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemDelete
    | ConversationItemTruncate
    | ResponseCreate
    | ResponseCancel
    | RawEvent
)

CLIENT_EVENTS: dict[str, type[ClientEvent]] = {
    event.wire_type: event for event in get_args(ClientEvent) if event is not RawEvent
}
"""GA wire name -> struct."""
