"""What the server is asked for in every session, and patience with people and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_agent.config.sections.kinds import (
    LongText,
    Section,
    Text,
)


class ServerVad(Section, frozen=True, tag_field="type", tag="server_vad"):
    """A turn ends when the voice has been silent for a while. Null: the server's own value."""

    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Loudness that counts as a voice; higher for noisy rooms."),
    ] = None
    prefix_padding_ms: Annotated[
        Annotated[int, Meta(ge=0, le=5000)] | None,
        Meta(description="Sound kept from before the voice began."),
    ] = None
    silence_duration_ms: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None, Meta(description="Silence that ends a turn.")
    ] = None
    interrupt_response: Annotated[bool | None, Meta(description="Whether a voice stops the answer.")] = None


class SemanticVad(Section, frozen=True, tag_field="type", tag="semantic_vad"):
    """A turn ends when what was said sounds complete. Null: the server's own value."""

    eagerness: Annotated[
        Literal["low", "medium", "high", "auto"] | None, Meta(description="How soon the answer begins.")
    ] = None
    interrupt_response: Annotated[bool | None, Meta(description="Whether a voice stops the answer.")] = None


class NoTurnDetection(Section, frozen=True, tag_field="type", tag="none"):
    """The server does not listen for turns: only push-to-talk is answered."""


class Transcription(Section, frozen=True):
    """The server writes down what the person says."""

    model: Annotated[Text, Meta(description="Model that transcribes.")]
    language: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
                extra={"expected": "a language code such as en or de"},
            ),
        ]
        | None,
        Meta(description="Language that is spoken, as an ISO 639 code. Null: the server finds out."),
    ] = None
    prompt: Annotated[Text | None, Meta(description="Hint for the model, such as names that occur.")] = None


class TokenLimits(Section, frozen=True):
    """Limits of what the model is given."""

    post_instructions: Annotated[int, Meta(ge=1, le=1_000_000, description="Tokens after the instructions.")]


class RetentionRatio(Section, frozen=True, tag_field="type", tag="retention_ratio"):
    """When the history is too long, this share of it is kept."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1, description="Share of the history that is kept.")]
    token_limits: Annotated[TokenLimits | None, Meta(description="When the history is too long.")] = None


class Session(Section, frozen=True):
    """What the server is asked for in every session. Null: not asked for, the server's own value."""

    instructions: Annotated[LongText | None, Meta(description="Who the agent is and how it talks.")] = None
    turn_detection: Annotated[
        ServerVad | SemanticVad | NoTurnDetection | None,
        Meta(description="How the server finds the end of a turn."),
    ] = None
    transcription: Annotated[
        Transcription | Literal["none"] | None,
        Meta(description="Whether the server writes down what is said."),
    ] = None
    noise_reduction: Annotated[
        Literal["near_field", "far_field", "none"] | None,
        Meta(description="near_field: microphone at the mouth, far_field: microphone in the room."),
    ] = None
    max_output_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None,
        Meta(description="Longest answer, in tokens."),
    ] = None
    speed: Annotated[
        Annotated[float, Meta(ge=0.25, le=1.5)] | None, Meta(description="Speed of speech; 1.0 is normal.")
    ] = None
    truncation: Annotated[
        Literal["auto", "disabled"] | RetentionRatio | None,
        Meta(
            description="What the server forgets of a long conversation. Null: openai and azure keep 80 % of "
            "8000 tokens, others as they do."
        ),
    ] = None
    extra: Annotated[
        dict[str, Any], Meta(description="More keys of the session object, sent as they are.")
    ] = field(default_factory=dict)


class Conversation(Section, frozen=True):
    """Patience with people and answers."""

    answer_limit_s: Annotated[
        float, Meta(ge=1, le=300, description="Longest wait for an answer's sound.")
    ] = 15.0
    idle_limit_s: Annotated[
        float, Meta(ge=5, le=86_400, description="Mode button: silence that ends a conversation.")
    ] = 120.0
    memory_turns: Annotated[
        int, Meta(ge=0, le=200, description="Turns that the next session is told of, of both sides.")
    ] = 40
    memory_characters: Annotated[
        int, Meta(ge=0, le=100_000, description="How long these may be, all together.")
    ] = 8000
