"""What happened: everything that the agent is told. Frozen, in the past tense.

``epoch`` numbers the sessions of one run: an event of an older epoch than the agent's current one is stale
and is dropped, so nothing crosses the boundary between two sessions.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edge_agent.core.faults import Fault
from edge_agent.core.lapse import Missed
from edge_agent.protocol.server_events import ServerEvent


class Device(enum.Enum):
    """A sound device, as the person knows it."""

    MICROPHONE = "microphone"
    LOUDSPEAKER = "loudspeaker"


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A session is open, configured and acknowledged by the server (``session.updated``).

    ``lifetime_s`` is the time left until the server ends the session, or None if that is not known.
    """

    epoch: int
    session_id: str
    lifetime_s: float | None


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The attempt ``epoch`` failed, or the session ``epoch`` ended. Sent exactly once for each OpenLink."""

    epoch: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class LinkDoubted:
    """Nothing comes from the server of session ``epoch``, although it was asked: it may be lost."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LinkTrusted:
    """Something has come again."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LinkLapsed:
    """What is said from now on may not reach the server of session ``epoch``."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LinkStirred:
    """Something comes again from the server; whether it has missed anything is not known yet."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LinkMended:
    """What is said reaches the server again, which has ``missed`` something."""

    epoch: int
    missed: Missed


@dataclass(frozen=True, slots=True)
class ServerSaid:
    """One event of the server, by its GA meaning whatever name it travelled under."""

    epoch: int
    event: ServerEvent


@dataclass(frozen=True, slots=True)
class SoundStarted:
    """The first audible sample of a spurt was handed to the loudspeaker.

    ``near_end_quiet_since`` is when the microphone last carried a voice (monotonic seconds), None if never.
    """

    near_end_quiet_since: float | None = None


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """The loudspeaker has played the last audible sample: queue and device are drained."""


@dataclass(frozen=True, slots=True)
class MicrophoneCaughtUp:
    """All that was held of the microphone's sound has been sent; the server hears what is said now."""


@dataclass(frozen=True, slots=True)
class MicrophonePaused:
    """Nobody speaks at the moment, as AwaitPause asked; perhaps so late that it does not matter any more."""


@dataclass(frozen=True, slots=True)
class EchoMeasured:
    """The microphone's sound was compared with the loudspeaker's, as MeasureEcho asked.

    ``likeness`` is 0 (nothing in common) to 1 (the same sound), None if nobody measures it here.
    """

    likeness: float | None


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """Somebody said the wake word ``word``, as its model names it."""

    word: str


@dataclass(frozen=True, slots=True)
class VoiceHeard:
    """Somebody seems to speak in the room, while the device listened for that."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A button's contact closed (raw edge, bounces included)."""

    button: str


@dataclass(frozen=True, slots=True)
class ButtonReleased:
    """A button's contact opened (raw edge, bounces included)."""

    button: str


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A sound device can't be opened or has gone; its thread goes on trying."""

    device: Device
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """A sound device works (again)."""

    device: Device


@dataclass(frozen=True, slots=True)
class MuteRequested:
    """Somebody asked to mute or unmute by other means than a button."""

    muted: bool


@dataclass(frozen=True, slots=True)
class VolumeRequested:
    """Somebody asked for a volume, in percent, by other means than a button."""

    percent: int


@dataclass(frozen=True, slots=True)
class VolumeChanged:
    """The loudspeaker is now so loud, in percent."""

    percent: int


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """This machine has another address or another route: what could not be reached may be now."""


@dataclass(frozen=True, slots=True)
class ClockRead:
    """The clock shows so many seconds since 1970, right or wrong."""

    wall_s: float


@dataclass(frozen=True, slots=True)
class ClockSet:
    """This machine's clock can be trusted from now on."""


@dataclass(frozen=True, slots=True)
class RawEventRequested:
    """Somebody asked to send a client event as it is, for tests and bring-up."""

    payload: dict[str, object]


Event = (
    LinkUp
    | LinkDown
    | LinkDoubted
    | LinkTrusted
    | LinkLapsed
    | LinkStirred
    | LinkMended
    | ServerSaid
    | SoundStarted
    | SoundEnded
    | MicrophoneCaughtUp
    | MicrophonePaused
    | EchoMeasured
    | WakeWordHeard
    | VoiceHeard
    | ButtonPressed
    | ButtonReleased
    | DeviceLost
    | DeviceBack
    | MuteRequested
    | VolumeRequested
    | VolumeChanged
    | NetworkChanged
    | ClockRead
    | ClockSet
    | RawEventRequested
)
