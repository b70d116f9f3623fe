"""JSON messages <-> typed events, for both sides of the data channel and both name generations.

Two roads lead in. Most events are decoded straight into their struct. Those that carry a session, a response
or an item are decoded into plain objects first, so that their beta shapes can be turned into GA. Servers that
send null or 3.0 where the description says "integer" get a second chance on the slow road.
"""

from __future__ import annotations

import re

import msgspec

from edge_agent.protocol import dialect, malformed
from edge_agent.protocol.client_events import CLIENT_EVENTS, ClientEvent, RawEvent
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.server_events import SERVER_EVENTS, ServerEvent, UnknownEvent

__all__ = [
    "MAX_MESSAGE_BYTES",
    "Decoded",
    "Dialect",
    "Malformed",
    "decode_client_event",
    "decode_server_event",
    "encode_client_event",
    "encode_server_event",
    "wire_type_of",
]

MAX_MESSAGE_BYTES = 262_144
"""Largest message that is looked at: what aiortc (1.14 and later) announces as ``a=max-message-size``, beyond
which a server must not send (RFC 8841 section 6.1)."""

MAX_DEPTH = 64
"""Deepest nesting that is looked at. Events need about 8, JSON schemas of tools seldom 20; code that walks
what was decoded recurses, and Python's stack ends at 1000."""

MAX_TYPE_CHARS = 128
"""Longest event type that is looked at, because types are counted by name. The longest known one has 57."""

UTF8_MAX_BYTES_PER_CHAR = 4
"""RFC 3629."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")


class Decoded(msgspec.Struct, frozen=True):
    """A server event, and the type name that it travelled under."""

    event: ServerEvent
    wire_type: str


class _Envelope(msgspec.Struct):
    type: str


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_OBJECT = msgspec.json.Decoder(dict[str, object])
_STRAIGHT: dict[str, msgspec.json.Decoder[ServerEvent]] = {
    name: msgspec.json.Decoder(event)
    for name, event in SERVER_EVENTS.items()
    if dialect.SERVER_SHAPES.keys().isdisjoint(event.__struct_fields__)
}


def wire_type_of(message: str | bytes, limit_bytes: int = MAX_MESSAGE_BYTES) -> str:
    """Return the type of a message that is fit to be decoded: small and flat enough, JSON, an object.

    Raises Malformed, and nothing else.
    """
    if not isinstance(message, str):
        raise Malformed("binary message")
    try:
        if _is_larger(message, limit_bytes):
            raise Malformed(f"message of more than {limit_bytes} bytes")
        if _is_deeper(message, MAX_DEPTH):
            raise Malformed(f"message nested deeper than {MAX_DEPTH} levels")
        wire_type = _ENVELOPE.decode(message).type
    except msgspec.ValidationError as error:
        raise Malformed("not a JSON object with a type that is text", param="type") from error
    except msgspec.DecodeError as error:
        raise Malformed(f"not JSON: {error}") from error
    except UnicodeError as error:
        raise Malformed("not Unicode text") from error
    if len(wire_type) > MAX_TYPE_CHARS:
        raise Malformed(f"type of more than {MAX_TYPE_CHARS} characters", param="type")
    return wire_type


def decode_server_event(message: str | bytes, limit_bytes: int = MAX_MESSAGE_BYTES) -> Decoded:
    """Decode what a server sent. Types that we don't know become UnknownEvent, unknown fields are ignored.

    Raises Malformed, and nothing else, for what is not an event: binary, too large, too deep, not JSON, not
    an object, without a type, or with a field of a type that makes no sense.
    """
    wire_type = wire_type_of(message, limit_bytes)
    name = dialect.GA_SERVER_NAMES.get(wire_type, wire_type)
    event = SERVER_EVENTS.get(name)
    if event is None:
        return Decoded(UnknownEvent(type=wire_type), wire_type)
    straight = _STRAIGHT.get(name)
    if straight is not None:
        try:
            return Decoded(straight.decode(message), wire_type)
        except msgspec.ValidationError:
            pass  # the slow road forgives more
    return Decoded(_decoded_slowly(message, event), wire_type)


def decode_client_event(message: str | bytes, limit_bytes: int = MAX_MESSAGE_BYTES) -> ClientEvent:
    """Decode what a client sent. Types that we don't know become RawEvent, unknown fields are ignored.

    Raises Malformed, and nothing else; its ``code``, ``param`` and ``event_id`` are those of the ``error``
    event that is due. ``SessionUpdate.session`` is as the client sent it: see session_object.parse_session.
    """
    wire_type = wire_type_of(message, limit_bytes)
    payload = _json_object(message)
    event = CLIENT_EVENTS.get(dialect.GA_CLIENT_NAMES.get(wire_type, wire_type))
    if event is None:
        return RawEvent(payload=payload)
    turned = dialect.turn(payload, dialect.CLIENT_SHAPES, Dialect.GA)
    try:
        return msgspec.convert(turned, event)
    except msgspec.ValidationError as error:
        complaint = malformed.from_validation(error)
        event_id = payload.get("event_id")
        complaint.event_id = event_id if isinstance(event_id, str) else None
        raise complaint from error


def encode_client_event(event: ClientEvent, target: Dialect = Dialect.GA) -> str:
    """Return the message that says ``event``. Numbers that JSON has no words for (NaN) become null.

    Raises ValueError for text that is not Unicode (lone surrogates).
    """
    if isinstance(event, RawEvent):
        return msgspec.json.encode(event.payload).decode()
    payload = _client_payload(event)
    if target is Dialect.BETA:
        payload = dialect.turn(payload, dialect.CLIENT_SHAPES, target)
    return msgspec.json.encode(payload).decode()


def encode_server_event(event: ServerEvent, target: Dialect = Dialect.GA) -> list[str]:
    """Return the messages that say ``event``: one, or none where ``target`` has no word for it.

    A server that says "item added" when an item begins and "item done" when it is complete thereby says
    ``conversation.item.created`` once in beta, at the right moment.
    """
    if isinstance(event, UnknownEvent):
        return [msgspec.json.encode(_server_payload(event.type, event)).decode()]
    name = event.wire_type
    payload = _server_payload(name, event)
    if target is Dialect.BETA:
        if name in dialect.GA_ONLY_SERVER_EVENTS:
            return []
        payload = dialect.turn(payload, dialect.SERVER_SHAPES, target)
        payload["type"] = dialect.BETA_SERVER_NAMES.get(name, name)
        for field in dialect.GA_ONLY_SERVER_FIELDS.get(name, ()):
            payload.pop(field, None)
    return [msgspec.json.encode(payload).decode()]


def _is_larger(message: str, limit_bytes: int) -> bool:
    if len(message) * UTF8_MAX_BYTES_PER_CHAR <= limit_bytes:
        return False
    return len(message) > limit_bytes or len(message.encode()) > limit_bytes


def _is_deeper(message: str, limit: int) -> bool:
    """Tell whether brackets nest deeper than ``limit``: in linear time, and at no cost for short messages."""
    if message.count("{") + message.count("[") <= limit:
        return False
    depth = 0
    for bracket in _NO_BRACKETS.sub("", _STRING.sub("", message)):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            return True
    return False


def _json_object(message: str | bytes) -> JsonObject:
    try:
        return _OBJECT.decode(message)
    except msgspec.DecodeError as error:  # what the envelope skipped: bad escapes, numbers out of range
        raise Malformed(f"not JSON: {error}") from error


def _decoded_slowly(message: str | bytes, event: type[ServerEvent]) -> ServerEvent:
    payload = dialect.turn(_json_object(message), dialect.SERVER_SHAPES, Dialect.GA)
    try:
        return msgspec.convert(payload, event)
    except msgspec.ValidationError:
        pass  # null where a value belongs, 3.0 for 3: look again without them
    try:
        return msgspec.convert(_tidied(payload), event)
    except msgspec.ValidationError as error:
        complaint = malformed.from_validation(error)
        raise Malformed(
            f"{event.wire_type}: {complaint}", code=complaint.code, param=complaint.param
        ) from error


def _tidied(value: object) -> object:
    """Return ``value`` without null members of objects, and with whole floats as integers."""
    if isinstance(value, dict):
        return {key: _tidied(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_tidied(member) for member in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _client_payload(event: ClientEvent) -> JsonObject:
    payload = _payload(event.wire_type, event)
    return {key: value for key, value in payload.items() if value is not None}


def _server_payload(name: str, event: ServerEvent) -> JsonObject:
    """Return an event as GA says it: null only where an item has no predecessor."""
    payload = _payload(name, event)
    return {key: value for key, value in payload.items() if value is not None or key == "previous_item_id"}


def _payload(name: str, event: ServerEvent | ClientEvent) -> JsonObject:
    payload: JsonObject = {"type": name, **msgspec.to_builtins(event)}
    response = payload.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    for item in (payload.get("item"), *(output or ())):
        if isinstance(item, dict) and item.get("type") == "message":
            item.setdefault("content", [])  # a message has content, if empty; other items have none
    return payload
