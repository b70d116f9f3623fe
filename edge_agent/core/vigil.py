"""Sleeping and waking as a person in the room notices it: what wakes the device, and which sounds tell of it.

It composes the attention with what the device itself listens for. Whether a session is held is the link's
business; this only says whether one is wanted.
"""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.attention import UNMET_LIMIT_S, Attention
from edge_agent.core.commands import Command, Earcon, ListenFor, Listening, PlaySound
from edge_agent.core.preroll import LISTENED_S
from edge_agent.core.settings import AgentSettings, Mode
from edge_agent.core.status import Watch

WORD_LOOK_BACK_S = LISTENED_S
"""What is sent from before the wake word was found, so that it holds the word itself: okay_nabu was found 1.1
to 1.4 s after it began, with flite's voices; who speaks slowly takes half a second more."""

VOICE_LOOK_BACK_S = 1.0
"""The same for a voice, which is noticed within 0.6 s: see :mod:`edge_agent.core.voice_activity`."""


class Vigil:
    """Decides whether the room is listened to, by whom, and how that is told."""

    def __init__(self, settings: AgentSettings) -> None:
        self._mode = settings.mode
        self._has_sounds = settings.attention.has_sounds
        self._attention = Attention(settings.mode, settings.attention)
        self._ear = Listening.NOTHING
        self._woken_at: float | None = None
        self._was_awake_at_press = False

    @property
    def hears_room(self) -> bool:
        """Whether a session may hear the room; in mode button the buttons decide alone."""
        return self._attention.is_awake or self._mode is Mode.BUTTON

    @property
    def listens_itself(self) -> bool:
        """Whether the device listens by itself, so that what is said before it wakes is worth holding."""
        return self._attention.listens_for is not Listening.NOTHING

    @property
    def wants_session(self) -> bool:
        """Whether a session is to be held."""
        return self._attention.wants_session

    def watch(self, *, is_met: bool) -> Watch:
        """Return what a person may know of it; ``is_met``: there is a session, or it is known why not."""
        if not self.hears_room:
            return Watch.ASLEEP
        return Watch.AWAKE if is_met or self._woken_at is None else Watch.WOKEN

    def next_deadline(self) -> float | None:
        """When :meth:`follow` has something to do by itself, or None."""
        unmet_at = None if self._woken_at is None else self._woken_at + UNMET_LIMIT_S
        return min((at for at in (self._attention.next_deadline(), unmet_at) if at is not None), default=None)

    # -- what wakes it -----------------------------------------------------------------------------

    def hear(self, event: happened.WakeWordHeard | happened.VoiceHeard, now: float) -> float | None:
        """The ear has found what it listened for; return since when what was said counts if that wakes."""
        self._ear = Listening.NOTHING  # it tells once
        if isinstance(event, happened.VoiceHeard):
            is_woken = self._mode is Mode.ALWAYS_ON and self._attention.wake(now)
            look_back_s = VOICE_LOOK_BACK_S
        else:
            is_woken = self._mode is Mode.WAKE_WORD and self._attention.hear_word(now)
            look_back_s = WORD_LOOK_BACK_S
        if not is_woken:
            return None
        self._woken_at = now
        return now - look_back_s

    def call(self, now: float) -> None:
        """Somebody is about to speak, and a button says so."""
        if self._attention.wake(now):
            self._woken_at = now

    def press(self, now: float) -> None:
        """A button went down, whatever it is for: that wakes a device that always listens."""
        self._was_awake_at_press = self._attention.is_awake
        if self._mode is Mode.ALWAYS_ON:
            self.call(now)

    def toggle(self, now: float) -> bool:
        """A press asks to begin or to end; return whether it begins. Only for mode wake-word.

        The same press may have woken it already, because holding it on would have meant to talk.
        """
        if self._was_awake_at_press and self._attention.sleep(now):
            return False
        self.call(now)
        return True

    @property
    def awake_sounds(self) -> list[Command]:
        """What tells that it has been called."""
        return self._sound(Earcon.AWAKE)

    # -- what follows ------------------------------------------------------------------------------

    def follow(self, *, has_session: bool, is_busy: bool, in_conversation: bool, now: float) -> list[Command]:
        """Follow what goes on, and sleep if it is time; return the sounds that tell of it."""
        if self._mode is Mode.BUTTON:
            self._attention.wake(now) if in_conversation else self._attention.sleep(now)
        self._attention.see(has_session=has_session, is_busy=is_busy, now=now)
        has_fallen_asleep = self._attention.tick(now)
        is_unmet = self._woken_at is not None and now >= self._woken_at + UNMET_LIMIT_S
        if has_session or is_unmet or not self._attention.is_awake:
            self._woken_at = None
        if not has_fallen_asleep:
            return []
        if not has_session:
            return self._sound(Earcon.ERROR)
        return self._sound(Earcon.ASLEEP if self._attention.was_busy else Earcon.NOT_HEARD)

    def listen(self, *, is_muted: bool) -> list[Command]:
        """Return what the ear is to listen for now, if that is something else than before."""
        wanted = Listening.NOTHING if is_muted else self._attention.listens_for
        if wanted is self._ear:
            return []
        self._ear = wanted
        return [ListenFor(wanted)]

    def _sound(self, earcon: Earcon) -> list[Command]:
        return [PlaySound(earcon)] if self._has_sounds and self._mode is Mode.WAKE_WORD else []
