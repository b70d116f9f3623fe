"""Between a WebSocket and a session: sound is taken out of the events, and what is heard is put into them.

A server that does not play the sound itself says nothing of ``output_audio_buffer.*`` and does not know what
was heard of an answer. Both are added here, so that a session is the same whatever carries it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import msgspec

from edge_agent.core.playout.streamed import Began, CutOff, Ended, Note, Piece, Unheard
from edge_agent.protocol.client_events import ConversationItemTruncate, OutputAudioBufferClear
from edge_agent.protocol.codec import (
    Malformed,
    decode_server_event,
    encode_client_event,
    encode_server_event,
    wire_type_of,
)
from edge_agent.protocol.dialect import GA_SERVER_NAMES
from edge_agent.protocol.server_events import (
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
)
from edge_agent.session.transport import AnswerStream

SAMPLE_BYTES = 2

LOOKED_AT = frozenset(event.wire_type for event in (ResponseCreated, ResponseDone, ResponseOutputAudioDelta))
"""What says something about the sound; all other events pass unread."""


class AnswerEvents:
    """The events of one session. ``hear`` gets what the session is told, ``ask`` what the server is.

    All methods are called in the event loop's thread.
    """

    def __init__(self, limit_bytes: int, hear: Callable[[str], None], ask: Callable[[str], object]) -> None:
        self._limit_bytes = limit_bytes
        self._hear = hear
        self._ask = ask
        self._stream: AnswerStream | None = None
        self.deltas_empty = 0

    def play_on(self, stream: AnswerStream | None) -> None:
        """Give the sound to ``stream`` from now on; None: drop it."""
        self._stream = stream

    def server_said(self, message: str) -> None:
        """Take one message of the server."""
        try:
            wire_type = wire_type_of(message, self._limit_bytes)
            if GA_SERVER_NAMES.get(wire_type, wire_type) not in LOOKED_AT:
                self._hear(message)
                return
            event = decode_server_event(message, self._limit_bytes).event
        except Malformed:
            self._hear(message)  # whose reader says what is wrong with it
            return
        self._look_at(event, message, wire_type)

    def takes(self, text: str) -> bool:
        """Carry out what the session asks of a server that plays the sound itself; False for all else."""
        if wire_type_of(text) != OutputAudioBufferClear.wire_type:
            return False
        if self._stream is not None:
            self._stream.cut_off()
        return True

    def noted(self, note: Note) -> None:
        """Something has happened to the sound: tell whom it concerns."""
        match note:
            case Began(response_id=response_id):
                self._tell(OutputAudioBufferStarted(response_id=response_id))
            case Ended(response_id=response_id):
                self._tell(OutputAudioBufferStopped(response_id=response_id))
            case CutOff(response_id=response_id):
                self._tell(OutputAudioBufferCleared(response_id=response_id))
            case Unheard(piece=piece, played_ms=played_ms) if piece.item_id:
                self._ask(
                    encode_client_event(
                        ConversationItemTruncate(
                            item_id=piece.item_id, content_index=piece.content_index, audio_end_ms=played_ms
                        )
                    )
                )
            case _:
                pass

    def _look_at(self, event: ServerEvent, message: str, wire_type: str) -> None:
        match event:
            case ResponseOutputAudioDelta():
                self._take_sound(event)
                # Progress, without what makes it large; by the name that it came under.
                (text,) = encode_server_event(msgspec.structs.replace(event, delta=""))
                self._hear(text.replace(event.wire_type, wire_type, 1))
                return
            case ResponseCreated(response=response) if self._stream is not None:
                self._stream.begin(response.id)
            case ResponseDone(response=response) if self._stream is not None:
                self._stream.finish(response.id)
            case _:
                pass
        self._hear(message)

    def _take_sound(self, event: ResponseOutputAudioDelta) -> None:
        try:
            pcm = base64.b64decode(event.delta)
        except binascii.Error:
            pcm = b""
        pcm = pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES]
        if not pcm:
            self.deltas_empty += 1
        elif self._stream is not None:
            self._stream.put(Piece(event.response_id, event.item_id, event.content_index), pcm)

    def _tell(self, event: ServerEvent) -> None:
        for text in encode_server_event(event):
            self._hear(text)
