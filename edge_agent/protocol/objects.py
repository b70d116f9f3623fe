"""The objects inside events: items, responses, errors, usage, the effective session.

Open vocabularies (``type``, ``status``, ``reason``, ``code``) are plain strings: a server may know a word
more than we do. A field that the server left out, or sent as null where a value belongs, has its neutral
default: ``""``, ``0``, ``()`` or None. Objects that stand for several kinds (Item, ContentPart) write no
absent fields.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

JsonObject = dict[str, object]
"""A JSON object which is passed on without a look inside."""

Integer = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""An integer that every JSON implementation agrees on (RFC 8259 section 6). More digits are refused, because
arithmetic with a number of 400 digits raises OverflowError far away from here."""


class ApiError(msgspec.Struct, frozen=True):
    """What went wrong, in the server's words. ``event_id`` is the client event at fault, if there is one."""

    type: str = ""
    message: str = ""
    code: str | None = None
    param: str | None = None
    event_id: str | None = None

    @property
    def name(self) -> str | None:
        """Which error it is: ``code``, or ``type`` of a server without codes; None if only words tell.

        OpenAI's types are classes of errors, such as ``invalid_request_error``; what others have as codes are
        types at Hugging Face speech-to-speech (``make_error`` of its ``RealtimeService``).
        """
        return self.code or (None if self.type.endswith("error") else self.type or None)


class ContentPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a message.

    ``type`` in an item: input_text, input_audio, input_image (user), output_text, output_audio (assistant).
    ``type`` in ``response.content_part.*``: text, audio. ``audio`` is base64, ``image_url`` a data URL.
    """

    type: str = ""
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None
    image_url: str | None = None
    detail: str | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the conversation. ``type`` tells which of the fields below the first group are there."""

    id: str = ""
    type: str = ""
    object: str | None = None
    status: str | None = None  # completed, incomplete, in_progress
    # message
    role: str | None = None  # system, user, assistant
    content: tuple[ContentPart, ...] = ()
    # function_call, function_call_output, mcp_call
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None  # JSON text, written by a model
    output: str | None = None
    # mcp_list_tools, mcp_call, mcp_approval_request, mcp_approval_response
    server_label: str | None = None
    tools: tuple[JsonObject, ...] | None = None
    error: JsonObject | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = None


class ResponseStatusDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a response ended as it did.

    ``reason``: turn_detected, client_cancelled (cancelled); max_output_tokens, content_filter (incomplete).
    ``error`` comes with failed.
    """

    type: str = ""
    reason: str | None = None
    error: ApiError | None = None


class CachedTokenDetails(msgspec.Struct, frozen=True):
    """Cached input tokens by modality."""

    text_tokens: Integer = 0
    audio_tokens: Integer = 0
    image_tokens: Integer = 0


class InputTokenDetails(msgspec.Struct, frozen=True):
    """Input tokens by modality; ``cached_tokens`` are those among them that cost less."""

    text_tokens: Integer = 0
    audio_tokens: Integer = 0
    image_tokens: Integer = 0
    cached_tokens: Integer = 0
    cached_tokens_details: CachedTokenDetails | None = None


class OutputTokenDetails(msgspec.Struct, frozen=True):
    """Output tokens by modality."""

    text_tokens: Integer = 0
    audio_tokens: Integer = 0


class Usage(msgspec.Struct, frozen=True):
    """What one response is billed for, in tokens."""

    total_tokens: Integer = 0
    input_tokens: Integer = 0
    output_tokens: Integer = 0
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


class TranscriptionUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one transcription is billed for: ``type`` tokens with counts, or duration with ``seconds``."""

    type: str = ""
    seconds: float | None = None
    total_tokens: Integer | None = None
    input_tokens: Integer | None = None
    output_tokens: Integer | None = None
    input_token_details: InputTokenDetails | None = None


class LogProb(msgspec.Struct, frozen=True):
    """One token of a transcription with the logarithm of its probability."""

    token: str = ""
    logprob: float = 0.0
    bytes: tuple[Integer, ...] | None = None


class TranscriptionLanguage(msgspec.Struct, frozen=True):
    """A language that was heard, by its code ("en")."""

    code: str = ""


class RateLimit(msgspec.Struct, frozen=True):
    """One limit (``name``: requests, tokens): what remains, and when it is full again."""

    name: str = ""
    limit: Integer = 0
    remaining: Integer = 0
    reset_seconds: float = 0.0


class Conversation(msgspec.Struct, frozen=True):
    """The conversation that a session holds."""

    id: str = ""
    object: str = "realtime.conversation"


class AudioOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the server speaks. ``voice`` is a name or ``{"id": …}``; ``speed`` 0.25..1.5."""

    format: JsonObject | None = None
    voice: str | JsonObject | None = None
    speed: float | None = None


class ResponseAudio(msgspec.Struct, frozen=True):
    """The sound settings that one response was made with."""

    output: AudioOutput | None = None


class Response(msgspec.Struct, frozen=True):
    """One answer of the model. ``status``: in_progress, completed, cancelled, incomplete, failed."""

    id: str = ""
    object: str = "realtime.response"
    status: str = ""
    status_details: ResponseStatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None = None
    output_modalities: tuple[str, ...] = ()
    audio: ResponseAudio | None = None
    max_output_tokens: Integer | str | None = None
    metadata: JsonObject | None = None
    usage: Usage | None = None


class AudioInput(msgspec.Struct, frozen=True):
    """How the server hears. None is off; UNSET is "the server did not say"."""

    format: JsonObject | UnsetType | None = UNSET
    transcription: JsonObject | UnsetType | None = UNSET
    noise_reduction: JsonObject | UnsetType | None = UNSET
    turn_detection: JsonObject | UnsetType | None = UNSET


class SessionAudio(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sound settings of a session."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class SessionObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """The effective session, in the GA shape whatever shape it travelled in.

    ``expires_at`` is the end of the session in seconds since 1970; not every server tells.
    """

    type: str | None = None  # realtime, transcription; beta servers don't say
    object: str | None = None
    id: str | None = None
    model: str | None = None
    expires_at: Integer | float | None = None
    instructions: str | None = None
    output_modalities: tuple[str, ...] | None = None
    audio: SessionAudio | None = None
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    reasoning: JsonObject | None = None
    max_output_tokens: Integer | str | None = None
    truncation: str | JsonObject | None = None
    prompt: JsonObject | None = None
    tracing: str | JsonObject | None = None
    include: tuple[str, ...] | None = None
    temperature: float | None = None  # beta servers only
