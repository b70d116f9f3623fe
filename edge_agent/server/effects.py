"""What the conversation wants done by the call that it belongs to: its only way to act."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.protocol.server_events import ServerEvent
from edge_agent.protocol.session_object import TurnDetection
from edge_agent.server.brain import Question


@dataclass(frozen=True, slots=True)
class Emit:
    """Send ``event`` to the client."""

    event: ServerEvent


@dataclass(frozen=True, slots=True)
class Listen:
    """Somebody began to speak at ``start_ms`` of session audio: begin to recognise it."""

    item_id: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class Recognise:
    """What was said lies between the two; bring its words back with ``Conversation.heard``."""

    item_id: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody wants the words of ``item_id`` any more."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Think:
    """Find an answer; bring it back with ``Conversation.thought``."""

    response_id: str
    question: Question


@dataclass(frozen=True, slots=True)
class Speak:
    """Turn ``text`` into sound; bring its length back with ``Conversation.spoken``."""

    response_id: str
    text: str
    voice: str
    speed: float


@dataclass(frozen=True, slots=True)
class Play:
    """Play the sound of a response after what plays already."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Send the sound of a response up to that position, as events: there is no other way for it."""

    response_id: str
    item_id: str
    until_ms: int
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class ClearOutput:
    """Throw away all sound that has not been played."""


@dataclass(frozen=True, slots=True)
class DetectTurns:
    """Look for turns by these rules, from now on and from their beginning; None is not at all."""

    detection: TurnDetection | None


@dataclass(frozen=True, slots=True)
class EndCall:
    """Close the connection."""

    reason: str


Effect = (
    Emit | Listen | Recognise | Forget | Think | Speak | Play | Stream | ClearOutput | DetectTurns | EndCall
)
