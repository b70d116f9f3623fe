"""A sound card's own volume control, through pyalsaaudio's mixer.

The control is looked for anew each time: a card may be plugged in and out, and somebody else may have turned
the volume. https://larsimmisch.github.io/pyalsaaudio/libalsaaudio.html#mixer-objects
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import alsaaudio

from edge_agent.audio.alsa_card import silence_alsa_lib
from edge_agent.core.volume import decibels_of, percent_of

logger = logging.getLogger(__name__)

USUAL_CONTROLS = ("Master", "PCM", "Speaker", "Headphone", "Digital", "Playback", "DAC", "Line Out")
"""What the control of the loudspeaker is called, the likeliest first: USB cards have PCM or Speaker, the HATs
of a Raspberry Pi Speaker, Headphone or Digital, sound servers Master."""

LOWEST_CENTIBEL_RANGE, HIGHEST_CENTIBEL_RANGE = -20_000, 6_000
"""Hundredths of a dB. pyalsaaudio does not notice when a control has no scale in dB, and returns anything."""


class MixerHandle(Protocol):
    """What is used of ``alsaaudio.Mixer``."""

    def volumecap(self) -> list[str]: ...
    def switchcap(self) -> list[str]: ...
    def getrange(self, *, pcmtype: int, units: int) -> list[int]: ...
    def getvolume(self, *, pcmtype: int, units: int) -> list[int]: ...
    def getmute(self) -> list[int]: ...
    def setvolume(self, volume: int, *, pcmtype: int, units: int) -> None: ...
    def setmute(self, mute: int) -> None: ...
    def close(self) -> None: ...


class CardMixer:
    """The volume control of the card that the PCM ``pcm_name`` plays on.

    ``control`` is its name, or None for the first of USUAL_CONTROLS that the card has.
    """

    def __init__(self, pcm_name: str, control: str | None = None) -> None:
        self._card = mixer_of(pcm_name)
        self._controls = USUAL_CONTROLS if control is None else (control,)

    def percent(self) -> int | None:
        """Return how loud the card is, 0 to 100; None if it has no such control."""
        try:
            with self._opened() as handle:
                return None if handle is None else _read(handle)
        except alsaaudio.ALSAAudioError as error:
            logger.debug("%s: the volume can't be read: %s", self._card, error)
            return None

    def set_percent(self, percent: int) -> bool:
        """Make the card so loud, 0 to 100; returns False if it has no such control, or does not obey."""
        try:
            with self._opened() as handle:
                if handle is not None:
                    _write(handle, percent)
                return handle is not None
        except alsaaudio.ALSAAudioError as error:
            logger.debug("%s: the volume can't be set: %s", self._card, error)
            return False

    @contextmanager
    def _opened(self) -> Iterator[MixerHandle | None]:
        silence_alsa_lib()
        existing = alsaaudio.mixers(device=self._card)
        for name in self._controls:
            if name not in existing:
                continue
            handle: MixerHandle = alsaaudio.Mixer(control=name, device=self._card)
            try:
                if any(capability.startswith("Playback Volume") for capability in handle.volumecap()):
                    yield handle
                    return
            finally:
                handle.close()
        yield None


def mixer_of(pcm_name: str) -> str:
    """Return the name of the mixer of the card that a PCM plays on, as ALSA names both.

    ``plughw:CARD=Device,DEV=0`` and ``hw:Device,0`` are on ``hw:Device``; any other name is a mixer's as
    well, or there is none.
    """
    match = re.match(r"^(?:[a-z]+:CARD=|(?:plug)?hw:)(?P<card>[^,]+)", pcm_name)
    return f"hw:{match['card']}" if match else pcm_name


def _read(handle: MixerHandle) -> int:
    if _has_switch(handle) and all(handle.getmute()):
        return 0
    scale = _decibel_scale(handle)
    if scale is None:
        units = alsaaudio.VOLUME_UNITS_PERCENTAGE
        return max(handle.getvolume(pcmtype=alsaaudio.PCM_PLAYBACK, units=units))
    _, highest = scale
    centibels = max(handle.getvolume(pcmtype=alsaaudio.PCM_PLAYBACK, units=alsaaudio.VOLUME_UNITS_DB))
    return min(100, percent_of((centibels - highest) / 100))


def _write(handle: MixerHandle, percent: int) -> None:
    if _has_switch(handle):
        handle.setmute(1 if percent == 0 else 0)
    scale = _decibel_scale(handle)
    if scale is None:
        units = alsaaudio.VOLUME_UNITS_PERCENTAGE
        handle.setvolume(percent, pcmtype=alsaaudio.PCM_PLAYBACK, units=units)
        return
    lowest, highest = scale
    centibels = round(max(lowest, highest + 100 * decibels_of(percent)))
    handle.setvolume(centibels, pcmtype=alsaaudio.PCM_PLAYBACK, units=alsaaudio.VOLUME_UNITS_DB)


def _has_switch(handle: MixerHandle) -> bool:
    return any(capability.startswith("Playback Mute") for capability in handle.switchcap())


def _decibel_scale(handle: MixerHandle) -> tuple[int, int] | None:
    """Return the control's range in hundredths of a dB, None if it has no such scale."""
    lowest, highest = handle.getrange(pcmtype=alsaaudio.PCM_PLAYBACK, units=alsaaudio.VOLUME_UNITS_DB)
    is_scale = LOWEST_CENTIBEL_RANGE <= lowest < highest <= HIGHEST_CENTIBEL_RANGE
    return (lowest, highest) if is_scale else None
