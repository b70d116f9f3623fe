"""The two name generations of the protocol, and how each is turned into the other.

GA is what OpenAI speaks since 2025-08; beta is what many compatible servers still speak. Inside edge-agent
there is only GA: names and shapes are turned at the edge, and everything here is a table or walks one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from edge_agent.protocol.objects import JsonObject


class Dialect(enum.Enum):
    """A name generation; the value is its name in configuration files."""

    GA = "ga"
    BETA = "beta"


GA_SERVER_NAMES: Mapping[str, str] = {
    "conversation.item.created": "conversation.item.added",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "transcription_session.updated": "session.updated",
}
"""Beta name of a server event -> GA name, where they differ."""

BETA_SERVER_NAMES: Mapping[str, str] = {
    ga: beta for beta, ga in GA_SERVER_NAMES.items() if ga != "session.updated"
}
"""GA name of a server event -> beta name, where they differ."""

GA_CLIENT_NAMES: Mapping[str, str] = {"transcription_session.update": "session.update"}
"""Beta name of a client event -> GA name, where they differ."""

GA_ONLY_SERVER_EVENTS = frozenset(
    {
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
    }
)
"""What a beta server has no word for. It says nothing instead."""

GA_ONLY_SERVER_FIELDS: Mapping[str, tuple[str, ...]] = {"response.function_call_arguments.done": ("name",)}
"""GA name of a server event -> fields that a beta server leaves out."""

Path = tuple[str, ...]


class SessionField(NamedTuple):
    """One setting of a session: our name for it, and where it stands; None where a dialect lacks it."""

    name: str
    ga: Path | None
    beta: Path | None

    def path(self, dialect: Dialect) -> Path | None:
        """Return where the setting stands in the session object of ``dialect``."""
        return self.ga if dialect is Dialect.GA else self.beta


SESSION_FIELDS: tuple[SessionField, ...] = (
    SessionField("model", ("model",), ("model",)),
    SessionField("instructions", ("instructions",), ("instructions",)),
    SessionField("output_modalities", ("output_modalities",), ("modalities",)),
    SessionField("input_format", ("audio", "input", "format"), ("input_audio_format",)),
    SessionField("transcription", ("audio", "input", "transcription"), ("input_audio_transcription",)),
    SessionField("noise_reduction", ("audio", "input", "noise_reduction"), ("input_audio_noise_reduction",)),
    SessionField("turn_detection", ("audio", "input", "turn_detection"), ("turn_detection",)),
    SessionField("output_format", ("audio", "output", "format"), ("output_audio_format",)),
    SessionField("voice", ("audio", "output", "voice"), ("voice",)),
    SessionField("speed", ("audio", "output", "speed"), ("speed",)),
    SessionField("tools", ("tools",), ("tools",)),
    SessionField("tool_choice", ("tool_choice",), ("tool_choice",)),
    SessionField("parallel_tool_calls", ("parallel_tool_calls",), None),
    SessionField("reasoning", ("reasoning",), None),
    SessionField("max_output_tokens", ("max_output_tokens",), ("max_response_output_tokens",)),
    SessionField("truncation", ("truncation",), None),
    SessionField("temperature", None, ("temperature",)),
    SessionField("prompt", ("prompt",), ("prompt",)),
    SessionField("tracing", ("tracing",), ("tracing",)),
    SessionField("include", ("include",), ("include",)),
)
"""Every setting of a session, in the order in which it is written."""

_FORMATS: tuple[tuple[str, JsonObject], ...] = (
    ("pcm16", {"type": "audio/pcm", "rate": 24_000}),
    ("g711_ulaw", {"type": "audio/pcmu"}),
    ("g711_alaw", {"type": "audio/pcma"}),
)
_CONTENT_TYPES = (("text", "output_text"), ("audio", "output_audio"))
_SESSION_MOVES = tuple((f.ga, f.beta) for f in SESSION_FIELDS if f.ga and f.beta and f.ga != f.beta)
_RESPONSE_MOVES = tuple(
    (f.ga, f.beta)
    for f in SESSION_FIELDS
    if f.ga and f.beta and f.name in {"output_modalities", "voice", "speed", "output_format"}
)


def turn_session(session: JsonObject, target: Dialect) -> JsonObject:
    """Return a session object in the shape of ``target``; one that has this shape already is just copied."""
    turned = _turned(session, _SESSION_MOVES, target)
    if target is Dialect.BETA:
        turned.pop("type", None)
    return turned


def turn_response(response: JsonObject, target: Dialect) -> JsonObject:
    """Return a server's response object, items included, in the shape of ``target``."""
    turned = _turned(response, _RESPONSE_MOVES, target)
    if target is Dialect.BETA and turned.get("audio") is None:
        turned.pop("audio", None)
    return _with_items(turned, "output", target)


def turn_override(override: JsonObject, target: Dialect) -> JsonObject:
    """Return the wishes of one ``response.create``, items included, in the shape of ``target``."""
    turned = _turned(override, _SESSION_MOVES, target)
    return _with_items(turned, "input", target)


def turn_item(item: JsonObject, target: Dialect) -> JsonObject:
    """Return an item with its content types named as ``target`` names them; only an assistant's differ."""
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, list | tuple):
        return item
    names = {beta: ga for beta, ga in _CONTENT_TYPES}
    if target is Dialect.BETA:
        names = {ga: beta for beta, ga in _CONTENT_TYPES}
    return item | {"content": [_retyped(part, names) for part in content]}


def turn_format(value: object, target: Dialect) -> object:
    """Return an audio format as ``target`` writes it; one that neither side knows stays as it is."""
    for beta, ga in _FORMATS:
        if target is Dialect.GA and value == beta:
            return dict(ga)
        if target is Dialect.BETA and isinstance(value, dict) and value.get("type") == ga["type"]:
            return beta
    return value


Turn = Callable[[JsonObject, Dialect], JsonObject]

SERVER_SHAPES: Mapping[str, Turn] = {"session": turn_session, "response": turn_response, "item": turn_item}
"""Fields of server events whose shape differs between the dialects."""

CLIENT_SHAPES: Mapping[str, Turn] = {"response": turn_override, "item": turn_item}
"""The same of client events. A session travels as it is: session_object.py writes and reads both shapes."""


def turn(payload: JsonObject, shapes: Mapping[str, Turn], target: Dialect) -> JsonObject:
    """Return an event's payload with the fields of ``shapes`` in the shape of ``target``."""
    turned = dict(payload)
    for field, turn_field in shapes.items():
        value = payload.get(field)
        if isinstance(value, dict):
            turned[field] = turn_field(value, target)
    return turned


def place(target: JsonObject, path: Path, value: object) -> None:
    """Set ``value`` at ``path``, making the objects on the way. What is already there stays."""
    for step in path[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(path[-1], value)


def _turned(source: JsonObject, moves: Iterable[tuple[Path, Path]], target: Dialect) -> JsonObject:
    turned = _copied(source)
    for ga, beta in moves:
        origin, goal = (beta, ga) if target is Dialect.GA else (ga, beta)
        taken = _taken(turned, origin)
        if taken:
            is_format = beta[-1].endswith("_audio_format")
            place(turned, goal, turn_format(taken[0], target) if is_format else taken[0])
    return turned


def _copied(source: JsonObject) -> JsonObject:
    """Copy the objects that are walked, so that the original stays as it is."""
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in source.items()}


def _taken(source: JsonObject, path: Path) -> tuple[object, ...]:
    """Take out what stands at ``path``, with objects that become empty by that; () when nothing does."""
    first, rest = path[0], path[1:]
    if first not in source:
        return ()
    if not rest:
        return (source.pop(first),)
    inner = source[first]
    if not isinstance(inner, dict):
        return ()
    taken = _taken(inner, rest)
    if taken and not inner:
        del source[first]
    return taken


def _with_items(holder: JsonObject, field: str, target: Dialect) -> JsonObject:
    items = holder.get(field)
    if isinstance(items, list | tuple):
        holder[field] = [turn_item(item, target) if isinstance(item, dict) else item for item in items]
    return holder


def _retyped(part: object, names: Mapping[str, str]) -> object:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and isinstance(kind, str) and kind in names:
        return part | {"type": names[kind]}
    return part
