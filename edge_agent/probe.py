"""`edge-agent endpoints`: what is known of each endpoint, and a short session with each to learn it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.config.schema import Config
from edge_agent.core.events import Event, LinkDown, LinkUp, ServerSaid
from edge_agent.core.ways import Way
from edge_agent.endpoint_memory import Remembered
from edge_agent.parts import Parts, parts_of
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ContentPart, Item

ANSWER_LIMIT_S = 3.0
"""How long an answer to ``input_audio_buffer.clear`` is waited for: it needs no thinking."""

PROBE_ITEM = Item(type="message", role="user", content=(ContentPart(type="input_text", text="(a test)"),))
"""Nobody is asked to answer it; how the server names its arrival tells its dialect."""

YES_NO = {True: "yes", False: "no", None: "?"}


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint as it is shown; ``order`` counts from 1."""

    order: int
    name: str
    profile: str
    transports: tuple[str, ...]
    hangup: str
    remembered: Remembered

    @property
    def health(self) -> str:
        """In a word: how it was when it was last tried."""
        if self.remembered.fault:
            return "failed"
        return "unknown" if self.remembered.opened_at_s is None else "works"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        known = self.remembered.abilities
        return {
            "order": self.order,
            "name": self.name,
            "profile": self.profile,
            "transports": list(self.transports),
            "hangup": self.hangup,
            "health": self.health,
            "fault": self.remembered.fault or None,
            "opened_at": _moment(self.remembered.opened_at_s),
            "failed_at": _moment(self.remembered.failed_at_s),
            "dialect": known.dialect.value if known.dialect else None,
            "tells_playback": known.tells_playback,
            "takes_manual_turns": known.takes_manual_turns,
            "names_sessions": known.names_sessions,
            "learnt_at": _moment(self.remembered.learnt_at_s),
        }


def rows_of(config: Config, parts: Parts) -> list[Row]:
    """Return the endpoints in their order, with what is known of them."""
    return [
        Row(
            order,
            server.offer.name,
            chosen.profile,
            tuple(kind.value for kind in server.offer.transports),
            server.endpoint.profile.hangup.value,
            parts.memory.of(server.offer.name),
        )
        for order, (chosen, server) in enumerate(zip(config.endpoints, parts.endpoints, strict=True), 1)
    ]


def as_text(rows: Sequence[Row]) -> str:
    """Return the rows as a table for people, with the last faults below it."""
    head = ("", "name", "profile", "health", "tried", "dialect", "playback", "clear", "hang-up", "transports")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    faults = [f"{row.name}: {row.remembered.fault}" for row in rows if row.remembered.fault]
    return "\n".join(line.rstrip() for line in [*lines, *faults]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    known = row.remembered.abilities
    times = [at for at in (row.remembered.opened_at_s, row.remembered.failed_at_s) if at is not None]
    return (
        str(row.order),
        row.name,
        row.profile,
        row.health,
        _moment(max(times, default=None)) or "never",
        known.dialect.value if known.dialect else "?",
        YES_NO[known.tells_playback],
        YES_NO[known.takes_manual_turns],
        row.hangup,
        ", ".join(row.transports),
    )


def _moment(at_s: float | None) -> str | None:
    return None if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%MZ}"


def known_endpoints(config: Config, *, probe: bool) -> list[Row]:
    """Return what is known of each endpoint; ``probe``: after a short session with each, one by one.

    No sound travels and no answer is asked for. Raises ConfigError when a key can't be found.
    """
    parts = parts_of(config)
    if probe:
        asyncio.run(_probe_all(parts))
    return rows_of(config, parts)


async def _probe_all(parts: Parts) -> None:
    for endpoint, server in enumerate(parts.endpoints):
        await _probe(parts, Way(endpoint, server.offer.transports[0]), server.offer.name)


async def _probe(parts: Parts, way: Way, name: str) -> None:
    """Open a session, ask for what costs nothing, hang up."""
    heard: asyncio.Queue[Event] = asyncio.Queue()
    session = parts.make_session(1, way, heard.put_nowait, lambda _: None, lambda _: None)
    life = asyncio.create_task(session.run(), name=f"probe {name}")
    try:
        if not isinstance(await _next(heard, LinkUp, LinkDown), LinkUp):
            return
        session.send(ask.InputAudioBufferClear(event_id="edge-agent-probe"))
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                is_taken = await _is_cleared(heard)
        except TimeoutError:
            is_taken = False
        if not is_taken:
            parts.memory.watch(name).refused_clear()
        session.send(ask.ConversationItemCreate(item=PROBE_ITEM))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await _next(heard, said.ConversationItemAdded)
    finally:
        await session.hang_up()
        await life


async def _is_cleared(heard: asyncio.Queue[Event]) -> bool:
    while True:
        event = await _next(heard, ServerSaid, LinkDown)
        match event:
            case ServerSaid(event=said.InputAudioBufferCleared()):
                return True
            case ServerSaid(event=said.ErrorEvent()) | LinkDown():
                return False


async def _next(heard: asyncio.Queue[Event], *kinds: type) -> Event:
    """Return the next report of these kinds, or with an event of these kinds."""
    while True:
        event = await heard.get()
        if isinstance(event, kinds) or (isinstance(event, ServerSaid) and isinstance(event.event, kinds)):
            return event
