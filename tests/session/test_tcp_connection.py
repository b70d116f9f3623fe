"""Name lookup and the race between addresses, with real sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.session import tcp_connection
from edge_agent.session.tcp_connection import (
    Address,
    NameNotResolved,
    NotConnected,
    addresses_of,
    by_turns,
    connect,
    connect_to_first,
    is_stuck,
)
from tests.session.peer_server import PATIENCE_S

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6


def address_of(listener: socket.socket) -> Address:
    return Address(IPV4, listener.getsockname())


@pytest.fixture
def full_house() -> Iterator[socket.socket]:
    """A listener that takes no connection and refuses none: its queue is full, so SYNs are dropped."""
    with ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener


@pytest.fixture
def black_hole(full_house: socket.socket) -> Address:
    """Where packets go and nothing comes back."""
    return address_of(full_house)


@pytest.fixture
def open_door() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield address_of(listener)


@pytest.fixture
def closed_door() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return address_of(taken)


async def peer_of(addresses: list[Address]) -> object:
    async with asyncio.timeout(PATIENCE_S):
        connection = await connect_to_first(addresses)
    with connection:
        return connection.getpeername()


# Names


async def test_localhost_is_this_machine_without_a_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    found = await addresses_of("localhost", 80)
    assert found == [(IPV4, ("127.0.0.1", 80)), (IPV6, ("::1", 80))]


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", (IPV4, ("127.0.0.1", 80))), ("::1", (IPV6, ("::1", 80, 0, 0)))],
)
async def test_an_address_stands_for_itself(host: str, address: object) -> None:
    assert await addresses_of(host, 80) == [address]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "two..dots.example"])
async def test_what_can_be_no_name_is_not_resolved(host: str) -> None:
    with pytest.raises(NameNotResolved):
        await addresses_of(host, 80)


async def test_what_the_resolver_finds_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, black_hole: Address, open_door: Address
) -> None:
    infos = [(family, socket.SOCK_STREAM, 0, "", there) for family, there in (black_hole, open_door)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    async with asyncio.timeout(PATIENCE_S):
        connection = await connect("two.example", 1)
    with connection:
        assert connection.getpeername() == open_door.sockaddr


# Order


def test_families_take_turns_and_the_favourite_begins() -> None:
    six = [Address(IPV6, (f"2001:db8::{n}", 1, 0, 0)) for n in range(3)]
    four = [Address(IPV4, (f"192.0.2.{n}", 1)) for n in range(2)]
    assert by_turns([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert by_turns([*four, *six]) == [four[0], six[0], four[1], six[1], six[2]]


@given(st.lists(st.builds(Address, st.sampled_from([IPV4, IPV6]), st.tuples(st.integers()))))
def test_turns_lose_no_address(addresses: list[Address]) -> None:
    assert sorted(by_turns(addresses)) == sorted(addresses)


# The race


async def test_a_refusal_leads_to_the_next_address(closed_door: Address, open_door: Address) -> None:
    assert await peer_of([closed_door, open_door]) == open_door.sockaddr


async def test_an_address_that_swallows_packets_does_not_hold_up_the_others(
    black_hole: Address, open_door: Address
) -> None:
    assert await peer_of([black_hole, black_hole, open_door]) == open_door.sockaddr


async def test_an_address_is_not_given_up_for_being_slow(
    full_house: socket.socket, closed_door: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_connection, "ATTEMPT_DELAY_S", 0.01)
    full_house.setblocking(False)
    with ExitStack() as guests:

        async def let_in() -> None:
            while True:
                guest, _ = await asyncio.get_running_loop().sock_accept(full_house)
                guests.enter_context(guest)

        connecting = asyncio.create_task(peer_of([address_of(full_house), closed_door]))
        await asyncio.wait([connecting], timeout=0.1)  # so that the refusal is likely to come first
        opening = asyncio.create_task(let_in())
        assert await connecting == full_house.getsockname()
        opening.cancel()


async def test_every_socket_but_the_winner_is_closed(
    open_door: Address, black_hole: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []

    class Recorded(socket.socket):
        def __init__(self, family: int, kind: int) -> None:
            super().__init__(family, kind)
            made.append(self)

    monkeypatch.setattr(socket, "socket", Recorded)
    winner = await connect_to_first(list(islice(cycle([black_hole, open_door]), 4)))
    with winner:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(made) >= 2
        assert [each for each in made if each.fileno() >= 0] == [winner]


async def test_the_refusal_is_told_when_nothing_works(closed_door: Address) -> None:
    nowhere = Address(IPV4, ("255.255.255.255", 1))
    with pytest.raises(NotConnected) as caught:
        await connect_to_first([nowhere, closed_door, nowhere])
    assert caught.value.errno == errno.ECONNREFUSED


async def test_no_address_at_all() -> None:
    with pytest.raises(NotConnected):
        await connect_to_first([])


async def test_a_connection_that_is_acknowledged_or_closed_is_not_stuck(open_door: Address) -> None:
    connection = await connect_to_first([open_door])
    connection.send(b"hello")
    await asyncio.sleep(0)
    assert not is_stuck(connection)
    connection.close()
    assert not is_stuck(connection)
