"""How loud the loudspeaker is: by its card's own control where there is one, else by the samples."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from edge_agent.audio.gain import Gain
from edge_agent.core.volume import clamped, gain_of

if TYPE_CHECKING:
    from edge_agent.audio.mixer import CardMixer

CHANGES_LIMIT = 16
"""More presses than this while a sound server hangs are not meant for it any more."""


class Volume:
    """The loudspeaker's volume in percent. A card's control is left as it is until the volume is first set.

    ``gain`` is what the samples are multiplied with: 1.0 while the card does the work, except for what lies
    above its own 100 %. ``mixer``: None if the card's control is not to be used. Not safe between threads.
    """

    def __init__(self, gain: Gain, mixer: CardMixer | None) -> None:
        self._gain = gain
        self._mixer = mixer
        self._set_percent: int | None = None
        self._answered_percent: int | None = None

    @property
    def chosen_percent(self) -> int | None:
        """What was set last; None if nobody has."""
        return self._set_percent

    def percent(self) -> int:
        """Return how loud it is; somebody else may have turned the card's control meanwhile."""
        on_card = self._on_card()
        is_as_set = self._set_percent is not None and on_card == self._answered_percent
        if is_as_set or on_card is None:
            return 100 if self._set_percent is None else self._set_percent
        return on_card

    def set(self, percent: int) -> int:
        """Make it so loud; returns the percentage that it became."""
        self._set_percent = percent = clamped(percent)
        has_control = self._mixer is not None and self._mixer.set_percent(min(percent, 100))
        self._gain.set(gain_of(max(percent, 100) if has_control else percent))
        self._answered_percent = self._on_card()
        return percent

    def step(self, by_percent: int) -> int:
        """Make it louder or softer; returns the percentage that it became."""
        return self.set(self.percent() + by_percent)

    def renew(self) -> None:
        """Set it again: the loudspeaker is another one, or has lost what it was told."""
        if self._set_percent is not None:
            self.set(self._set_percent)

    def _on_card(self) -> int | None:
        return self._mixer.percent() if self._mixer is not None else None


class VolumeKnob:
    """Turns the volume in a thread of its own: a card's control is in a sound server's hand, which may hang.

    Changes are made in order; ``on_change`` is called in that thread with the percentage after each that was
    asked for by :meth:`set` or :meth:`step`. Overflow rule: a change that finds CHANGES_LIMIT others is left
    out.
    """

    def __init__(self, volume: Volume, on_change: Callable[[int], None]) -> None:
        self._volume = volume
        self._on_change = on_change
        self._changes: queue.Queue[Callable[[], int | None] | None] = queue.Queue(CHANGES_LIMIT)
        self._thread = threading.Thread(target=self._run, name="volume", daemon=True)

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after what it has to do; not waited for."""
        self._put(None)

    def begin_at(self, percent: int) -> None:
        """Make it so loud, and tell nobody."""
        self._put(partial(self._quietly, percent))

    def renew(self) -> None:
        """Set it again, if anybody has, and tell nobody: see :meth:`Volume.renew`."""
        self._put(self._volume.renew)

    def set(self, percent: int) -> None:
        """Make it so loud."""
        self._put(partial(self._volume.set, percent))

    def step(self, by_percent: int) -> None:
        """Make it louder or softer."""
        self._put(partial(self._volume.step, by_percent))

    def _quietly(self, percent: int) -> None:
        self._volume.set(percent)

    def _put(self, change: Callable[[], int | None] | None) -> None:
        with suppress(queue.Full):
            self._changes.put_nowait(change)

    def _run(self) -> None:
        while (change := self._changes.get()) is not None:
            percent = change()
            if percent is not None:
                self._on_change(percent)
