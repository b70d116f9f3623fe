"""Patterns in time: sets the LEDs' colour whenever the pattern wants another one, and sleeps otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge_agent.core.indicator import PATTERNS, Pattern, color_at, next_change_s
from edge_agent.core.status import AgentState
from edge_agent.errors import PinError
from edge_agent.gpio.leds import Leds

logger = logging.getLogger(__name__)

SHORTEST_SLEEP_S = 0.001
"""Floor of every sleep, so that a change due "now" can't become a busy loop."""


class LedTask:
    """Plays one pattern at a time on the LEDs. ``clock`` tells monotonic seconds.

    The owner runs :meth:`run` as a task and cancels it. While a pattern is steady, the task only waits.
    """

    def __init__(self, leds: Leds, clock: Callable[[], float]) -> None:
        self._leds = leds
        self._clock = clock
        self._pattern = PATTERNS[AgentState.IDLE]
        self._began_at = clock()
        self._changed = asyncio.Event()

    def show(self, pattern: Pattern) -> None:
        """Play ``pattern`` from its beginning; the same pattern again goes on undisturbed."""
        if pattern == self._pattern:
            return
        self._pattern = pattern
        self._began_at = self._clock()
        self._changed.set()

    async def run(self) -> None:
        """Play until cancelled. An LED that fails is told once; the others stay as they are from then on."""
        try:
            while self._leds.are_present:
                self._changed.clear()
                await self._wait(self._draw())
        except PinError as error:
            logger.warning("the LEDs no longer follow the state: %s", error)

    def _draw(self) -> float | None:
        """Set the colour of this moment; return after how many seconds to do so again, None for never."""
        t_s = self._clock() - self._began_at
        self._leds.show(color_at(self._pattern, t_s))
        return next_change_s(self._pattern, t_s)

    async def _wait(self, duration_s: float | None) -> None:
        """Wait for another pattern, but no longer than ``duration_s``."""
        if duration_s is not None:
            duration_s = max(duration_s, SHORTEST_SLEEP_S)
        try:
            async with asyncio.timeout(duration_s):
                await self._changed.wait()
        except TimeoutError:
            return
