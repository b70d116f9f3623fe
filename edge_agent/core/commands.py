"""What to do: everything that the agent can ask of the shells. Frozen, in the imperative."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from edge_agent.core.notices import Notice
from edge_agent.core.ways import FIRST_WAY, Way
from edge_agent.protocol.client_events import ClientEvent


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Open session ``epoch`` by ``way``. Answered by LinkUp and later LinkDown, or by LinkDown alone."""

    epoch: int
    way: Way = FIRST_WAY


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give microphone and loudspeaker to session ``epoch``; the session that had them loses them at once.

    A session that is up neither hears nor is heard until then.
    """

    epoch: int


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Hang up session ``epoch``; nothing of it is to reach the agent any more. Not answered."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send one client event on session ``epoch``."""

    epoch: int
    event: ClientEvent


@dataclass(frozen=True, slots=True)
class FlushPlayout:
    """Stop the loudspeaker now: all that is queued is dropped, the device's own buffer included."""


class Gate(enum.Enum):
    """Where the microphone's sound goes."""

    CLOSED = "closed"  # nowhere
    LISTENING = "listening"  # into the device's memory, and out of it as soon as it is too old to be told
    HOLDING = "holding"  # into the device's memory, for a while
    KEEPING = "keeping"  # nowhere, but what is in the memory stays there
    OPEN = "open"  # to the session, and into the memory


@dataclass(frozen=True, slots=True)
class SetUplink:
    """Set the microphone's gate. Unless it is open silence is sent; the device itself stays open.

    With ``since`` (monotonic seconds) an open gate first sends what was heard from then on and is held, after
    ``pause_s`` of silence, and MicrophoneCaughtUp tells when that is done. A closed gate forgets what was
    held.
    """

    gate: Gate
    since: float | None = None
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AwaitPause:
    """Answered by MicrophonePaused as soon as nobody speaks and nothing of what was held is left to send."""


@dataclass(frozen=True, slots=True)
class SetCapture:
    """Open or close the capture device itself (mute: no process can read what nobody captures)."""

    open: bool


class Earcon(enum.Enum):
    """A short sound of the device's own, which is no answer."""

    AWAKE = "awake"  # it listens now
    ASLEEP = "asleep"  # it has stopped listening
    NOT_HEARD = "not_heard"  # it was called, and heard nothing that could be answered
    BUDGET = "budget"  # what may be spent is spent
    ERROR = "error"  # it can't do what it was asked


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Play a short sound of the device's own, over whatever is played. Not answered."""

    sound: Earcon


@dataclass(frozen=True, slots=True)
class MeasureEcho:
    """Compare what the microphone heard last with what was played. Answered by EchoMeasured."""


class Listening(enum.Enum):
    """What the device itself listens for, without any server."""

    NOTHING = "nothing"
    VOICE = "voice"  # anybody's
    WORD = "word"  # its wake word


@dataclass(frozen=True, slots=True)
class ListenFor:
    """Listen on the device itself. Answered by VoiceHeard or WakeWordHeard, whenever that is."""

    what: Listening


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Make the loudspeaker so loud, in percent. Answered by VolumeChanged."""

    percent: int


@dataclass(frozen=True, slots=True)
class StepVolume:
    """Make the loudspeaker louder or softer by so many percent. Answered by VolumeChanged."""

    by_percent: int


@dataclass(frozen=True, slots=True)
class SaveLedger:
    """Keep ``text`` instead of what was kept before, whatever happens to the power. Not answered.

    Before a session is opened it must have been kept; anything else may follow while it is being written.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something to the person who runs the device: one log record, with fields for the journal."""

    notice: Notice
    text: str
    fields: dict[str, str] = field(default_factory=dict)


Command = (
    OpenLink
    | HandOver
    | CloseLink
    | Send
    | FlushPlayout
    | PlaySound
    | SetUplink
    | AwaitPause
    | SetCapture
    | ListenFor
    | SetVolume
    | StepVolume
    | MeasureEcho
    | SaveLedger
    | Tell
)
