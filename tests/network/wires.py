"""Three network namespaces in a row, device - router - server, and what can go wrong between them.

::

    device 10.77.0.2/24 --- 10.77.0.1 router 10.77.1.1 --- 10.77.1.2/24 server

Nothing of it touches the machine's own network, and several rows may stand at once: the names hold the
process and a number, the addresses are seen by nobody else. The machine's part is IPv4 alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

DEVICE, ROUTER, SERVER = "device", "router", "server"
DEVICE_ADDRESS = "10.77.0.2"
OTHER_DEVICE_ADDRESS = "10.77.0.3"
SERVER_ADDRESS = "10.77.1.2"
_DEVICES_GATEWAY, _SERVERS_GATEWAY = "10.77.0.1", "10.77.1.1"

COMMAND_LIMIT_S = 30.0
NAMESPACES = Path("/run/netns")
"""Where ip-netns(8) keeps them."""

_numbers = itertools.count(1)


class Wires:
    """One row of namespaces. Use it as ``with wires() as mine``."""

    def __init__(self) -> None:
        self._stem = f"edge-agent-{os.getpid()}-{next(_numbers)}"
        self._made: list[str] = []

    def namespace(self, who: str) -> str:
        """The name of a namespace, as ``ip netns`` knows it."""
        return f"{self._stem}-{who}"

    def inside(self, who: str) -> list[str]:
        """What goes before a command that is to run in there. It keeps its process id."""
        return ["ip", "netns", "exec", self.namespace(who)]

    def call(self, who: str, function: Callable[[], T]) -> T:
        """Return what ``function`` returns when it is called in there, by a thread of its own."""

        def work() -> T:
            _enter(NAMESPACES / self.namespace(who))
            return function()

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(work).result()

    # -- what goes wrong -----------------------------------------------------------------------------

    def cut(self) -> None:
        """Lose every packet between the two, in silence: neither side sees its own link fall."""
        self._filter("drop")

    def drop_udp(self) -> None:
        """Lose UDP alone, as some firewalls do."""
        self._filter("meta l4proto udp drop")

    def drop_sound(self) -> None:
        """Lose what carries the server's sound, RTP and its reports: RFC 7983 section 7 tells them apart."""
        self._filter(f"ip saddr {SERVER_ADDRESS} meta l4proto udp @th,64,8 128-191 drop")

    def drop_checks(self) -> None:
        """Lose the checks of ICE, both ways, and let everything else through."""
        self._filter("meta l4proto udp @th,64,8 0-3 drop")

    def mend(self) -> None:
        """Let everything through again."""
        _run("ip", "netns", "exec", self.namespace(ROUTER), "nft", "flush", "chain", "inet", "faults", "way")

    def unplug(self) -> None:
        """Take the device's link down, with its routes."""
        self._ip(DEVICE, "link", "set", "lan", "down")

    def plug_in(self) -> None:
        """Bring the device's link up again, and the route that went with it."""
        self._ip(DEVICE, "link", "set", "lan", "up")
        self._ip(DEVICE, "route", "replace", "default", "via", _DEVICES_GATEWAY)

    def change_address(self, new: str = OTHER_DEVICE_ADDRESS) -> None:
        """Give the device another address, as a new lease does."""
        self._ip(DEVICE, "address", "flush", "dev", "lan")
        self._ip(DEVICE, "address", "add", f"{new}/24", "dev", "lan")
        self._ip(DEVICE, "route", "replace", "default", "via", _DEVICES_GATEWAY)

    # -- making and removing -------------------------------------------------------------------------

    def lay(self) -> None:
        """Make the namespaces and what is between them."""
        for who in (DEVICE, ROUTER, SERVER):
            _run("ip", "netns", "add", self.namespace(who))
            self._made.append(who)
            self._switch(who, "ipv6/conf/all/disable_ipv6")
            self._ip(who, "link", "set", "lo", "up")
        self._connect(DEVICE, "lan", f"{DEVICE_ADDRESS}/24", "left", f"{_DEVICES_GATEWAY}/24")
        self._connect(SERVER, "wan", f"{SERVER_ADDRESS}/24", "right", f"{_SERVERS_GATEWAY}/24")
        self._ip(DEVICE, "route", "add", "default", "via", _DEVICES_GATEWAY)
        self._ip(SERVER, "route", "add", "default", "via", _SERVERS_GATEWAY)
        self._switch(ROUTER, "ipv4/ip_forward")
        chain = "table inet faults { chain way { type filter hook forward priority 0; }; }"
        _run(*self.inside(ROUTER), "nft", chain)

    def remove(self) -> None:
        """Remove what was made, whatever its state; links go with their namespaces."""
        while self._made:
            with contextlib.suppress(subprocess.SubprocessError):
                _run("ip", "netns", "delete", self.namespace(self._made.pop()))

    def _connect(self, who: str, link: str, address: str, router_link: str, router_address: str) -> None:
        peer = ("peer", "name", router_link, "netns", self.namespace(ROUTER))
        self._ip(who, "link", "add", link, "type", "veth", *peer)
        for owner, name, its_address in ((who, link, address), (ROUTER, router_link, router_address)):
            self._ip(owner, "address", "add", its_address, "dev", name)
            self._ip(owner, "link", "set", name, "up")

    def _filter(self, rule: str) -> None:
        _run(*self.inside(ROUTER), "nft", f"add rule inet faults way {rule}")

    def _ip(self, who: str, *arguments: str) -> None:
        _run("ip", "-n", self.namespace(who), *arguments)

    def _switch(self, who: str, setting: str) -> None:
        _run(*self.inside(who), "sh", "-c", f"echo 1 >/proc/sys/net/{setting}")


@contextmanager
def wires() -> Iterator[Wires]:
    """Lay wires for the length of the block; skip the test, with the reason, where that is not possible."""
    reason = what_is_missing()
    if reason:
        pytest.skip(reason)
    mine = Wires()
    try:
        mine.lay()
        yield mine
    finally:
        mine.remove()


@functools.cache
def what_is_missing() -> str:
    """Why this machine allows no such network; "" if it does."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for command, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(command) is None:
            return f"{command} is missing: apt install {package}"
    trial = Wires()
    try:
        trial.lay()
    except subprocess.CalledProcessError as error:
        return f"this machine allows no network of its own: {error.stderr.strip() or error}"
    finally:
        trial.remove()
    return ""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)


def _enter(namespace: Path) -> None:
    """Move the calling thread alone (setns(2))."""
    clone_new_net = 0x40000000
    with namespace.open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), clone_new_net) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
