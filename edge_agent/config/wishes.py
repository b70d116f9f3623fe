"""From the configuration's words to the protocol's: an endpoint's profile, and what a session is to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from edge_agent.config import schema
from edge_agent.protocol import session_object as wish
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.profiles import PROFILES, Handshake, Hangup, Profile, TokenStyle

CONVERTED: dict[str, Callable[[Any], object]] = {
    "handshake": Handshake,
    "token_style": TokenStyle,
    "hangup": Hangup,
    "dialect": Dialect,
}
"""Overrides that are words in the file and enums in a profile."""


CHEAP_TRUNCATION = schema.RetentionRatio(0.8, schema.TokenLimits(8000))
"""Every answer is charged for the whole history. Some ten minutes of it are kept; and when it is too long, a
fifth is dropped at once, because what the model has read before costs less only up to the first change."""

TRUNCATING_PROFILES = frozenset({"openai", "azure"})
"""Servers that take that. Others refuse a session for a setting that they don't know."""


def truncation_of(
    session: schema.Session, endpoint: schema.Endpoint
) -> Literal["auto", "disabled"] | schema.RetentionRatio | None:
    """Return what an endpoint's server is to forget of a long conversation; None: what it likes."""
    is_taken = endpoint.profile in TRUNCATING_PROFILES and profile_of(endpoint).dialect is Dialect.GA
    return CHEAP_TRUNCATION if session.truncation is None and is_taken else session.truncation


def profile_of(endpoint: schema.Endpoint) -> Profile:
    """Return the endpoint's profile with its overrides."""
    changes: dict[str, Any] = {
        key: CONVERTED[key](value) if key in CONVERTED else value
        for key, value in msgspec.structs.asdict(endpoint.overrides).items()
        if value is not None
    }
    return replace(PROFILES[endpoint.profile], **changes)


def wishes_of(config: schema.Config, endpoint: schema.Endpoint) -> wish.SessionWishes:
    """Return what is asked of every session with ``endpoint``: only what the configuration says."""
    session = config.session
    return wish.SessionWishes(
        model=endpoint.model,
        voice=endpoint.voice,
        instructions=session.instructions,
        speed=session.speed,
        turn_detection=_turn_detection(session.turn_detection),
        transcription=_transcription(session.transcription),
        noise_reduction=_noise_reduction(session.noise_reduction),
        max_output_tokens=session.max_output_tokens,
        truncation=_truncation(truncation_of(session, endpoint)),
        extra=session.extra,
    )


def _turn_detection(
    written: schema.ServerVad | schema.SemanticVad | schema.NoTurnDetection | None,
) -> wish.TurnDetection | UnsetType | None:
    match written:
        case None:
            return UNSET
        case schema.NoTurnDetection():
            return None
        case schema.ServerVad():
            return wish.ServerVad(**msgspec.structs.asdict(written))
        case schema.SemanticVad():
            return wish.SemanticVad(**msgspec.structs.asdict(written))


def _transcription(written: schema.Transcription | str | None) -> wish.Transcription | UnsetType | None:
    if written is None:
        return UNSET
    return None if isinstance(written, str) else wish.Transcription(**msgspec.structs.asdict(written))


def _noise_reduction(written: str | None) -> wish.NoiseReduction | UnsetType | None:
    if written is None:
        return UNSET
    return None if written == "none" else msgspec.convert({"type": written}, wish.NoiseReduction)


def _truncation(written: str | schema.RetentionRatio | None) -> Any:
    """Return the word, or the object without what was not said."""
    if not isinstance(written, schema.RetentionRatio):
        return written
    return {key: value for key, value in msgspec.to_builtins(written).items() if value is not None}
