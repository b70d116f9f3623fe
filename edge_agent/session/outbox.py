"""What waits to be sent over a WebSocket: events and sound in one order, as a commit follows its sound."""

from __future__ import annotations

import asyncio
import binascii
from collections import deque

SOUND_LIMIT = 125
"""Packets of sound that may wait: 5 s of 40 ms each. A path that stands still for longer is about to end."""

EVENTS_LIMIT_BYTES = 1024 * 1024
"""Events that may wait for a path that does not carry them."""

_APPEND_BEGIN = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_END = b'"}'


class Outbox:
    """First in, first out. Overflow rules: of sound the oldest is dropped, an event is refused.

    For one loop and one reader.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._changed = asyncio.Event()
        self._waiting_sound = 0
        self._waiting_bytes = 0
        self.sound_dropped = 0
        self.sound_sent = 0
        self.sound_sent_bytes = 0
        """Samples, without what carries them."""

    def put_event(self, text: str) -> bool:
        """Queue one event; False if too much waits already."""
        data = text.encode()
        if self._waiting_bytes + len(data) > EVENTS_LIMIT_BYTES:
            return False
        self._waiting_bytes += len(data)
        self._put(data, is_sound=False)
        return True

    def put_sound(self, pcm: bytes) -> None:
        """Queue one packet of sound."""
        if self._waiting_sound == SOUND_LIMIT:
            self._drop_oldest_sound()
        self._waiting_sound += 1
        self._put(pcm, is_sound=True)

    async def get(self) -> bytes:
        """Wait for the next message and return it, as JSON."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        data, is_sound = self._waiting.popleft()
        if not is_sound:
            self._waiting_bytes -= len(data)
            return data
        self._waiting_sound -= 1
        self.sound_sent += 1
        self.sound_sent_bytes += len(data)
        return _APPEND_BEGIN + binascii.b2a_base64(data, newline=False) + _APPEND_END

    def _put(self, data: bytes, *, is_sound: bool) -> None:
        self._waiting.append((data, is_sound))
        self._changed.set()

    def _drop_oldest_sound(self) -> None:
        oldest = next(at for at, (_, is_sound) in enumerate(self._waiting) if is_sound)
        del self._waiting[oldest]
        self._waiting_sound -= 1
        self.sound_dropped += 1
