"""A TCP connection to a named machine: name lookup, then a race between its addresses."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from itertools import zip_longest
from typing import NamedTuple

from edge_agent.session.daemon_thread import in_daemon_thread

ATTEMPT_DELAY_S = 0.25
"""Head start of an address before the next is tried as well (RFC 8305 section 5 recommends this)."""


RETRANSMITS_AT = 2
"""Where ``tcpi_retransmits`` stands in ``tcp_info``."""


class NameNotResolved(OSError):
    """There is no address for a name, or no name server to ask."""


class NotConnected(OSError):
    """No address could be reached. ``errno`` is the system's reason if there is one, else None."""


class Address(NamedTuple):
    """Where to connect, as the socket functions want it."""

    family: int
    sockaddr: tuple[object, ...]


def is_stuck(connection: socket.socket) -> bool:
    """Whether the system has sent data again and the other side's has not acknowledged them yet.

    A system whose program is frozen acknowledges. The third byte of ``tcp_info`` counts what was sent again
    in a row (``tcpi_retransmits``, linux/tcp.h). False where the system does not say.
    """
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RETRANSMITS_AT + 1)[-1] > 0
    except OSError:  # it has been closed
        return False


async def connect(host: str, port: int) -> socket.socket:
    """Return a connected, non-blocking socket. Raises NameNotResolved and NotConnected. Has no deadline."""
    return await connect_to_first(by_turns(await addresses_of(host, port)))


async def addresses_of(host: str, port: int) -> list[Address]:
    """Look ``host`` up. Raises NameNotResolved.

    getaddrinfo can't be cancelled and may take half a minute without a name server. ``localhost`` is this
    machine by definition (RFC 6761 section 6.3), since plain http is allowed to it.
    """
    if host == "localhost":
        return [Address(socket.AF_INET, ("127.0.0.1", port)), Address(socket.AF_INET6, ("::1", port))]

    def look_up() -> list[Address]:
        # An address as such needs no name server, and AI_ADDRCONFIG may refuse ::1 where there is no other.
        flags = socket.AI_NUMERICHOST if _is_address(host) else socket.AI_ADDRCONFIG
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return [Address(family, sockaddr) for family, _, _, _, sockaddr in infos]

    try:
        return await in_daemon_thread("name-lookup", look_up)
    except (OSError, UnicodeError) as error:
        raise NameNotResolved(str(error)) from error


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def by_turns(addresses: Sequence[Address]) -> list[Address]:
    """Put the address families in turns, the resolver's favourite first (RFC 8305 section 4).

    With the turns, a network that loses all IPv6 packets costs one ATTEMPT_DELAY_S, not one for each address.
    """
    favourite = [address for address in addresses if address.family == addresses[0].family]
    others = [address for address in addresses if address.family != addresses[0].family]
    return [each for pair in zip_longest(favourite, others) for each in pair if each is not None]


async def connect_to_first(addresses: Sequence[Address]) -> socket.socket:
    """Return a socket connected to the address that answers first. Raises NotConnected if none does.

    An attempt begins when the one before it has failed or had ATTEMPT_DELAY_S, and none is given up before
    another has worked (RFC 8305 section 5): a network that is only slow still connects.
    """
    race: list[asyncio.Task[socket.socket]] = []
    try:
        winner = await _winner(race, deque(addresses))
        race.remove(winner)
        return winner.result()
    finally:
        for attempt in race:
            attempt.cancel()
            attempt.add_done_callback(_forget)


async def _winner(
    race: list[asyncio.Task[socket.socket]], waiting: deque[Address]
) -> asyncio.Task[socket.socket]:
    """Run the race. Every attempt is in ``race``, whatever comes of it."""
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    while waiting or running:
        if waiting:
            race.append(asyncio.create_task(_attempt(waiting.popleft())))
            running.add(race[-1])
        delay_s = ATTEMPT_DELAY_S if waiting else None
        done, running = await asyncio.wait(running, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
        for attempt in done:
            failure = attempt.exception()
            if failure is None:
                return attempt
            failures.append(failure)
    raise _reason(failures)


async def _attempt(address: Address) -> socket.socket:
    with ExitStack() as unconnected:
        connection = unconnected.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address.sockaddr)
        unconnected.pop_all()
    return connection


def _forget(attempt: asyncio.Task[socket.socket]) -> None:
    """Close what connected beside the winner, or after everybody has gone."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _reason(failures: Sequence[BaseException]) -> NotConnected:
    """Choose what to tell: a refusal says most, because that machine is there."""
    known = [failure for failure in failures if isinstance(failure, OSError) and failure.errno]
    known.sort(key=lambda failure: not isinstance(failure, ConnectionRefusedError))
    if not known:
        return NotConnected("no address could be tried")
    return NotConnected(known[0].errno, known[0].strerror)
