"""The one answer to "what is it doing now?", from which LED, journal and live view are computed.

The state is never stored: it is the first row of PRIORITY whose condition holds for the facts.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class AgentState(enum.Enum):
    """What a person in the room may know, by LED and log. The value is the public name."""

    STARTING = "starting"
    CONNECTING = "connecting"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    MUTED = "muted"
    IDLE = "idle"
    READY = "ready"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Turn(enum.Enum):
    """Whose turn it is in the conversation."""

    NOBODY = "nobody"
    PERSON = "person"  # speech_started .. speech_stopped, or the talk button is held
    PENDING = "pending"  # said, not yet answered
    AGENT = "agent"  # the answer is audible


class LinkPhase(enum.Enum):
    """How far the connection is, as far as a person cares."""

    NOT_STARTED = "not_started"
    FIRST_CONNECT = "first_connect"  # never been up since the start
    UP = "up"
    RECONNECT = "reconnect"  # was up before
    PARKED = "parked"  # only a person can mend it


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the state depends on; each fact has one owner elsewhere."""

    link: LinkPhase
    turn: Turn
    muted: bool
    in_conversation: bool
    microphone_works: bool
    loudspeaker_works: bool


PRIORITY: tuple[tuple[AgentState, Callable[[Facts], bool]], ...] = (
    (AgentState.STARTING, lambda f: f.link is LinkPhase.NOT_STARTED),
    (AgentState.FAILED, lambda f: f.link is LinkPhase.PARKED),
    (AgentState.FAILED, lambda f: not (f.microphone_works and f.loudspeaker_works)),
    (AgentState.SPEAKING, lambda f: f.turn is Turn.AGENT),
    (AgentState.MUTED, lambda f: f.muted),
    (AgentState.RECONNECTING, lambda f: f.link is LinkPhase.RECONNECT),
    (AgentState.CONNECTING, lambda f: f.link is LinkPhase.FIRST_CONNECT),
    (AgentState.LISTENING, lambda f: f.turn is Turn.PERSON),
    (AgentState.THINKING, lambda f: f.turn is Turn.PENDING),
    (AgentState.IDLE, lambda f: not f.in_conversation),
    (AgentState.READY, lambda _: True),
)
"""States in falling priority with their conditions. The last row always holds."""


def state_of(facts: Facts) -> AgentState:
    """Return the state that the facts amount to: the first row of PRIORITY that holds."""
    return next(state for state, holds in PRIORITY if holds(facts))


@dataclass(frozen=True, slots=True)
class Status:
    """The agent's state with what a log line or a status display says beside it."""

    state: AgentState
    cause: str
    """What made it so, in a few words (an event of the protocol, a fault, a gesture)."""
    session_id: str
    response_id: str
