"""The agent: composes conversation, buttons, sleep and money, and turns events into commands.

It decides everything and does nothing. The runner gives it events and the monotonic time, carries out the
commands, and shows the status; see :mod:`edge_agent.runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_agent.core import events as happened
from edge_agent.core import reports
from edge_agent.core.buttons import Buttons, Intent
from edge_agent.core.commands import Command, Gate, SetCapture, SetVolume, StepVolume
from edge_agent.core.continuity import Continuity
from edge_agent.core.dialogue import Dialogue
from edge_agent.core.ledger import Ledger
from edge_agent.core.link import Unwanted
from edge_agent.core.policy import Trouble
from edge_agent.core.runaway import Runaway
from edge_agent.core.settings import AgentSettings, Mode
from edge_agent.core.spending import Spending
from edge_agent.core.status import AgentState, Facts, Status, Turn, state_of
from edge_agent.core.vigil import Vigil
from edge_agent.core.volume import STEP_PERCENT
from edge_agent.core.ways import NETWORK_TROUBLES
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said


class Agent:
    """One device's decisions. Call :meth:`start` once, then :meth:`handle` and :meth:`tick`.

    ``chance`` returns numbers from 0 to 1, by which waiting times between attempts to connect are spread.
    ``ledger`` holds what was spent before (None: nothing), and is the agent's from now on.
    """

    def __init__(
        self, settings: AgentSettings, chance: Callable[[], float], ledger: Ledger | None = None
    ) -> None:
        self._settings = settings
        self._spending = Spending(settings, ledger)
        self._dialogue = Dialogue(settings)
        self._continuity = Continuity(
            settings, chance, self._dialogue, self._wanted_gate, self._spending.may_open
        )
        self._link = self._continuity.link
        self._gate = self._continuity.gate
        self._say = self._continuity.say
        self._vigil = Vigil(settings)
        self._runaway = Runaway()
        self._buttons = Buttons(settings.buttons)
        self._lost_devices: set[happened.Device] = set()
        self._is_muted = False
        self._explained: AgentState | None = None
        self._known: Facts | None = None
        self._cause = "start"
        self.revision = 0
        """Grows with all that may change the status, or bring the next deadline nearer."""

    # -- what the runner calls ---------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """What the agent is doing now, computed afresh."""
        return Status(state_of(self._facts()), self._cause, self._link.session_id, self._dialogue.response_id)

    @property
    def is_muted(self) -> bool:
        """Whether a person wants the microphone closed."""
        return self._is_muted

    def next_deadline(self) -> float | None:
        """When :meth:`tick` must be called at the latest, or None."""
        talk = (self._continuity, self._dialogue, self._vigil, self._runaway)
        parts = (*talk, self._buttons, self._spending)
        deadlines = [part.next_deadline() for part in parts]
        return min((at for at in deadlines if at is not None), default=None)

    def start(self, now: float) -> list[Command]:
        """Open the link, if a session is wanted."""
        self._gate.begin(now)
        told = self._mind_the_budget(now)
        self._link.want(self._unwanted, now)
        return [*told, *self._settled(self._because("start", self._link.start(now)), now)]

    def stop(self, now: float) -> list[Command]:
        """End everything; nothing is opened or sent after this."""
        return self._settled(self._because("stop", self._link.stop(now)), now)

    def handle(self, event: happened.Event, now: float) -> list[Command]:
        """Take one event and return what is to be done, in order."""
        if isinstance(event, happened.ServerSaid) and isinstance(event.event, said.TEXT_PIECES):
            self._text_grew(event.epoch, event.event, now)
            return []
        booked = self._spending.see(event, now)
        commands = self._dispatch(event, now)
        self._because(reports.cause_of(event), commands)
        return [*booked, *self._settled(commands, now)]

    def tick(self, now: float) -> list[Command]:
        """Apply whatever is due; afterwards :meth:`next_deadline` lies in the future."""
        self._continuity.tick(now)
        self._runaway.tick(now)
        commands = [
            *self._spending.tick(now),
            *self._because("talk button", self._say(self._dialogue.finish_talk(now))),
            *self._because("time limit", self._continuity.lose_patience(now)),
            *self._because("next try", self._link.tick(now)),
            *self._because("button", self._obey(self._buttons.tick(now), now)),
        ]
        return self._settled(commands, now)

    # -- events ------------------------------------------------------------------------------------

    def _dispatch(self, event: happened.Event, now: float) -> list[Command]:
        match event:
            case happened.ServerSaid(epoch=epoch, event=server_event):
                is_ours = self._link.is_up and self._link.is_current(epoch)
                return self._server_said(server_event, now) if is_ours else []
            case happened.LinkUp():
                return self._continuity.opened(event, now)
            case happened.LinkDown(epoch=epoch, fault=fault):
                return self._continuity.ended(epoch, fault, now)
            case happened.LinkDoubted(epoch=epoch) | happened.LinkTrusted(epoch=epoch):
                return self._continuity.doubt(epoch, isinstance(event, happened.LinkDoubted))
            case happened.LinkLapsed() | happened.LinkStirred() | happened.LinkMended():
                return self._continuity.lapse(event, now)
            case happened.SoundStarted(near_end_quiet_since=voice_ended_at):
                self._continuity.sound_started(now)
                return self._say(self._dialogue.sound_started(voice_ended_at, now))
            case happened.SoundEnded():
                self._continuity.sound_ended()
                self._dialogue.sound_ended(now)
                return []
            case happened.MicrophoneCaughtUp():
                self._gate.caught_up(now)
                return []
            case happened.MicrophonePaused():
                self._gate.finish(now)
                return []
            case happened.EchoMeasured(likeness=likeness):
                return self._say(self._dialogue.echo_measured(likeness, now))
            case happened.WakeWordHeard() | happened.VoiceHeard():
                return self._heard(event, now)
            case happened.ButtonPressed(button=name) | happened.ButtonReleased(button=name):
                return self._edge(name, isinstance(event, happened.ButtonPressed), now)
            case happened.DeviceLost(device=device, reason=reason):
                return self._device_lost(device, reason, now)
            case happened.DeviceBack(device=device):
                return self._device_back(device)
            case happened.MuteRequested(muted=muted):
                return self._mute(muted, now)
            case happened.VolumeRequested(percent=percent):
                return [SetVolume(percent)]
            case happened.VolumeChanged(percent=percent):
                return [reports.volume_changed(percent)]
            case happened.ClockRead():
                return []
            case happened.NetworkChanged():
                return self._link.hurry(NETWORK_TROUBLES, now)
            case happened.ClockSet():
                return self._link.hurry(frozenset({Trouble.NO_CLOCK}), now)
            case happened.RawEventRequested(payload=payload):
                return self._say([ask.RawEvent(payload=payload)] if self._settings.raw_events else [])

    def _server_said(self, event: said.ServerEvent, now: float) -> list[Command]:
        commands = self._continuity.server_said(event, now)
        if self._runaway.see(event, now, is_sounding=self._continuity.is_sounding):
            return [*commands, reports.TALKS_WITH_ITSELF]
        return commands

    def _text_grew(self, epoch: int, piece: said.TextPiece, now: float) -> None:
        """Take note of some more text. Nothing follows from it, so the many others are not asked."""
        if self._link.is_up and self._link.is_current(epoch):
            self._continuity.text_grew(piece, now)
            self._runaway.text_grew(piece)

    def _device_lost(self, device: happened.Device, reason: str, now: float) -> list[Command]:
        self._lost_devices.add(device)
        if device is happened.Device.LOUDSPEAKER:
            self._dialogue.sound_ended(now)
        return [reports.device_lost(device, reason)]

    def _device_back(self, device: happened.Device) -> list[Command]:
        if device not in self._lost_devices:
            return []
        self._lost_devices.remove(device)
        return [reports.device_back(device)]

    # -- people ------------------------------------------------------------------------------------

    def _heard(self, event: happened.WakeWordHeard | happened.VoiceHeard, now: float) -> list[Command]:
        """The device itself has heard its word, or a voice."""
        if isinstance(event, happened.WakeWordHeard):
            self._runaway.somebody_is_here()
        since = self._vigil.hear(event, now)
        return [] if since is None else self._wake(since, now)

    def _wake(self, since: float, now: float) -> list[Command]:
        """Listen to the room from now on, and to what was said ``since``; connect at once."""
        self._gate.begin(since)
        return [*self._follow_wishes(now), *self._link.wake(now), *self._vigil.awake_sounds]

    def _edge(self, name: str, pressed: bool, now: float) -> list[Command]:
        if not self._buttons.knows(name):
            return []
        woken = self._pressed(now) if pressed else []
        return [*woken, *self._obey(self._buttons.edge(name, pressed, now), now)]

    def _pressed(self, now: float) -> list[Command]:
        """A finger is there, whatever it wants: wake, and try at once."""
        self._vigil.press(now)
        self._runaway.somebody_is_here()
        return [*self._spending.touched(), *self._follow_wishes(now), *self._link.wake(now)]

    def _obey(self, intents: Iterable[Intent], now: float) -> list[Command]:
        return [command for intent in intents for command in self._obey_one(intent, now)]

    def _obey_one(self, intent: Intent, now: float) -> list[Command]:
        match intent:
            case Intent.TALK:
                return [] if self._is_muted else self._begin_to_talk(now)
            case Intent.TALK_END:
                return self._say(self._dialogue.end_talk(now))
            case Intent.TALK_NOT_MEANT:
                return self._say(self._dialogue.take_back_talk(now))
            case Intent.CONVERSATION if self._settings.mode is Mode.WAKE_WORD:
                return self._toggle(now)
            case Intent.CONVERSATION:
                return self._say(self._dialogue.toggle_conversation(now))
            case Intent.INTERRUPT:
                return self._say(self._dialogue.interrupt(now))
            case Intent.VOLUME_UP | Intent.VOLUME_DOWN:
                return [StepVolume(STEP_PERCENT if intent is Intent.VOLUME_UP else -STEP_PERCENT)]
            case Intent.MUTE:
                return self._mute(not self._is_muted, now)

    def _begin_to_talk(self, now: float) -> list[Command]:
        """The talk button is held: wake, and listen to it if there is a session or may be one soon."""
        self._vigil.call(now)
        woken = self._follow_wishes(now)
        can_talk = self._link.is_up or self._link.is_coming
        return [*woken, *(self._say(self._dialogue.talk(now)) if can_talk else [])]

    def _toggle(self, now: float) -> list[Command]:
        """Call it without its word, or send it to sleep."""
        if self._vigil.toggle(now):
            return self._wake(now, now)
        return self._say(self._dialogue.interrupt(now))

    def _mute(self, muted: bool, now: float) -> list[Command]:
        if muted == self._is_muted:
            return []
        self._is_muted = muted
        if not muted:
            return [SetCapture(True), reports.UNMUTED]
        return [SetCapture(False), *self._say(self._dialogue.stop_listening(now)), reports.MUTED]

    # -- what follows from the facts ---------------------------------------------------------------

    def _facts(self) -> Facts:
        return Facts(
            link=self._continuity.phase,
            turn=self._dialogue.turn,
            watch=self._vigil.watch(is_met=self._link.is_up or self._link.fault is not None),
            muted=self._is_muted,
            in_conversation=self._dialogue.is_open,
            microphone_works=happened.Device.MICROPHONE not in self._lost_devices,
            loudspeaker_works=happened.Device.LOUDSPEAKER not in self._lost_devices,
            funds=self._spending.funds,
        )

    def _because(self, cause: str, commands: list[Command]) -> list[Command]:
        """Pass the commands on; ``cause`` is remembered if what was just done has changed the state."""
        facts = self._facts()
        if facts == self._known:
            return commands
        self._known = facts
        state = state_of(facts)
        if state is not self._explained:
            self._explained, self._cause = state, cause
        return commands

    def _settled(self, commands: list[Command], now: float) -> list[Command]:
        """Add what follows from the facts whatever has happened."""
        self.revision += 1
        attended = [*commands, *self._because("quiet", self._attend(now))]
        followed = [*attended, *self._because("budget", self._mind_the_budget(now))]
        renewed = [*followed, *self._because("renewal", self._renew(now))]
        settled = self._gate.around(renewed, self._wanted_gate())
        is_late = self._gate.is_lapsed or self._gate.is_catching_up or not self._link.is_up
        self._dialogue.set_late(is_late, now)
        return self._spending.paid(settled, now)

    def _mind_the_budget(self, now: float) -> list[Command]:
        """Stop before too much is spent, and go on when there is something to spend again."""
        told = self._spending.follow(
            self._link.open_epoch,
            self._link.way.endpoint,
            is_busy=self._dialogue.turn in (Turn.AGENT, Turn.PENDING),
            now=now,
        )
        return [*told, *self._go_over(now), *self._follow_wishes(now)]

    def _go_over(self, now: float) -> list[Command]:
        """Leave a session that is too dear, if there is an endpoint that is not."""
        if not self._spending.sends_away:
            return []
        self._spending.went_over()
        return self._continuity.go_over(now)

    def _attend(self, now: float) -> list[Command]:
        """Sleep or stay awake, and have the session that this calls for."""
        sounds = self._vigil.follow(
            has_session=self._link.is_up,
            is_busy=self._dialogue.turn is not Turn.NOBODY,
            in_conversation=self._dialogue.is_open,
            now=now,
        )
        wished = self._follow_wishes(now)
        return [*wished, *sounds, *self._vigil.listen(is_muted=self._is_muted)]

    def _follow_wishes(self, now: float) -> list[Command]:
        """Open or close the session as it is wanted."""
        return self._continuity.want(self._unwanted, now)

    @property
    def _unwanted(self) -> Unwanted | None:
        """Why no session is wanted, or None."""
        if self._spending.forbids_session:
            return Unwanted.BUDGET
        if self._runaway.is_stopped:
            return Unwanted.RUNAWAY
        if self._vigil.wants_session:
            return None
        return Unwanted.NO_CONVERSATION if self._settings.mode is Mode.BUTTON else Unwanted.QUIET

    def _renew(self, now: float) -> list[Command]:
        """Let a session that ends be followed by another."""
        return self._continuity.renew(now)

    def _wanted_gate(self) -> Gate:
        """Where the microphone's sound is to go now."""
        if self._is_muted or self._spending.is_finishing or not self._dialogue.is_open:
            return Gate.CLOSED
        if not self._vigil.hears_room:
            is_heard = self._vigil.listens_itself and self._dialogue.wants_sound
            return Gate.LISTENING if is_heard else Gate.CLOSED
        if self._dialogue.would_hear_itself:
            return Gate.KEEPING if self._gate.has_missed else Gate.CLOSED
        if not self._dialogue.wants_sound:
            return Gate.HOLDING  # the server says that it plays, but nothing is heard of that
        if self._link.is_up:
            return Gate.HOLDING if self._gate.is_held else Gate.OPEN
        return Gate.HOLDING if self._link.is_coming else Gate.CLOSED
