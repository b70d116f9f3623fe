"""The one answer to "what is it doing now?", from which LED, journal and live view are computed.

The state is never stored: it is the first row of PRIORITY whose condition holds for the facts.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class AgentState(enum.Enum):
    """What a person in the room may know, by LED and log. The value is the public name."""

    STARTING = "starting"
    CONNECTING = "connecting"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    MUTED = "muted"
    BUDGET = "budget"
    BUDGET_LOW = "budget-low"
    IDLE = "idle"
    ASLEEP = "asleep"
    READY = "ready"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Turn(enum.Enum):
    """Whose turn it is in the conversation."""

    NOBODY = "nobody"
    PERSON = "person"  # speech_started to speech_stopped, or the talk button is held
    PENDING = "pending"  # said, not yet answered
    AGENT = "agent"  # the answer is audible


class LinkPhase(enum.Enum):
    """How far the connection is, as far as a person cares."""

    NOT_STARTED = "not_started"
    FIRST_CONNECT = "first_connect"  # never been up since the start
    UP = "up"
    RECONNECT = "reconnect"  # was up before
    DOUBTED = "doubted"  # up, but nothing comes from the server
    PARKED = "parked"  # only a person can mend it
    ASLEEP = "asleep"  # no session is wanted


class Watch(enum.Enum):
    """Whether the room is listened to, where the device decides that by itself."""

    AWAKE = "awake"
    WOKEN = "woken"  # a moment ago; there is no session yet
    ASLEEP = "asleep"  # it waits for its word, or for a voice


class Funds(enum.Enum):
    """What of the budget is left."""

    PLENTY = "plenty"
    LOW = "low"  # a person wanted to be warned
    SPENT = "spent"  # or could be, by another answer


class Facts(NamedTuple):
    """Everything that the state depends on; each fact has one owner elsewhere."""

    link: LinkPhase
    turn: Turn
    watch: Watch
    muted: bool
    in_conversation: bool
    microphone_works: bool
    loudspeaker_works: bool
    funds: Funds = Funds.PLENTY


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: the state, when it holds in words for ARCHITECTURE.md, and the same as code."""

    state: AgentState
    when: str
    holds: Callable[[Facts], bool]


PRIORITY: tuple[Rule, ...] = (
    Rule(AgentState.STARTING, "no connection was tried yet", lambda f: f.link is LinkPhase.NOT_STARTED),
    Rule(AgentState.FAILED, "only a person can mend the connection", lambda f: f.link is LinkPhase.PARKED),
    Rule(
        AgentState.FAILED,
        "a sound device is missing",
        lambda f: not (f.microphone_works and f.loudspeaker_works),
    ),
    Rule(AgentState.SPEAKING, "an answer is audible", lambda f: f.turn is Turn.AGENT),
    Rule(AgentState.MUTED, "somebody muted the microphone", lambda f: f.muted),
    Rule(AgentState.BUDGET, "what may be used is used", lambda f: f.funds is Funds.SPENT),
    Rule(AgentState.ASLEEP, "it waits for its word, or for a voice", lambda f: f.watch is Watch.ASLEEP),
    Rule(AgentState.IDLE, "no session is wanted", lambda f: f.link is LinkPhase.ASLEEP),
    Rule(
        AgentState.LISTENING,
        "it was woken, and its first attempt to connect is on",
        lambda f: f.watch is Watch.WOKEN and f.link is LinkPhase.FIRST_CONNECT,
    ),
    Rule(
        AgentState.RECONNECTING,
        "there was a session, and there is none",
        lambda f: f.link is LinkPhase.RECONNECT,
    ),
    Rule(AgentState.RECONNECTING, "the server gives no sign of life", lambda f: f.link is LinkPhase.DOUBTED),
    Rule(AgentState.CONNECTING, "there has been no session yet", lambda f: f.link is LinkPhase.FIRST_CONNECT),
    Rule(AgentState.LISTENING, "somebody speaks, or holds the talk button", lambda f: f.turn is Turn.PERSON),
    Rule(AgentState.THINKING, "an answer is due, or being made", lambda f: f.turn is Turn.PENDING),
    Rule(AgentState.IDLE, "nobody has started a conversation", lambda f: not f.in_conversation),
    Rule(AgentState.BUDGET_LOW, "much of what may be used is used", lambda f: f.funds is Funds.LOW),
    Rule(AgentState.READY, "otherwise", lambda _: True),
)
"""States in falling priority with their conditions. The last row always holds."""


def state_of(facts: Facts) -> AgentState:
    """Return the state that the facts amount to: the first row of PRIORITY that holds."""
    for rule in PRIORITY:
        if rule.holds(facts):
            return rule.state
    raise AssertionError("the last row of PRIORITY always holds")


@dataclass(frozen=True, slots=True)
class Status:
    """The agent's state with what a log line or a status display says beside it."""

    state: AgentState
    cause: str
    """What made it so, in a few words (an event of the protocol, a fault, a gesture)."""
    session_id: str
    response_id: str
