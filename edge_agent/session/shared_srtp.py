"""One SRTP session for two threads: the event loop's, with aiortc in it, and one of our own."""

from __future__ import annotations

import threading
from typing import Any


class SharedSrtp:
    """A ``pylibsrtp.Session``, asked by one thread at a time. Each call takes some microseconds.

    All methods raise what the session raises (``pylibsrtp.Error``).
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()

    def protect(self, packet: bytes) -> bytes:
        """Encrypt RTP."""
        with self._lock:
            return bytes(self._session.protect(packet))

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt RTCP."""
        with self._lock:
            return bytes(self._session.protect_rtcp(packet))

    def unprotect(self, packet: bytes) -> bytes:
        """Decrypt RTP."""
        with self._lock:
            return bytes(self._session.unprotect(packet))

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Decrypt RTCP."""
        with self._lock:
            return bytes(self._session.unprotect_rtcp(packet))
