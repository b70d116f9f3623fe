"""What goes over the control socket: messages to its clients, and their requests."""

from __future__ import annotations

import msgspec


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """First message to every client: what has been shown last, None if nothing yet."""

    version: str
    state: str | None
    led: str | None
    since_start_s: float


class StateShown(msgspec.Struct, frozen=True, tag="state", tag_field="type"):
    """The agent's state changed, ``at_s`` seconds after its start."""

    name: str
    at_s: float


class LedShown(msgspec.Struct, frozen=True, tag="led", tag_field="type"):
    """The LEDs show another pattern (by name), ``at_s`` seconds after the start."""

    name: str
    at_s: float


class WireEvent(msgspec.Struct, frozen=True, tag="event", tag_field="type"):
    """The server sent an event; ``name`` is the type as it stood on the wire."""

    name: str


class Transcript(msgspec.Struct, frozen=True, tag="transcript", tag_field="type"):
    """What ``role`` (``user`` or ``assistant``) says in one item so far; a final text stays as it is."""

    role: str
    item_id: str
    text: str
    final: bool


class Level(msgspec.Struct, frozen=True, tag="level", tag_field="type"):
    """Loudness of both directions in dBFS; None is digital silence."""

    input_dbfs: float | None
    output_dbfs: float | None


class TurnAnswered(msgspec.Struct, frozen=True, tag="turn", tag_field="type"):
    """An answer became audible, so long after the person fell silent; None if that is not known."""

    voice_to_voice_ms: float | None


class StatisticsShown(msgspec.Struct, frozen=True, tag="statistics", tag_field="type"):
    """What was counted since the session began: groups of numbers, named as in W3C webrtc-stats.

    Told every few seconds, and when it is asked for.
    """

    at_s: float
    groups: dict[str, dict[str, float | None]]


class NoticeTold(msgspec.Struct, frozen=True, tag="notice", tag_field="type"):
    """Something was told to the journal."""

    notice: str
    severity: str
    text: str


class Refused(msgspec.Struct, frozen=True, tag="error", tag_field="type"):
    """The client's last line was not understood or not allowed."""

    text: str


Message = (
    Hello
    | StateShown
    | LedShown
    | WireEvent
    | Transcript
    | Level
    | TurnAnswered
    | StatisticsShown
    | NoticeTold
    | Refused
)


class Press(msgspec.Struct, frozen=True, tag="press", tag_field="do"):
    """The contact of ``button`` closes."""

    button: str


class Release(msgspec.Struct, frozen=True, tag="release", tag_field="do"):
    """The contact of ``button`` opens."""

    button: str


class Mute(msgspec.Struct, frozen=True, tag="mute", tag_field="do"):
    """Close (``on``) or open the microphone."""

    on: bool


class Volume(msgspec.Struct, frozen=True, tag="volume", tag_field="do"):
    """Make the loudspeaker so loud, in percent."""

    percent: int


class ShowStatistics(msgspec.Struct, frozen=True, tag="statistics", tag_field="do"):
    """Show the statistics now, to everybody."""


class SendRaw(msgspec.Struct, frozen=True, tag="send", tag_field="do"):
    """Send ``event`` to the server as it is."""

    event: dict[str, object]


Request = Press | Release | Mute | Volume | ShowStatistics | SendRaw
