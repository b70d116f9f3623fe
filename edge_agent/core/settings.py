"""What a person may set about the agent's decisions; filled from the configuration."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from edge_agent.core.limits import Costs, Limits
from edge_agent.core.policy import Caps
from edge_agent.core.renewal import RenewalSettings
from edge_agent.core.ways import Offer


class Mode(enum.Enum):
    """When the microphone is open."""

    ALWAYS_ON = "always-on"
    BUTTON = "button"
    WAKE_WORD = "wake-word"


class Duplex(enum.Enum):
    """Whether the microphone stays open while the loudspeaker sounds."""

    AUTO = "auto"  # full where echo cancellation works, half where it does not
    HALF = "half"
    FULL = "full"


class Action(enum.Enum):
    """What a gesture does."""

    NONE = "none"
    CONVERSATION = "conversation"  # start or end a conversation
    TALK = "talk"  # push-to-talk while held
    MUTE = "mute"
    INTERRUPT = "interrupt"  # stop the answer
    VOLUME_UP = "volume-up"
    VOLUME_DOWN = "volume-down"


@dataclass(frozen=True, slots=True)
class ButtonSettings:
    """One button: what its gestures do and how long a hold is, in seconds."""

    name: str
    tap: Action
    hold: Action
    double_tap: Action
    hold_s: float


DEFAULT_GESTURES: dict[Mode, tuple[Action, Action, Action]] = {
    Mode.ALWAYS_ON: (Action.INTERRUPT, Action.MUTE, Action.NONE),
    Mode.BUTTON: (Action.CONVERSATION, Action.TALK, Action.MUTE),
    Mode.WAKE_WORD: (Action.CONVERSATION, Action.MUTE, Action.NONE),
}
"""Tap, hold and double tap of a button whose configuration names none."""

DEFAULT_HOLD_S: dict[Action, float] = {Action.TALK: 0.3, Action.MUTE: 1.0}
"""How long a press must last to be a hold, by what the hold does: talking has to begin soon, muting must not
happen by chance. Any other action takes DEFAULT_HOLD_FALLBACK_S."""

DEFAULT_HOLD_FALLBACK_S = 0.6


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """How push-to-talk is done with one endpoint's server.

    ``takes_manual_turns`` is False for servers that can't clear and commit the input buffer. ``detection_on``
    and ``detection_off`` are the session objects that switch the server's voice activity detection, in its
    dialect; empty: it is left as it is.
    """

    takes_manual_turns: bool = True
    detection_on: dict[str, object] = field(default_factory=dict)
    detection_off: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """When the device falls asleep, and how long a session outlives that.

    ``awake_for_s``: seconds without anybody's turn until it sleeps, None: never by itself. ``keep_warm_s``:
    seconds that a session is kept while it is asleep, None: for ever. ``refractory_s``: seconds after a wake
    word in which another one is the same. ``has_sounds``: whether short sounds tell of it.
    """

    awake_for_s: float | None = None
    keep_warm_s: float | None = None
    refractory_s: float = 0.0
    has_sounds: bool = False


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of the pure core.

    ``detects_turns`` is False when no server is to find turns by itself: then nobody listens but while the
    talk button is held. ``turn_taking``, ``offers`` and ``costs`` have an entry for each endpoint, in their
    order. ``memory_turns`` and ``memory_chars`` bound what a new session is told of what was said before.
    ``echo_is_cancelled`` tells whether the microphone's sound is freed of the loudspeaker's on this machine.
    """

    mode: Mode = Mode.ALWAYS_ON
    duplex: Duplex = Duplex.AUTO
    echo_is_cancelled: bool = False
    half_duplex_tail_s: float = 0.3
    answer_limit_s: float = 15.0
    conversation_idle_limit_s: float = 120.0
    interrupt_response: bool = True
    detects_turns: bool = True
    turn_taking: tuple[TurnTaking, ...] = (TurnTaking(),)
    memory_turns: int = 40
    memory_chars: int = 8000
    renewal: RenewalSettings = field(default_factory=RenewalSettings)
    offers: tuple[Offer, ...] = (Offer(),)
    caps: Caps = field(default_factory=Caps)
    attention: AttentionSettings = AttentionSettings()
    limits: Limits = field(default_factory=Limits)
    costs: tuple[Costs, ...] = (Costs("server"),)
    raw_events: bool = False
    buttons: tuple[ButtonSettings, ...] = ()
