"""What fingers mean: raw edges of one button become debounced gestures.

It knows no pins and no purpose. An edge counts at once and the contact is then ignored while it bounces, so a
press is felt without delay and a bounce never counts twice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

DEBOUNCE_S = 0.025
"""Longest bounce to expect of a cheap tactile switch (Ganssle, "A Guide to Debouncing": mostly below 10 ms,
worst measured around 20 ms)."""

DOUBLE_TAP_GAP_S = 0.3
"""Longest pause inside a double tap."""


class Gesture(enum.Enum):
    """A meaning of a button."""

    DOWN = "down"  # the finger is on it; the other gestures tell later what it will have been
    TAP = "tap"
    DOUBLE_TAP = "double_tap"
    HOLD = "hold"  # has been down for the hold time
    HOLD_END = "hold_end"  # released after a hold
    SHORT_UP = "short_up"  # released before the hold time; a tap or a double tap follows


@dataclass(frozen=True, slots=True)
class GestureSettings:
    """``hold_s`` is how long a press must last to be a hold; ``wait_for_double`` says double taps count."""

    hold_s: float
    wait_for_double: bool


class GestureReader:
    """One button. Feed it edges; ask it for gestures."""

    def __init__(self, settings: GestureSettings) -> None:
        self._settings = settings
        self._contact = False
        self._is_down = False
        self._bounces_until = 0.0
        self._down_at = 0.0
        self._is_held = False
        self._tapped_at: float | None = None

    def edge(self, pressed: bool, now: float) -> list[Gesture]:
        """Take one raw edge and return the gestures that it completes."""
        gestures = self.tick(now)
        self._contact = pressed
        if now >= self._bounces_until:
            gestures += self._follow_contact(now)
        return gestures

    def tick(self, now: float) -> list[Gesture]:
        """Return the gestures that time alone completes."""
        gestures: list[Gesture] = []
        if now >= self._bounces_until:
            # A contact that changed while it bounced counts from the end of the bouncing, however late it is.
            gestures += self._follow_contact(self._bounces_until)
        if self._is_down and not self._is_held and now >= self._down_at + self._settings.hold_s:
            self._is_held = True
            if self._tapped_at is not None:
                self._tapped_at = None
                gestures.append(Gesture.TAP)
            gestures.append(Gesture.HOLD)
        if self._tapped_at is not None and not self._is_down and now >= self._tapped_at + DOUBLE_TAP_GAP_S:
            self._tapped_at = None
            gestures.append(Gesture.TAP)
        return gestures

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or None."""
        deadlines: list[float] = []
        if self._contact != self._is_down:
            deadlines.append(self._bounces_until)
        if self._is_down and not self._is_held:
            deadlines.append(self._down_at + self._settings.hold_s)
        if self._tapped_at is not None and not self._is_down:
            deadlines.append(self._tapped_at + DOUBLE_TAP_GAP_S)
        return min(deadlines, default=None)

    def _follow_contact(self, at: float) -> list[Gesture]:
        if self._contact == self._is_down:
            return []
        self._is_down = self._contact
        self._bounces_until = at + DEBOUNCE_S
        return self._pressed(at) if self._is_down else self._released(at)

    def _pressed(self, at: float) -> list[Gesture]:
        self._down_at = at
        self._is_held = False
        return [Gesture.DOWN]

    def _released(self, at: float) -> list[Gesture]:
        if self._is_held:
            return [Gesture.HOLD_END]
        if not self._settings.wait_for_double:
            return [Gesture.SHORT_UP, Gesture.TAP]
        if self._tapped_at is not None:
            self._tapped_at = None
            return [Gesture.SHORT_UP, Gesture.DOUBLE_TAP]
        self._tapped_at = at
        return [Gesture.SHORT_UP]
