"""What both halves of a conversation share: the session, its items, and who hands out ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ApiError
from edge_agent.protocol.server_events import ErrorEvent
from edge_agent.protocol.session_object import SessionWishes
from edge_agent.server.effects import Emit
from edge_agent.server.history import History
from edge_agent.server.scenario import Stage
from edge_agent.server.usage import Meter


@dataclass(slots=True)
class SessionState:
    """``new_id`` makes an id for a prefix ("item"). ``words`` are those of spoken items, once recognised;
    ``unheard`` are spoken items that still wait for them. ``streams_sound``: sound goes out as events, and
    what the client has played of it is not known."""

    session_id: str
    wishes: SessionWishes
    new_id: Callable[[str], str]
    streams_sound: bool = False
    stage: Stage = field(default_factory=Stage)
    history: History = field(default_factory=History)
    meter: Meter = field(default_factory=Meter)
    words: dict[str, str] = field(default_factory=dict)
    unheard: set[str] = field(default_factory=set)


def refusal(problem: Malformed, event_id: str | None) -> Emit:
    """Return the ``error`` event for a client event that can't be taken."""
    error = ApiError(
        type="invalid_request_error",
        code=problem.code,
        message=str(problem),
        param=problem.param,
        event_id=event_id,
    )
    return Emit(ErrorEvent(error=error))
