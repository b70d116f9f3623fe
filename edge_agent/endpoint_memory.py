"""What was learnt of each endpoint, kept in the state folder: what it can do, and how it was last.

Losing the file costs nothing: everything is learnt again. So what can't be read is forgotten, and what can't
be written is not kept.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.core.abilities import Abilities, Learner
from edge_agent.core.events import Event, LinkDown, LinkUp, ServerSaid
from edge_agent.protocol.server_events import TEXT_PIECES

logger = logging.getLogger(__name__)

FILE_NAME = "endpoints.json"

FAULT_LIMIT = 300
"""Characters of a fault that are kept."""


class Remembered(msgspec.Struct, frozen=True):
    """One endpoint. Times are seconds since 1970 by this machine's clock; None: never."""

    abilities: Abilities = Abilities()
    learnt_at_s: float | None = None
    opened_at_s: float | None = None
    """When a session was last opened."""
    failed_at_s: float | None = None
    fault: str = ""
    """What went wrong last; "" once a session was open again."""


class EndpointMemory:
    """All endpoints by name. ``folder`` None: nothing outlives the process."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._clock = clock
        self._known = self._loaded()

    def of(self, name: str) -> Remembered:
        """Return what is known of the endpoint ``name``."""
        return self._known.get(name, Remembered())

    def watch(self, name: str, *, hears_playback: bool = True) -> Watch:
        """Return who follows one session of the endpoint ``name``; ``hears_playback``: see Learner."""
        return Watch(self, name, hears_playback=hears_playback)

    def keep(self, name: str, **changes: object) -> None:
        """Change what is known of an endpoint, and keep it if anything has changed beside the time."""
        before = self.of(name)
        after = msgspec.structs.replace(before, **changes)
        self._known[name] = after
        if (before.abilities, before.fault) != (after.abilities, after.fault) or before == Remembered():
            self._save()

    def now_s(self) -> float:
        """The time by this machine's clock."""
        return round(self._clock(), 1)

    def _loaded(self) -> dict[str, Remembered]:
        try:
            content = b"{}" if self._path is None else self._path.read_bytes()
            return msgspec.json.decode(content, type=dict[str, Remembered])
        except (OSError, msgspec.MsgspecError, RecursionError):
            return {}

    def _save(self) -> None:
        """Replace the file in one step: a reader, or the next start, finds the old one or the new one."""
        if self._path is None:
            return
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(self._known))
            os.replace(beside, self._path)
        except OSError as error:
            logger.debug("what was learnt of the endpoints is not kept: %s", error)


class Watch:
    """Learns from one session."""

    def __init__(self, memory: EndpointMemory, name: str, *, hears_playback: bool) -> None:
        self._memory = memory
        self._name = name
        self._learner = Learner(memory.of(name).abilities, hears_playback=hears_playback)
        self._last_wire_type = ""

    def saw_name(self, wire_type: str) -> None:
        """An event arrived under this name."""
        if wire_type == self._last_wire_type:
            return  # the pieces of a text come in rows
        self._last_wire_type = wire_type
        self._learn(lambda learner: learner.heard_name(wire_type))

    def saw(self, event: Event) -> None:
        """The session reports."""
        match event:
            case LinkUp(session_id=session_id):
                self._learn(lambda learner: learner.opened(session_id))
                self._memory.keep(self._name, opened_at_s=self._memory.now_s(), fault="")
            case LinkDown(fault=fault):
                words = fault.message[:FAULT_LIMIT]
                self._memory.keep(self._name, failed_at_s=self._memory.now_s(), fault=words)
            case ServerSaid(event=said) if not isinstance(said, TEXT_PIECES):
                self._learn(lambda learner: learner.heard(said))

    def refused_clear(self) -> None:
        """The server has answered ``input_audio_buffer.clear`` with an error, or not at all."""
        self._learn(Learner.refused_clear)

    def _learn(self, learn: Callable[[Learner], None]) -> None:
        """Add to what is known by now, by this session or one beside it, and keep it if it is new."""
        before = self._memory.of(self._name).abilities
        self._learner.known = before
        learn(self._learner)
        if self._learner.known is not before and self._learner.known != before:
            now_s = self._memory.now_s()
            self._memory.keep(self._name, abilities=self._learner.known, learnt_at_s=now_s)
