"""The kernel's messages about addresses and routes, read from bytes: rtnetlink(7).

Only what opens or closes a way into the network counts: addresses that others can reach, and default routes.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct("=LHHLL")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")

NEW_ADDRESS, DELETED_ADDRESS, NEW_ROUTE, DELETED_ROUTE = 20, 21, 24, 25
"""RTM_NEWADDR and so on, of <linux/rtnetlink.h>."""

_IFA_ADDRESS, _IFA_LOCAL, _RTA_OUT, _RTA_GATEWAY = 1, 2, 4, 5
_EVERYWHERE = 0
"""RT_SCOPE_UNIVERSE: not bound to this machine or link."""
_MAIN_TABLE, _UNICAST = 254, 1


@dataclass(frozen=True, slots=True)
class Change:
    """A way into the network has come or gone; ``what`` is its name, the same for both."""

    what: str
    is_there: bool


def changes_in(datagram: bytes) -> Iterator[Change]:
    """Yield what a datagram tells, in order. Bytes that make no sense end it; nothing is raised."""
    position = 0
    while position + _HEADER.size <= len(datagram):
        length, kind, *_ = _HEADER.unpack_from(datagram, position)
        if not _HEADER.size <= length <= len(datagram) - position:
            return
        change = _change(kind, datagram[position + _HEADER.size : position + length])
        if change is not None:
            yield change
        position += _aligned(length)


def _change(kind: int, body: bytes) -> Change | None:
    if kind in (NEW_ADDRESS, DELETED_ADDRESS) and len(body) >= _ADDRESS.size:
        *_, scope, _ = _ADDRESS.unpack_from(body)
        attributes = _attributes(body[_ADDRESS.size :])
        address = _shown(attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS))
        if scope == _EVERYWHERE and address:
            return Change(f"address {address}", kind == NEW_ADDRESS)
    if kind in (NEW_ROUTE, DELETED_ROUTE) and len(body) >= _ROUTE.size:
        _, prefix_bits, _, _, table, _, _, route_type, _ = _ROUTE.unpack_from(body)
        attributes = _attributes(body[_ROUTE.size :])
        gateway = _shown(attributes.get(_RTA_GATEWAY)) or "nobody"
        if prefix_bits == 0 and table == _MAIN_TABLE and route_type == _UNICAST:
            link = int.from_bytes(attributes.get(_RTA_OUT, b""), "little")
            return Change(f"default route by {gateway} at link {link}", kind == NEW_ROUTE)
    return None


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if not _ATTRIBUTE.size <= length <= len(data) - position:
            break
        found[kind] = data[position + _ATTRIBUTE.size : position + length]
        position += _aligned(length)
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _shown(packed: bytes | None) -> str:
    return str(ipaddress.ip_address(packed)) if packed is not None and len(packed) in (4, 16) else ""
