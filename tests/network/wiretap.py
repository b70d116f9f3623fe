"""What leaves a machine: the kernel's counters of one link, and what its packets were."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import threading
from collections import Counter

from tests.network.wires import COMMAND_LIMIT_S, Wires

ALL_PROTOCOLS = 0x0003
"""ETH_P_ALL of packet(7)."""

ETHERNET_BYTES, UDP_BYTES = 14, 8
ARP, IPV4 = b"\x08\x06", b"\x08\x00"
UDP, TCP = 17, 6
SEEN_LIMIT = 65_536
LOOK_AGAIN_S = 0.2


class Wiretap:
    """Listens at ``link`` in the namespace of ``who``, from :meth:`begin` until it is closed.

    The bytes are the kernel's, with every header; the kinds of the packets are read beside it.
    """

    def __init__(self, wires: Wires, who: str, link: str) -> None:
        self._wires, self._who, self._link = wires, who, link
        self.kinds: Counter[str] = Counter()
        """How many packets of each kind have left; ``sound``: RTP."""
        self._sent_before = 0
        self._ended = threading.Event()
        self._socket = wires.call(who, self._open)
        self._thread = threading.Thread(target=self._listen, name="wiretap")
        self._thread.start()

    def begin(self) -> None:
        """Count from now on."""
        self.kinds.clear()
        self._sent_before = self._sent()

    @property
    def sent_bytes(self) -> int:
        """How much has left since the beginning, as the kernel counts it."""
        return self._sent() - self._sent_before

    def close(self) -> None:
        """Listen no longer."""
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _open(self) -> socket.socket:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        tap.bind((self._link, 0))
        return tap

    def _sent(self) -> int:
        namespace = self._wires.namespace(self._who)
        command = ["ip", "-n", namespace, "-s", "-j", "link", "show", self._link]
        shown = subprocess.run(command, check=True, capture_output=True, timeout=COMMAND_LIMIT_S)
        (link,) = json.loads(shown.stdout)
        return int(link["stats64"]["tx"]["bytes"])

    def _listen(self) -> None:
        while not self._ended.is_set():
            if select.select([self._socket], [], [], LOOK_AGAIN_S)[0]:
                frame, address = self._socket.recvfrom(SEEN_LIMIT)
                if address[2] == socket.PACKET_OUTGOING:
                    self.kinds[kind_of(frame)] += 1


def kind_of(frame: bytes) -> str:
    """Name what one Ethernet frame carries."""
    ether_type, packet = frame[12:ETHERNET_BYTES], frame[ETHERNET_BYTES:]
    if ether_type != IPV4:
        return "ARP" if ether_type == ARP else f"EtherType {ether_type.hex()}"
    payload = packet[(packet[0] & 15) * 4 + UDP_BYTES :]
    if packet[9] != UDP:
        return "TCP" if packet[9] == TCP else f"IP protocol {packet[9]}"
    # RFC 7983 section 7, and RFC 5761 section 4 for RTCP.
    if not payload or not 127 < payload[0] < 192:
        return "UDP without sound"
    return "RTCP" if 192 <= payload[1] < 224 else "sound"
