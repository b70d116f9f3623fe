"""The seam between a call and what carries it: WebRTC, or a WebSocket.

A call decides and keeps the books; a carrier knows sockets, and tells the call what comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from edge_agent.server.voice import Speech


class Channel(Protocol):
    """The way out for events."""

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the network."""

    def send(self, message: str | bytes) -> None:
        """Send one message. Raises ValueError for one that is larger than the client takes."""

    def send_as_text(self, data: bytes) -> None:
        """Send ``data`` as a text message, whatever it is and however large."""


class Caller(Protocol):
    """What a carrier tells its call. All calls are made in the event loop's thread."""

    def channel_opened(self, channel: Channel) -> None:
        """Events can come and go from now on; once only."""

    def message_came(self, message: str | bytes) -> None:
        """The client sent one message."""

    def sound_came(self, pcm: bytes) -> None:
        """The client's microphone: 16 kHz mono s16le, any length."""

    def frame_came(self) -> None:
        """Another piece of the client's sound arrived: it is counted."""

    def answer_started(self, response_id: str) -> None:
        """The first packet of an answer has left."""

    def answer_drained(self, response_id: str) -> None:
        """The last packet of an answer has left."""

    def carrier_lost(self) -> None:
        """The client has gone."""

    def keep(self, work: Coroutine[None, None, None]) -> None:
        """Own ``work`` until it ends, or the call does."""

    def keep_task(self, task: asyncio.Task[None]) -> None:
        """The same for a task that runs already."""


class Carrier(Protocol):
    """One connection to a client."""

    @property
    def packets_sent(self) -> int:
        """How many packets of sound have left."""

    def play(self, response_id: str, speech: Speech) -> None:
        """Take the sound of a response: it is sent at its own pace, or as :meth:`stream` says."""

    def stream(self, response_id: str, until_ms: int) -> bytes:
        """Return what of the response's sound has not been given out up to ``until_ms``: 24 kHz mono s16le.

        For carriers without a pace of their own.
        """

    def stop_playing(self) -> None:
        """Throw away all sound that has not left."""

    def set_idle(self, *, pauses: bool) -> None:
        """Send silence between answers, or nothing at all."""

    def stop_sound(self) -> None:
        """Send no sound any more, while everything else goes on: a fault on order."""

    def send_empty(self) -> None:
        """Send one packet of sound without any in it: a fault on order."""

    def ignore_checks(self) -> None:
        """Answer no more questions for a sign of life: a fault on order."""

    def open_late(self, delay_s: float) -> None:
        """Open the channel late: a fault on order."""

    def cut_off(self) -> None:
        """Send and hear nothing any more, without a word: a fault on order."""

    async def close(self) -> None:
        """End the connection. The caller has a deadline."""
