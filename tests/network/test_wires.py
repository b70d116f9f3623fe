"""The network that the other tests stand on: what it carries, what it loses, and that nothing of it stays."""

from __future__ import annotations

import socket
import time

import pytest

from tests.network.place import COUNTING, place
from tests.network.wires import DEVICE, NAMESPACES, SERVER, SERVER_ADDRESS, Wires, wires

PORT = 9000
WAIT_S = 0.3
"""A packet of this machine arrives within a millisecond; one that is lost never does."""


def udp_arrives(lines: Wires) -> bool:
    """Send one datagram from the device to the server."""
    receiver = lines.call(SERVER, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with receiver:
        receiver.bind((SERVER_ADDRESS, PORT))
        receiver.settimeout(WAIT_S)
        with lines.call(DEVICE, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            try:
                sender.sendto(b"hello", (SERVER_ADDRESS, PORT))
                return receiver.recv(16) == b"hello"
            except (TimeoutError, OSError):
                return False


def tcp_connects(lines: Wires) -> bool:
    """Open a connection from the device to the server."""
    with lines.call(SERVER, socket.socket) as listener:
        listener.bind((SERVER_ADDRESS, PORT))
        listener.listen()
        with lines.call(DEVICE, socket.socket) as client:
            client.settimeout(WAIT_S)
            try:
                client.connect((SERVER_ADDRESS, PORT))
            except OSError:
                return False
            return True


def test_wires_carry_and_lose_what_they_are_told() -> None:
    with wires() as lines:
        assert udp_arrives(lines)
        assert tcp_connects(lines)
        lines.drop_udp()
        assert not udp_arrives(lines)
        assert tcp_connects(lines)
        lines.mend()
        lines.cut()
        assert not udp_arrives(lines)
        assert not tcp_connects(lines)
        lines.mend()
        lines.change_address()
        assert udp_arrives(lines)
        lines.unplug()
        assert not udp_arrives(lines)
        lines.plug_in()
        assert udp_arrives(lines)


def test_wires_are_removed_even_after_a_failure() -> None:
    names: list[str] = []

    def fail() -> None:
        with wires() as lines:
            names.append(lines.namespace(DEVICE))
            assert (NAMESPACES / names[0]).exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (NAMESPACES / names[0]).exists()


def test_daemon_hears_a_server_on_another_machine() -> None:
    with place() as there:
        there.daemon.seen.wait_for_state("ready")
        asked_at = time.monotonic()
        there.server.say(COUNTING)
        there.ear.wait_for_sound(asked_at)
