"""What the gestures of configured buttons mean."""

from __future__ import annotations

import pytest

from edge_agent.core.buttons import Buttons, Intent
from edge_agent.core.settings import Action, ButtonSettings
from tests.core.scenes import MUTE_BUTTON, TALK_BUTTON


def press(buttons: Buttons, name: str, for_s: float, at: float = 1.0) -> list[Intent]:
    """Hold the button for ``for_s`` and return what that meant in the end."""
    intents = buttons.edge(name, True, at)
    for moment, step in ((at + for_s, False), (at + for_s + 2.0, None)):
        while (deadline := buttons.next_deadline()) is not None and deadline < moment:
            intents += buttons.tick(deadline)
        if step is not None:
            intents += buttons.edge(name, step, moment)
    return intents


@pytest.mark.parametrize(
    ("name", "for_s", "meaning"),
    [
        ("talk", 0.1, [Intent.TALK, Intent.TALK_NOT_MEANT, Intent.CONVERSATION]),
        ("talk", 1.0, [Intent.TALK, Intent.TALK_END]),
        ("side", 0.1, [Intent.INTERRUPT]),
        ("side", 2.0, [Intent.MUTE]),
    ],
)
def test_each_gesture_means_what_is_configured(name: str, for_s: float, meaning: list[Intent]) -> None:
    assert press(Buttons([TALK_BUTTON, MUTE_BUTTON]), name, for_s) == meaning


def test_a_double_tap_means_what_is_configured() -> None:
    buttons = Buttons([TALK_BUTTON])
    first = buttons.edge("talk", True, 1.0) + buttons.edge("talk", False, 1.1)
    assert first == [Intent.TALK, Intent.TALK_NOT_MEANT]
    assert press(buttons, "talk", 0.1, at=1.2) == [Intent.TALK, Intent.TALK_NOT_MEANT, Intent.MUTE]


@pytest.mark.parametrize("for_s", [0.1, 2.0])
def test_a_gesture_without_an_action_means_nothing(for_s: float) -> None:
    nothing = ButtonSettings("idle", Action.NONE, Action.NONE, Action.NONE, hold_s=0.5)
    assert press(Buttons([nothing]), "idle", for_s) == []


def test_talking_can_not_be_tapped() -> None:
    odd = ButtonSettings("odd", Action.TALK, Action.MUTE, Action.NONE, hold_s=0.5)
    assert press(Buttons([odd]), "odd", 0.1) == []


def test_buttons_are_read_apart() -> None:
    buttons = Buttons([TALK_BUTTON, MUTE_BUTTON])
    assert buttons.edge("side", True, 1.0) == []
    assert buttons.edge("talk", True, 1.1) == [Intent.TALK]
    assert buttons.next_deadline() == pytest.approx(1.4)
    assert buttons.tick(1.4) == []
    assert buttons.tick(2.0) == [Intent.MUTE]


def test_unknown_names_are_unknown() -> None:
    buttons = Buttons([TALK_BUTTON])
    assert buttons.knows("talk")
    assert not buttons.knows("side")


def test_a_device_without_buttons_has_nothing_to_do() -> None:
    assert Buttons([]).next_deadline() is None
    assert Buttons([]).tick(1.0) == []
