"""Everything that a server may say: one frozen struct for each GA server event, with every field.

Names of the beta generation decode into the same structs. All fields have neutral defaults, because
compatible servers leave fields out; unknown fields are ignored. Keep state by ids, never by the order of
events: order guarantees are weak. Source of names and fields: the GA models (``RealtimeServerEvent``) of
OpenAI's public API description.
"""

from __future__ import annotations

from typing import ClassVar, get_args

import msgspec

from edge_agent.protocol.objects import (
    ApiError,
    ContentPart,
    Conversation,
    Integer,
    Item,
    LogProb,
    RateLimit,
    Response,
    SessionObject,
    TranscriptionLanguage,
    TranscriptionUsage,
)


class _ServerEvent(msgspec.Struct, frozen=True, kw_only=True):
    wire_type: ClassVar[str]
    event_id: str | None = None


# The session


class ErrorEvent(_ServerEvent, frozen=True):
    """Something that the client asked for failed; mostly the session goes on."""

    wire_type: ClassVar[str] = "error"
    error: ApiError = ApiError()


class SessionCreated(_ServerEvent, frozen=True):
    """First event of every connection: the session as the server set it up."""

    wire_type: ClassVar[str] = "session.created"
    session: SessionObject = SessionObject()


class SessionUpdated(_ServerEvent, frozen=True):
    """Answer to ``session.update``: the whole effective session."""

    wire_type: ClassVar[str] = "session.updated"
    session: SessionObject = SessionObject()


class RateLimitsUpdated(_ServerEvent, frozen=True):
    """Limits after the reservation for a response; informational."""

    wire_type: ClassVar[str] = "rate_limits.updated"
    rate_limits: tuple[RateLimit, ...] = ()


# The conversation and its items


class ConversationCreated(_ServerEvent, frozen=True):
    """The conversation exists. OpenAI no longer sends it, some compatible servers do."""

    wire_type: ClassVar[str] = "conversation.created"
    conversation: Conversation = Conversation()


class ConversationItemAdded(_ServerEvent, frozen=True):
    """An item exists; an assistant's item is filled later. Also stands for ``conversation.item.created``."""

    wire_type: ClassVar[str] = "conversation.item.added"
    item: Item = Item()
    previous_item_id: str | None = None


class ConversationItemDone(_ServerEvent, frozen=True):
    """An item is complete, with the transcripts known by then."""

    wire_type: ClassVar[str] = "conversation.item.done"
    item: Item = Item()
    previous_item_id: str | None = None


class ConversationItemRetrieved(_ServerEvent, frozen=True):
    """Answer to ``conversation.item.retrieve``."""

    wire_type: ClassVar[str] = "conversation.item.retrieved"
    item: Item = Item()


class ConversationItemDeleted(_ServerEvent, frozen=True):
    """Answer to ``conversation.item.delete``."""

    wire_type: ClassVar[str] = "conversation.item.deleted"
    item_id: str = ""


class ConversationItemTruncated(_ServerEvent, frozen=True):
    """An assistant item was cut to what was heard of it; its transcript is dropped."""

    wire_type: ClassVar[str] = "conversation.item.truncated"
    item_id: str = ""
    content_index: Integer = 0
    audio_end_ms: Integer = 0


class ConversationItemInputAudioTranscriptionDelta(_ServerEvent, frozen=True):
    """More text of what the person said."""

    wire_type: ClassVar[str] = "conversation.item.input_audio_transcription.delta"
    item_id: str = ""
    content_index: Integer = 0
    delta: str = ""
    logprobs: tuple[LogProb, ...] | None = None


class ConversationItemInputAudioTranscriptionSegment(_ServerEvent, frozen=True):
    """One speaker's stretch of what was said; ``start`` and ``end`` in seconds."""

    wire_type: ClassVar[str] = "conversation.item.input_audio_transcription.segment"
    item_id: str = ""
    content_index: Integer = 0
    id: str = ""
    speaker: str = ""
    start: float = 0.0
    end: float = 0.0
    text: str = ""


class ConversationItemInputAudioTranscriptionCompleted(_ServerEvent, frozen=True):
    """What the person said. May come at any time after the commit, even after ``response.done``."""

    wire_type: ClassVar[str] = "conversation.item.input_audio_transcription.completed"
    item_id: str = ""
    content_index: Integer = 0
    transcript: str = ""
    usage: TranscriptionUsage | None = None
    logprobs: tuple[LogProb, ...] | None = None
    languages: tuple[TranscriptionLanguage, ...] | None = None


class ConversationItemInputAudioTranscriptionFailed(_ServerEvent, frozen=True):
    """What the person said could not be transcribed; the answer does not depend on it."""

    wire_type: ClassVar[str] = "conversation.item.input_audio_transcription.failed"
    item_id: str = ""
    content_index: Integer = 0
    error: ApiError = ApiError()


# What the server hears


class InputAudioBufferSpeechStarted(_ServerEvent, frozen=True):
    """A voice began at ``audio_start_ms`` of session audio; ``item_id`` is the item to come. May repeat."""

    wire_type: ClassVar[str] = "input_audio_buffer.speech_started"
    audio_start_ms: Integer = 0
    item_id: str = ""


class InputAudioBufferSpeechStopped(_ServerEvent, frozen=True):
    """The voice ended; ``audio_end_ms`` of session audio includes the silence window."""

    wire_type: ClassVar[str] = "input_audio_buffer.speech_stopped"
    audio_end_ms: Integer = 0
    item_id: str = ""


class InputAudioBufferCommitted(_ServerEvent, frozen=True):
    """What was heard is now a user item, by voice activity detection or on request."""

    wire_type: ClassVar[str] = "input_audio_buffer.committed"
    item_id: str = ""
    previous_item_id: str | None = None


class InputAudioBufferCleared(_ServerEvent, frozen=True):
    """Answer to ``input_audio_buffer.clear``."""

    wire_type: ClassVar[str] = "input_audio_buffer.cleared"


class InputAudioBufferTimeoutTriggered(_ServerEvent, frozen=True):
    """Nobody spoke for ``idle_timeout_ms``: the server speaks on its own."""

    wire_type: ClassVar[str] = "input_audio_buffer.timeout_triggered"
    audio_start_ms: Integer = 0
    audio_end_ms: Integer = 0
    item_id: str = ""


class InputAudioBufferDtmfEventReceived(_ServerEvent, frozen=True):
    """A telephone key at ``received_at`` seconds since 1970. SIP only; the one event without ``event_id``."""

    wire_type: ClassVar[str] = "input_audio_buffer.dtmf_event_received"
    event: str = ""
    received_at: Integer = 0


# What the server plays (WebRTC and SIP only)


class OutputAudioBufferStarted(_ServerEvent, frozen=True):
    """The server begins to stream the sound of a response."""

    wire_type: ClassVar[str] = "output_audio_buffer.started"
    response_id: str = ""


class OutputAudioBufferStopped(_ServerEvent, frozen=True):
    """The server has streamed all of it; comes after ``response.done``."""

    wire_type: ClassVar[str] = "output_audio_buffer.stopped"
    response_id: str = ""


class OutputAudioBufferCleared(_ServerEvent, frozen=True):
    """The rest was thrown away: barge-in, or ``output_audio_buffer.clear``."""

    wire_type: ClassVar[str] = "output_audio_buffer.cleared"
    response_id: str = ""


# Responses


class ResponseCreated(_ServerEvent, frozen=True):
    """The model begins an answer."""

    wire_type: ClassVar[str] = "response.created"
    response: Response = Response()


class ResponseDone(_ServerEvent, frozen=True):
    """Generation is over, whatever the outcome; seconds of sound may remain to be played."""

    wire_type: ClassVar[str] = "response.done"
    response: Response = Response()


class ResponseOutputItemAdded(_ServerEvent, frozen=True):
    """The response has a new item."""

    wire_type: ClassVar[str] = "response.output_item.added"
    response_id: str = ""
    output_index: Integer = 0
    item: Item = Item()


class ResponseOutputItemDone(_ServerEvent, frozen=True):
    """An item of the response is complete, or was interrupted."""

    wire_type: ClassVar[str] = "response.output_item.done"
    response_id: str = ""
    output_index: Integer = 0
    item: Item = Item()


class ResponseContentPartAdded(_ServerEvent, frozen=True):
    """An item of the response has a new part."""

    wire_type: ClassVar[str] = "response.content_part.added"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    part: ContentPart = ContentPart()


class ResponseContentPartDone(_ServerEvent, frozen=True):
    """A part is complete."""

    wire_type: ClassVar[str] = "response.content_part.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    part: ContentPart = ContentPart()


class ResponseOutputTextDelta(_ServerEvent, frozen=True):
    """More text of a written answer."""

    wire_type: ClassVar[str] = "response.output_text.delta"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    delta: str = ""


class ResponseOutputTextDone(_ServerEvent, frozen=True):
    """The whole text of a written answer."""

    wire_type: ClassVar[str] = "response.output_text.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    text: str = ""


class ResponseOutputAudioTranscriptDelta(_ServerEvent, frozen=True):
    """More words of a spoken answer; runs ahead of the sound."""

    wire_type: ClassVar[str] = "response.output_audio_transcript.delta"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    delta: str = ""


class ResponseOutputAudioTranscriptDone(_ServerEvent, frozen=True):
    """All words of a spoken answer."""

    wire_type: ClassVar[str] = "response.output_audio_transcript.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    transcript: str = ""


class ResponseOutputAudioDelta(_ServerEvent, frozen=True):
    """Base64 sound of servers without WebRTC; over WebRTC sound is RTP."""

    wire_type: ClassVar[str] = "response.output_audio.delta"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0
    delta: str = ""


class ResponseOutputAudioDone(_ServerEvent, frozen=True):
    """The sound is generated; not: played."""

    wire_type: ClassVar[str] = "response.output_audio.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    content_index: Integer = 0


# Function calls and MCP


class ResponseFunctionCallArgumentsDelta(_ServerEvent, frozen=True):
    """More of a call's arguments."""

    wire_type: ClassVar[str] = "response.function_call_arguments.delta"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    call_id: str = ""
    delta: str = ""


class ResponseFunctionCallArgumentsDone(_ServerEvent, frozen=True):
    """A call's arguments as JSON text. Beta servers leave ``name`` out."""

    wire_type: ClassVar[str] = "response.function_call_arguments.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    call_id: str = ""
    name: str | None = None
    arguments: str = ""


class ResponseMcpCallArgumentsDelta(_ServerEvent, frozen=True):
    """More of an MCP call's arguments."""

    wire_type: ClassVar[str] = "response.mcp_call_arguments.delta"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    delta: str = ""


class ResponseMcpCallArgumentsDone(_ServerEvent, frozen=True):
    """An MCP call's arguments as JSON text."""

    wire_type: ClassVar[str] = "response.mcp_call_arguments.done"
    response_id: str = ""
    item_id: str = ""
    output_index: Integer = 0
    arguments: str = ""


class ResponseMcpCallInProgress(_ServerEvent, frozen=True):
    """An MCP call runs, in the server."""

    wire_type: ClassVar[str] = "response.mcp_call.in_progress"
    item_id: str = ""
    output_index: Integer = 0


class ResponseMcpCallCompleted(_ServerEvent, frozen=True):
    """An MCP call is done; the item holds its result."""

    wire_type: ClassVar[str] = "response.mcp_call.completed"
    item_id: str = ""
    output_index: Integer = 0


class ResponseMcpCallFailed(_ServerEvent, frozen=True):
    """An MCP call failed; the item holds the error."""

    wire_type: ClassVar[str] = "response.mcp_call.failed"
    item_id: str = ""
    output_index: Integer = 0


class McpListToolsInProgress(_ServerEvent, frozen=True):
    """The server asks an MCP server for its tools."""

    wire_type: ClassVar[str] = "mcp_list_tools.in_progress"
    item_id: str = ""


class McpListToolsCompleted(_ServerEvent, frozen=True):
    """The tools of an MCP server are known; the item holds them."""

    wire_type: ClassVar[str] = "mcp_list_tools.completed"
    item_id: str = ""


class McpListToolsFailed(_ServerEvent, frozen=True):
    """The tools of an MCP server could not be listed."""

    wire_type: ClassVar[str] = "mcp_list_tools.failed"
    item_id: str = ""


class UnknownEvent(_ServerEvent, frozen=True):
    """An event whose type we don't know: normal, servers learn new ones."""

    wire_type: ClassVar[str] = ""
    type: str


ServerEvent = (
    ErrorEvent
    | SessionCreated
    | SessionUpdated
    | RateLimitsUpdated
    | ConversationCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemRetrieved
    | ConversationItemDeleted
    | ConversationItemTruncated
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionFailed
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | UnknownEvent
)

TextPiece = (
    ResponseOutputAudioTranscriptDelta
    | ResponseOutputTextDelta
    | ConversationItemInputAudioTranscriptionDelta
)
"""What only makes a text longer, a dozen times a second while an answer is written down."""

TEXT_PIECES = get_args(TextPiece)
"""The same for isinstance, which takes a tuple in half the time."""

SERVER_EVENTS: dict[str, type[ServerEvent]] = {
    event.wire_type: event for event in get_args(ServerEvent) if event is not UnknownEvent
}
"""GA wire name -> struct."""
