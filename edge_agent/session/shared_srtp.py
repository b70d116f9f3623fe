"""One SRTP session for two threads: the event loop's, with aiortc in it, and one of our own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Crypt = Callable[[bytes], bytes]


class SharedSrtp:
    """A ``pylibsrtp.Session``, asked by one thread at a time. Each call takes some microseconds.

    All calls raise what the session's own raise (``pylibsrtp.Error``).
    """

    def __init__(self, session: Any) -> None:
        lock = threading.Lock()
        self.protect = _alone(session.protect, lock)
        self.unprotect = _alone(session.unprotect, lock)
        self.protect_rtcp = _alone(session.protect_rtcp, lock)
        self.unprotect_rtcp = _alone(session.unprotect_rtcp, lock)


def _alone(crypt: Crypt, lock: threading.Lock) -> Crypt:
    def crypt_alone(packet: bytes) -> bytes:
        with lock:
            return crypt(packet)

    return crypt_alone
