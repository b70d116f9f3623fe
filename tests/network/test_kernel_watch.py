"""What the kernel tells, of a real namespace whose addresses change."""

from __future__ import annotations

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from edge_agent.network.kernel_watch import KernelWatch
from tests.network.wires import DEVICE, Wires, wires
from tests.session.peer_server import eventually


def netlink() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)


async def heard_while(lines: Wires, harm: str) -> list[str]:
    """Listen in the device's namespace while something is done to it."""
    told: list[str] = []
    watch = KernelWatch(told.append)
    inside = lines.call(DEVICE, netlink)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", lambda *_: inside)
        watch.start()
    try:
        await asyncio.to_thread(getattr(lines, harm))
        await eventually(lambda: any(what.startswith("default route") for what in told))
    finally:
        watch.close()
        watch.close()
    return told


async def test_new_address_and_route_are_told_at_once() -> None:
    with wires() as lines:
        told = await heard_while(lines, "change_address")
    assert told[0] == "address 10.77.0.3"
    assert told[1].startswith("default route by 10.77.0.1")
    assert len(told) == 2


async def test_link_that_comes_back_is_told() -> None:
    with wires() as lines:
        await asyncio.to_thread(lines.unplug)
        told = await heard_while(lines, "plug_in")
    assert any(what.startswith("default route by 10.77.0.1") for what in told)


class Crowded:
    """A socket whose queue ran over."""

    def __init__(self) -> None:
        self.errors = [errno.ENOBUFS]

    def recv(self, _: int) -> bytes:
        if self.errors:
            raise OSError(self.errors.pop(), "")
        raise BlockingIOError


async def test_messages_that_were_lost_are_told_as_a_change() -> None:
    told: list[str] = []
    watch = KernelWatch(told.append)
    watch._socket = Crowded()  # type: ignore[assignment]  # has what is used of a socket
    watch._read()
    assert told == ["more changes than the kernel could tell"]
    watch._socket = None


async def test_kernel_that_refuses_is_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    watch = KernelWatch(lambda _: None)
    watch.start()
    watch.close()
    assert "noticed late" in caplog.text


def test_the_unit_allows_what_is_listened_to() -> None:
    unit = Path("systemd/edge-agent.service").read_text()
    assert "AF_NETLINK" in next(line for line in unit.splitlines() if "RestrictAddressFamilies" in line)
