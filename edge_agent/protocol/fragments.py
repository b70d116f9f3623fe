"""Messages inside messages, as speaches sends them: base64 in small pieces, whatever the event's size.

``{"type": "full_message", "id", "data"}`` holds a whole event, ``{"type": "partial_message", "id", "data",
"fragment_index", "total_fragments"}`` a piece of one (speaches, ``routers/realtime_rtc.py``). The channel is
reliable and ordered and pieces of one event follow each other, so anything else is an error, not a wait.
"""

from __future__ import annotations

import base64

import msgspec

from edge_agent.protocol.codec import MAX_MESSAGE_BYTES, wire_type_of
from edge_agent.protocol.malformed import Malformed, from_validation
from edge_agent.protocol.objects import Integer


class _Piece(msgspec.Struct, frozen=True):
    id: str
    data: str
    fragment_index: Integer = 0
    total_fragments: Integer = 1


_PIECE = msgspec.json.Decoder(_Piece)
_WRAPPERS = frozenset({"full_message", "partial_message"})


class Unwrapper:
    """Takes events out of their wrappers. Holds pieces of one event at most, ``limit_bytes`` of them."""

    def __init__(self, limit_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._id = ""
        self._pieces: list[str] = []

    def unwrap(self, message: str | bytes) -> str | bytes | None:
        """Return the event that is complete with ``message``, or None while pieces are missing.

        A message that is no wrapper comes back as it is. Raises Malformed, and forgets the unfinished event,
        for a piece out of order, for too many, and for data that is not base64 of UTF-8 text.
        """
        if wire_type_of(message, self._limit_bytes) not in _WRAPPERS:
            return message
        try:
            piece = _PIECE.decode(message)
        except msgspec.ValidationError as error:
            raise from_validation(error) from error
        pieces, self._pieces = self._pieces, []
        if piece.fragment_index == 0:
            pieces = []
        elif piece.id != self._id or piece.fragment_index != len(pieces):
            raise Malformed("a fragment is missing")
        pieces.append(piece.data)
        if sum(map(len, pieces)) > base64_length(self._limit_bytes):
            raise Malformed(f"fragments of more than {self._limit_bytes} bytes")
        if len(pieces) >= piece.total_fragments:
            return _text("".join(pieces))
        self._id, self._pieces = piece.id, pieces
        return None


def base64_length(size_bytes: int) -> int:
    """Return how many characters base64 needs for ``size_bytes`` (RFC 4648 section 4)."""
    return (size_bytes + 2) // 3 * 4


def _text(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError as error:
        raise Malformed("fragments are not base64 of UTF-8 text") from error
