"""What can be heard of an answer: what the server says it plays, and what the loudspeaker really does.

Three clocks that nobody synchronises meet here: the server's ``output_audio_buffer.*`` events, the sound that
arrives beside them, and the device that plays it. An answer is audible as long as one of them says so. It
knows nothing of turns.
"""

from __future__ import annotations

import math

SILENT_ANSWER_LIMIT_S = 5.0
"""A response that the server calls playing, with a silent loudspeaker for so long, is over: its
``output_audio_buffer.stopped`` was lost or its sound never came."""

PAUSE_S = 0.5
"""From a server that never says what it plays, sound that comes back within this time is the same answer.
Together with the playback's hang-over (a quarter of a second) it spans the pause between two sentences."""


class Audible:
    """The loudspeaker, as far as answers go.

    ``tail_s`` is how long a room goes on carrying a sound that has ended. Response ids may be ``""``.
    """

    def __init__(self, tail_s: float) -> None:
        self._tail_s = tail_s
        self._playing: dict[str, float] = {}
        self._heard_id: str | None = None
        self._server_tells = False
        self._is_sounding = False
        self._silent_since = -math.inf
        self._pause_until: float | None = None
        self._rings_until: float | None = None

    @property
    def is_audible(self) -> bool:
        """Whether an answer sounds, pauses, or (as far as the server said) is about to sound."""
        return self._is_sounding or bool(self._playing) or self._pause_until is not None

    @property
    def fills_room(self) -> bool:
        """Whether an open microphone would hear the answer."""
        return self._is_sounding or bool(self._playing) or self._rings_until is not None

    @property
    def rings(self) -> bool:
        """Whether the loudspeaker sounds or the room still does, whatever the server says."""
        return self._is_sounding or self._rings_until is not None

    @property
    def may_be_at_server(self) -> bool:
        """Whether the server may hold more sound: it said so, or it never says and something sounds."""
        return bool(self._playing) or (self.is_audible and not self._server_tells)

    @property
    def newest_id(self) -> str | None:
        """The response that began to play last, among those that the server plays; None if there is none."""
        return next(reversed(self._playing), None)

    @property
    def heard_id(self) -> str | None:
        """The response that played or sounded last in this session; None if there was none."""
        return self._heard_id

    def sounded_within(self, limit_s: float, now: float) -> bool:
        """Whether the loudspeaker sounds, or did within the last ``limit_s``."""
        return self._is_sounding or now - self._silent_since <= limit_s

    def server_started(self, response_id: str, now: float) -> None:
        """The server began to stream the sound of a response."""
        self._server_tells = True
        self._playing[response_id] = now
        self._heard_id = response_id

    def server_ended(self, response_id: str) -> None:
        """The server has streamed all of a response, or has thrown the rest away."""
        self._server_tells = True
        self._playing.pop(response_id, None)

    def sound_started(self, response_id: str) -> None:
        """The loudspeaker became audible, most likely with ``response_id``."""
        self._is_sounding = True
        self._heard_id = response_id
        self._pause_until = self._rings_until = None

    def sound_ended(self, now: float) -> None:
        """The loudspeaker has fallen silent, by itself or because it failed."""
        if not self._is_sounding:
            return
        self._is_sounding = False
        self._silent_since = now
        self._rings_until = now + self._tail_s if self._tail_s else None
        if not self._server_tells:
            self._pause_until = now + PAUSE_S

    def cut_off(self, now: float) -> None:
        """Everything that sounded is thrown away, here and at the server."""
        self._playing.clear()
        self.sound_ended(now)
        self._pause_until = None

    def forget_server(self) -> None:
        """The session is over: only what the loudspeaker does is still true."""
        self._playing.clear()
        self._heard_id = None
        self._server_tells = False

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        deadlines = [*self._silent_answers().values(), self._pause_until, self._rings_until]
        return min((at for at in deadlines if at is not None), default=None)

    def tick(self, now: float) -> None:
        """Apply the deadlines."""
        for response_id, deadline in self._silent_answers().items():
            if now >= deadline:
                del self._playing[response_id]
        if self._pause_until is not None and now >= self._pause_until:
            self._pause_until = None
        if self._rings_until is not None and now >= self._rings_until:
            self._rings_until = None

    def _silent_answers(self) -> dict[str, float]:
        if self._is_sounding:
            return {}
        return {
            response_id: max(since, self._silent_since) + SILENT_ANSWER_LIMIT_S
            for response_id, since in self._playing.items()
        }
