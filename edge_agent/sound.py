"""The sound of one appliance: microphone, loudspeaker, volume and the device's own ear, each with its thread.

Their events arrive in the event loop, and everything here is called there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from edge_agent.audio.both_ends import BothEnds
from edge_agent.audio.capture import Capture
from edge_agent.audio.ear import Ear
from edge_agent.audio.playback import Playback
from edge_agent.audio.volume import VolumeKnob
from edge_agent.core.events import (
    Device,
    DeviceBack,
    Event,
    MicrophoneCaughtUp,
    MicrophonePaused,
    SoundStarted,
    VolumeChanged,
)
from edge_agent.parts import Parts

logger = logging.getLogger(__name__)

THREAD_LIMIT_S = 1.0
"""A sound thread comes round every 10 ms; one that has not ended by then hangs in a driver."""

THREAD_POLL_S = 0.005
"""Half a period: how often to look whether a sound thread has ended."""

P = ParamSpec("P")


def in_loop(loop: asyncio.AbstractEventLoop, handler: Callable[P, None]) -> Callable[P, None]:
    """Return ``handler`` as other threads may call it: it runs in the loop, soon."""

    def hand_over(*args: P.args, **kwargs: P.kwargs) -> None:
        loop.call_soon_threadsafe(partial(handler, *args, **kwargs))

    return hand_over


class Sound:
    """Made in the loop's thread. ``post`` gets what happens, ``on_crash`` what a thread died of."""

    def __init__(
        self, parts: Parts, post: Callable[[Event], None], on_crash: Callable[[BaseException], None]
    ) -> None:
        self._post = post
        self._uplink = parts.uplink
        self._loop = asyncio.get_running_loop()
        happened, crashed = in_loop(self._loop, self._happened), in_loop(self._loop, on_crash)
        canceller, both_ends = parts.open_canceller(), BothEnds()
        far_end = parts.far_end if canceller or parts.duck else None  # else nobody asks for it
        self.knob = VolumeKnob(parts.volume, in_loop(self._loop, self._turned))
        self.ear = Ear(parts.wake_word, happened, crashed)
        self.capture = Capture(
            parts.open_input,
            parts.uplink,
            happened,
            crashed,
            both_ends,
            far_end,
            canceller,
            parts.duck,
            self.ear,
        )
        self.playback = Playback(
            parts.open_output,
            parts.downlink,
            happened,
            crashed,
            (both_ends, far_end) if far_end else (both_ends,),
            parts.gain,
            keeps_echo_delay=canceller is not None,
        )

    @property
    def progress(self) -> dict[str, int]:
        """How far each thread is, by a name that a person knows."""
        return {
            "microphone": self.capture.progress,
            "loudspeaker": self.playback.progress,
            **({"wake word": self.ear.progress} if self.ear.has_word else {}),
        }

    @property
    def levels_dbfs(self) -> tuple[float, float]:
        """How loud microphone and loudspeaker are now."""
        return self.capture.level_dbfs, self.playback.level_dbfs

    def start(self, volume_percent: int | None) -> None:
        """Start the threads, so loud (None: as it is); once only."""
        post = in_loop(self._loop, self._post)
        self._uplink.tell_caught_up_to(partial(post, MicrophoneCaughtUp()))
        self._uplink.tell_paused_to(partial(post, MicrophonePaused()))
        self.knob.start()
        if volume_percent is not None:
            self.knob.begin_at(volume_percent)
        self.ear.start()
        self.capture.start()
        self.playback.start()

    async def stop(self) -> None:
        """End the threads. Polled: a thread that waits for them would stay in the loop's executor."""
        deadline = self._loop.time() + THREAD_LIMIT_S
        running: dict[str, Capture | Playback | Ear] = {
            "microphone": self.capture,
            "loudspeaker": self.playback,
            "wake word": self.ear,
        }
        while late := [name for name, thread in running.items() if not thread.stop(0.0)]:
            if self._loop.time() > deadline:
                logger.error("%s: did not end within %.0f s", " and ".join(late), THREAD_LIMIT_S)
                break
            await asyncio.sleep(THREAD_POLL_S)
        self.knob.stop()

    def _happened(self, event: Event) -> None:
        if isinstance(event, SoundStarted):
            event = SoundStarted(self.capture.last_voice_at)
        if event == DeviceBack(Device.LOUDSPEAKER):
            self.knob.renew()
        self._post(event)

    def _turned(self, percent: int) -> None:
        self._post(VolumeChanged(percent))
