from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.network.route_messages import (
    DELETED_ADDRESS,
    DELETED_ROUTE,
    NEW_ADDRESS,
    NEW_ROUTE,
    Change,
    changes_in,
)

FAMILY = 2


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=LHHLL", 16 + len(body), kind, 0, 0, 0) + body


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def address_message(kind: int, address: str, scope: int = 0) -> bytes:
    body = struct.pack("=BBBBI", FAMILY, 24, 0, scope, 3)
    return message(kind, body + attribute(1, packed(address)) + attribute(2, packed(address)))


def route_message(kind: int, gateway: str, prefix_bits: int = 0, table: int = 254) -> bytes:
    body = struct.pack("=BBBBBBBBI", FAMILY, prefix_bits, 0, 0, table, 3, 0, 1, 0)
    return message(kind, body + attribute(5, packed(gateway)) + attribute(4, struct.pack("=I", 3)))


def test_addresses_come_and_go() -> None:
    datagram = address_message(NEW_ADDRESS, "192.0.2.7") + address_message(DELETED_ADDRESS, "2001:db8::7")
    assert list(changes_in(datagram)) == [
        Change("address 192.0.2.7", True),
        Change("address 2001:db8::7", False),
    ]


def test_default_routes_come_and_go() -> None:
    datagram = route_message(NEW_ROUTE, "192.0.2.1") + route_message(DELETED_ROUTE, "192.0.2.1")
    name = "default route by 192.0.2.1 at link 3"
    assert list(changes_in(datagram)) == [Change(name, True), Change(name, False)]


def test_addresses_of_this_machine_or_link_alone_do_not_count() -> None:
    host, link = 254, 253
    assert not list(changes_in(address_message(NEW_ADDRESS, "127.0.0.1", host)))
    assert not list(changes_in(address_message(NEW_ADDRESS, "fe80::1", link)))


def test_other_routes_and_tables_do_not_count() -> None:
    assert not list(changes_in(route_message(NEW_ROUTE, "192.0.2.1", prefix_bits=24)))
    assert not list(changes_in(route_message(NEW_ROUTE, "192.0.2.1", table=255)))


def test_other_messages_are_passed_over() -> None:
    link_is_new = 16
    datagram = message(link_is_new, b"\0" * 16) + address_message(NEW_ADDRESS, "192.0.2.7")
    assert list(changes_in(datagram)) == [Change("address 192.0.2.7", True)]


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_raise_nothing(datagram: bytes) -> None:
    list(changes_in(datagram))


@given(st.integers(0, 200))
def test_message_that_is_cut_short_raises_nothing(length: int) -> None:
    whole = address_message(NEW_ADDRESS, "192.0.2.7") + route_message(NEW_ROUTE, "192.0.2.1")
    list(changes_in(whole[:length]))
