"""What people want: the gestures of the configured buttons become intents.

It knows which gesture of which button means what, and nothing of what is going on in the agent.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from edge_agent.core.gesture import Gesture, GestureReader, GestureSettings
from edge_agent.core.settings import Action, ButtonSettings


class Intent(enum.Enum):
    """What somebody wants by a button."""

    TALK = "talk"  # talks from now on, or will have tapped: that shows when the button goes up
    TALK_END = "talk_end"
    TALK_NOT_MEANT = "talk_not_meant"  # it was a tap
    CONVERSATION = "conversation"
    MUTE = "mute"
    INTERRUPT = "interrupt"
    VOLUME_UP = "volume_up"
    VOLUME_DOWN = "volume_down"


INTENTS: dict[Action, Intent] = {
    Action.CONVERSATION: Intent.CONVERSATION,
    Action.MUTE: Intent.MUTE,
    Action.INTERRUPT: Intent.INTERRUPT,
    Action.VOLUME_UP: Intent.VOLUME_UP,
    Action.VOLUME_DOWN: Intent.VOLUME_DOWN,
}
"""The actions that are over as soon as they are meant; talking lasts, and NONE means nothing."""

TALK_INTENTS: dict[Gesture, Intent] = {
    Gesture.DOWN: Intent.TALK,
    Gesture.SHORT_UP: Intent.TALK_NOT_MEANT,
    Gesture.HOLD_END: Intent.TALK_END,
}
"""Talking begins with the finger, not with the end of the hold time: the first word is not to be lost."""


class Buttons:
    """All buttons of the device, by name."""

    def __init__(self, settings: Iterable[ButtonSettings]) -> None:
        self._buttons = {button.name: _Button(button) for button in settings}

    def knows(self, name: str) -> bool:
        """Whether there is a button of that name."""
        return name in self._buttons

    def edge(self, name: str, pressed: bool, now: float) -> list[Intent]:
        """Take one raw edge of the button ``name``, which has to be known."""
        return self._buttons[name].edge(pressed, now)

    def tick(self, now: float) -> list[Intent]:
        """Return the intents that time alone completes."""
        return [intent for button in self._buttons.values() for intent in button.tick(now)]

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        deadlines = [button.next_deadline() for button in self._buttons.values()]
        return min((at for at in deadlines if at is not None), default=None)


class _Button:
    """One button: the reader of its edges, and what its gestures mean."""

    def __init__(self, settings: ButtonSettings) -> None:
        wait_for_double = settings.double_tap is not Action.NONE
        self._reader = GestureReader(GestureSettings(settings.hold_s, wait_for_double))
        self._meanings = _meanings(settings)

    def edge(self, pressed: bool, now: float) -> list[Intent]:
        return self._intents(self._reader.edge(pressed, now))

    def tick(self, now: float) -> list[Intent]:
        return self._intents(self._reader.tick(now))

    def next_deadline(self) -> float | None:
        return self._reader.next_deadline()

    def _intents(self, gestures: list[Gesture]) -> list[Intent]:
        return [self._meanings[gesture] for gesture in gestures if gesture in self._meanings]


def _meanings(settings: ButtonSettings) -> dict[Gesture, Intent]:
    """Talking takes the whole press; a tap or a double tap can't talk and then means nothing."""
    actions = {Gesture.TAP: settings.tap, Gesture.DOUBLE_TAP: settings.double_tap}
    if settings.hold is not Action.TALK:
        actions[Gesture.HOLD] = settings.hold
    meanings = {gesture: INTENTS[action] for gesture, action in actions.items() if action in INTENTS}
    return meanings | TALK_INTENTS if settings.hold is Action.TALK else meanings
