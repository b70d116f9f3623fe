"""What a client wishes of a session <-> the session object of either dialect.

Servers refuse a whole update for one field that they don't like, so only what somebody wished for is written.
For three settings "not said" and "off" differ: turn_detection, transcription and noise_reduction are UNSET
when nobody spoke about them and None when they are to be off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge_agent.protocol import malformed
from edge_agent.protocol.dialect import SESSION_FIELDS, Dialect, Path, SessionField, place, turn_format
from edge_agent.protocol.objects import JsonObject, SessionObject


class _Setting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A group of settings; None is "not said"."""


class ServerVad(_Setting, frozen=True, kw_only=True, tag_field="type", tag="server_vad"):
    """A turn ends after a silence. With ``idle_timeout_ms`` the server speaks when nobody does."""

    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Meta(ge=0)] | None = None
    silence_duration_ms: Annotated[int, Meta(ge=0)] | None = None
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVad(_Setting, frozen=True, kw_only=True, tag_field="type", tag="semantic_vad"):
    """A turn ends when it sounds complete; ``eagerness`` is how soon that is believed."""

    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


TurnDetection = ServerVad | SemanticVad


class Transcription(_Setting, frozen=True, kw_only=True):
    """The server writes down what the person says."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    keywords: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None


class NoiseReduction(_Setting, frozen=True, kw_only=True):
    """The server cleans the microphone's sound: near_field at the mouth, far_field in the room."""

    type: Literal["near_field", "far_field"]
    strength: float | None = None


class SessionWishes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that can be wished of a session, under its GA name. The default is always "not said".

    ``extra`` holds more keys of the session object, as the server wants them; they win over the rest.
    Ranges are those of OpenAI's description and are checked by parse_session alone.
    """

    model: str | None = None
    instructions: str | None = None
    output_modalities: tuple[Literal["text", "audio"], ...] | None = None
    input_format: JsonObject | None = None
    transcription: Transcription | UnsetType | None = UNSET
    noise_reduction: NoiseReduction | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    output_format: JsonObject | None = None
    voice: str | JsonObject | None = None
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | None = None
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    reasoning: JsonObject | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None = None
    truncation: Literal["auto", "disabled"] | JsonObject | None = None
    temperature: Annotated[float, Meta(ge=0.6, le=1.2)] | None = None
    prompt: JsonObject | UnsetType | None = UNSET
    tracing: str | JsonObject | UnsetType | None = UNSET
    include: tuple[str, ...] | UnsetType | None = UNSET
    extra: JsonObject = {}


VAD_DEFAULTS: dict[type[TurnDetection], TurnDetection] = {
    ServerVad: ServerVad(
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=500,
        create_response=True,
        interrupt_response=True,
    ),
    SemanticVad: SemanticVad(eagerness="auto", create_response=True, interrupt_response=True),
}
"""What a server does when only the type is named (OpenAI's description of ``turn_detection``)."""

DEFAULTS = SessionWishes(
    output_modalities=("audio",),
    transcription=None,
    noise_reduction=None,
    turn_detection=VAD_DEFAULTS[ServerVad],
    speed=1.0,
    tools=(),
    tool_choice="auto",
    max_output_tokens="inf",
    truncation="auto",
    prompt=None,
    tracing=None,
    include=None,
)
"""The session that a server gives to a client without wishes (OpenAI's description of ``session``)."""


_TYPES = {field.name: field for field in msgspec.structs.fields(SessionWishes)}
_GROUPS = frozenset({"transcription", "noise_reduction", "turn_detection"})


def session_object(wishes: SessionWishes, dialect: Dialect = Dialect.GA) -> JsonObject:
    """Return the session object that says ``wishes``, and nothing else, for the call that opens a session.

    Wishes that ``dialect`` has no place for are left out: see unsayable.
    """
    said: JsonObject = msgspec.to_builtins(wishes)
    session: JsonObject = {"type": "realtime"} if dialect is Dialect.GA else {}
    for field in SESSION_FIELDS:
        path = field.path(dialect)
        if path is not None and field.name in said:
            value = said[field.name]
            place(session, path, turn_format(value, dialect) if _is_format(field) else value)
    return _merged(session, wishes.extra)


def update_object(wishes: SessionWishes, dialect: Dialect = Dialect.GA) -> JsonObject:
    """Return the session object for ``session.update``: without the model, which can't change any more."""
    return session_object(msgspec.structs.replace(wishes, model=None), dialect)


def turn_detection_update(turn_detection: TurnDetection | None, dialect: Dialect = Dialect.GA) -> JsonObject:
    """Return the session object for ``session.update`` that sets turn detection, or turns it off for None."""
    return session_object(SessionWishes(turn_detection=turn_detection), dialect)


def unsayable(wishes: SessionWishes, dialect: Dialect) -> tuple[str, ...]:
    """Return the names of the wishes that ``dialect`` has no place for."""
    said = _said(wishes)
    return tuple(field.name for field in SESSION_FIELDS if field.name in said and field.path(dialect) is None)


def parse_session(
    session: object, dialect: Dialect = Dialect.GA, current: SessionWishes = DEFAULTS
) -> SessionWishes:
    """Return ``current`` changed by a client's session object, as ``session.update`` changes a session.

    What is there replaces, lists as a whole, turn detection setting by setting while its type stays; what is
    absent stays. Raises Malformed with ``code`` and ``param`` for the first parameter that is missing,
    unknown, of a wrong type or has a value that is not allowed.
    """
    if not isinstance(session, dict):
        raise malformed.wrong_type("session", "object", _json_type(session))
    if dialect is Dialect.GA:
        _check_kind(session)
    changes = {field.name: _parsed(field, value, dialect) for field, value in _settings(session, (), dialect)}
    detection = changes.get("turn_detection")
    if isinstance(detection, ServerVad | SemanticVad):
        changes["turn_detection"] = _completed(detection, current.turn_detection)
    return msgspec.structs.replace(current, **changes)


def effective_session(wishes: SessionWishes, session_id: str, expires_at: int | None = None) -> SessionObject:
    """Return what a server says of a session in ``session.created`` and ``session.updated``."""
    session = session_object(wishes, Dialect.GA)
    session |= {"object": "realtime.session", "id": session_id, "expires_at": expires_at}
    return msgspec.convert(session, SessionObject)


def _is_format(field: SessionField) -> bool:
    return field.name in {"input_format", "output_format"}


def _said(settings: msgspec.Struct) -> dict[str, object]:
    """Return the settings that differ from "not said" by name."""
    values = ((field, getattr(settings, field.name)) for field in msgspec.structs.fields(settings))
    return {field.name: value for field, value in values if value is not field.default}


def _merged(base: JsonObject, extra: JsonObject) -> JsonObject:
    merged = dict(base)
    for key, value in extra.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _check_kind(session: JsonObject) -> None:
    if "type" not in session:
        raise malformed.missing("session.type")
    kind = session["type"]
    if not isinstance(kind, str):
        raise malformed.wrong_type("session.type", "str", _json_type(kind))
    if kind != "realtime":
        raise malformed.wrong_value("session.type", "realtime")


def _settings(found: JsonObject, at: Path, dialect: Dialect) -> Iterator[tuple[SessionField, object]]:
    """Walk a session object; yield each setting in it with its value."""
    places = {field.path(dialect): field for field in SESSION_FIELDS}
    branches = {path[:length] for path in places if path for length in range(1, len(path))}
    for key, value in found.items():
        path = (*at, key)
        if field := places.get(path):
            yield field, value
        elif path in branches:
            if not isinstance(value, dict):
                raise malformed.wrong_type(_param(path), "object", _json_type(value))
            yield from _settings(value, path, dialect)
        elif path != ("type",) or dialect is not Dialect.GA:
            raise malformed.unknown(_param(path))


def _param(path: Path) -> str:
    return ".".join(("session", *path))


def _parsed(field: SessionField, value: object, dialect: Dialect) -> object:
    param = _param(field.path(dialect) or ())
    if _is_format(field):
        value = turn_format(value, Dialect.GA)
    if field.name == "turn_detection" and dialect is Dialect.BETA and isinstance(value, dict):
        value = {"type": "server_vad"} | value  # in beta the type may be left out
    try:
        parsed: object = msgspec.convert(value, _TYPES[field.name].type)
    except msgspec.ValidationError as error:
        raise malformed.from_validation(error, param) from error
    _refuse_null(field, value, param)
    return parsed


def _refuse_null(field: SessionField, value: object, param: str) -> None:
    """Null turns off what can be off and is no value of anything else."""
    if value is None and _TYPES[field.name].default is None:
        raise malformed.wrong_type(param, "a value", "null")
    if field.name in _GROUPS and isinstance(value, dict):
        for key, member in value.items():
            if member is None and key != "idle_timeout_ms":
                raise malformed.wrong_type(f"{param}.{key}", "a value", "null")


def _completed(detection: TurnDetection, current: TurnDetection | UnsetType | None) -> TurnDetection:
    base = current if type(current) is type(detection) else VAD_DEFAULTS[type(detection)]
    return msgspec.structs.replace(base, **_said(detection))


def _json_type(value: object) -> str:
    """Return the JSON type of ``value`` by the name that msgspec uses."""
    name = type(value).__name__
    return {"NoneType": "null", "dict": "object", "list": "array", "tuple": "array"}.get(name, name)
