"""The agent: composes link, dialogue and buttons, and turns events into commands.

It decides everything and does nothing. The runner gives it events and the monotonic time, carries out the
commands, and shows the status; see :mod:`edge_agent.runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_agent.core import events as happened
from edge_agent.core import reports
from edge_agent.core.buttons import Buttons, Intent
from edge_agent.core.commands import (
    Command,
    FlushPlayout,
    Gate,
    HandOver,
    MeasureEcho,
    Send,
    SetCapture,
    SetVolume,
    StepVolume,
    Tell,
)
from edge_agent.core.dialogue import Dialogue, Reply
from edge_agent.core.failover import Failover
from edge_agent.core.faults import Fault, FaultKind, fault_in, is_benign
from edge_agent.core.gate import MicrophoneGate
from edge_agent.core.history import History
from edge_agent.core.ledger import Ledger
from edge_agent.core.link import UNANSWERED_LIMIT, Link, Unwanted
from edge_agent.core.policy import Trouble, backoff_delays
from edge_agent.core.renewal import Renewal
from edge_agent.core.runaway import Runaway
from edge_agent.core.settings import AgentSettings, Mode, TurnTaking
from edge_agent.core.spending import Spending
from edge_agent.core.status import AgentState, Facts, LinkPhase, Status, Turn, state_of
from edge_agent.core.vigil import Vigil
from edge_agent.core.volume import STEP_PERCENT
from edge_agent.core.ways import NETWORK_TROUBLES, Ways
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
        self._ways = Ways(settings.offers, chance, settings.caps)
        self._link = Link(self._ways, Renewal(settings.renewal, lambda: backoff_delays(chance)))
        self._failover = Failover(settings.offers)
        self._dialogue = Dialogue(settings)
        self._vigil = Vigil(settings)
        self._runaway = Runaway()
        self._buttons = Buttons(settings.buttons)
        self._lost_devices: set[happened.Device] = set()
        self._is_muted = False
        self._history = History(settings.memory_turns, settings.memory_chars)
        self._sounding_since: float | None = None
        self._gate = MicrophoneGate()
        self._doubted_epoch = 0
        self._explained: AgentState | None = None
        self._cause = "start"

    # -- what the runner calls ---------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """What the agent is doing now, computed afresh."""
        return Status(self._state, self._cause, self._link.session_id, self._dialogue.response_id)

    @property
    def is_muted(self) -> bool:
        """Whether a person wants the microphone closed."""
        return self._is_muted

    def next_deadline(self) -> float | None:
        """When :meth:`tick` must be called at the latest, or None."""
        talk = (self._dialogue, self._history, self._vigil, self._runaway)
        parts = (self._link, *talk, self._buttons, self._spending)
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
        booked = self._spending.see(event, now)
        commands = self._because(reports.cause_of(event), self._dispatch(event, now))
        return [*booked, *self._settled(commands, now)]

    def tick(self, now: float) -> list[Command]:
        """Apply whatever is due; afterwards :meth:`next_deadline` lies in the future."""
        self._history.tick(now)
        self._runaway.tick(now)
        commands = [
            *self._spending.tick(now),
            *self._because("talk button", self._say(self._dialogue.finish_talk(now))),
            *self._because("time limit", self._lose_patience(now)),
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
                return self._link_up(event, now)
            case happened.LinkDown(epoch=epoch, fault=fault):
                return self._link_down(epoch, fault, now)
            case happened.LinkDoubted(epoch=epoch) | happened.LinkTrusted(epoch=epoch):
                return self._doubt(epoch, isinstance(event, happened.LinkDoubted))
            case happened.SoundStarted(near_end_quiet_since=voice_ended_at):
                self._sounding_since = now
                return self._say(self._dialogue.sound_started(voice_ended_at, now))
            case happened.SoundEnded():
                self._sounding_since = None
                self._dialogue.sound_ended(now)
                return []
            case happened.MicrophoneCaughtUp():
                self._gate.caught_up()
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

    def _link_up(self, up: happened.LinkUp, now: float) -> list[Command]:
        if self._link.successor.has(up.epoch) and not self._link.successor.is_ready:
            self._link.successor.up(up.session_id, up.lifetime_s, now)
            return []
        if not self._link.is_opening(up.epoch):
            return []
        told = reports.session_opened(up.session_id, self._link.attempts)
        self._link.up(up.session_id, up.lifetime_s, now)
        return [told, *self._take_over(now)]

    def _take_over(self, now: float) -> list[Command]:
        """Begin to talk on the session that has just become the current one."""
        held = self._gate.hold(self._wanted_gate)
        prepared = self._say([*self._dialogue.session_opened(self._turns, now), *self._remembered()])
        return [*held, *prepared, HandOver(self._link.epoch), *self._tell_of_way(now)]

    def _remembered(self) -> list[ask.ClientEvent]:
        """What a new session is told of what was said before."""
        return [ask.ConversationItemCreate(item=item) for item in self._history.items()]

    def _forget_session(self, now: float) -> list[Command]:
        """The session that was talked on has ended before its time."""
        turn = self._dialogue.turn
        is_heard = turn is Turn.AGENT and self._sounding_since is not None
        self._history.session_ended(
            heard_s=now - (self._sounding_since or now) if is_heard else None,
            is_unanswered=turn in (Turn.PERSON, Turn.PENDING),
        )
        return self._say(self._dialogue.session_ended(now))

    def _tell_of_way(self, now: float) -> list[Command]:
        """Say that another endpoint or transport has taken over, if one has."""
        return self._say(self._failover.session_began(self._link.way, self._ways.fault_of, now))

    @property
    def _turns(self) -> TurnTaking:
        return self._settings.turn_taking[self._link.way.endpoint]

    def _link_down(self, epoch: int, fault: Fault, now: float) -> list[Command]:
        if self._link.successor.has(epoch):
            return [self._no_successor(fault, now)]
        if not self._link.is_current(epoch):
            return []
        session_id = self._link.session_id if self._link.is_up else None
        return [*self._link.down(fault, now), *self._without_session(fault, session_id, now)]

    def _no_successor(self, fault: Fault, now: float) -> Tell:
        way = self._link.successor.way
        retry_in_s = self._link.successor.down(fault, now)
        if way is None or way == self._link.way:
            return reports.no_successor(fault, retry_in_s)
        return reports.no_way_back(self._settings.offers[way.endpoint].name, fault, retry_in_s)

    def _without_session(self, fault: Fault, session_id: str | None, now: float) -> list[Command]:
        """The session ``session_id`` has ended, or (None) an attempt failed; its successor may be there."""
        ended = [] if session_id is None else self._forget_session(now)
        if self._link.is_up:
            told = reports.session_renewed(self._link.session_id, session_id or "", fault)
            return [*ended, told, *self._take_over(now)]
        told = reports.link_is_down(
            fault,
            self._link.retry_in_s(now),
            session_id,
            is_parked=self._link.phase is LinkPhase.PARKED,
            is_told=self._link.failed_alike,
            is_held_back=self._link.is_held_back,
        )
        return [*ended, told]

    def _doubt(self, epoch: int, is_doubted: bool) -> list[Command]:
        """The session gives no sign of life, or gives one again."""
        if not (self._link.is_up and self._link.is_current(epoch)):
            return []
        self._doubted_epoch = epoch if is_doubted else 0
        return [reports.link_is_doubted(self._link.session_id, is_doubted=is_doubted)]

    def _server_said(self, event: said.ServerEvent, now: float) -> list[Command]:
        if isinstance(event, said.ResponseDone) and event.response.usage is not None:
            self._link.successor.saw_context(event.response.usage.input_tokens, now)
        self._history.see(event, now)
        fault = fault_in(event)
        if fault is None:
            replies = self._say(self._dialogue.server_said(event, now))
            if self._runaway.see(event, now, is_sounding=self._sounding_since is not None):
                replies.append(reports.TALKS_WITH_ITSELF)
            if self._dialogue.turn in (Turn.NOBODY, Turn.AGENT):
                self._gate.see(event, now)
            return replies
        session_id = self._link.session_id
        closing = self._link.trouble(fault, now)
        if closing:
            return [*closing, *self._without_session(fault, session_id, now)]
        response_id = event.response.id if isinstance(event, said.ResponseDone) else ""
        told = [] if is_benign(fault) else [reports.server_trouble(fault, response_id)]
        return [*told, *self._say(self._dialogue.server_said(event, now))]

    def _lose_patience(self, now: float) -> list[Command]:
        """Give up what has not come in time, and a session from which nothing comes any more."""
        commands = self._say(self._dialogue.tick(now))
        unanswered = self._dialogue.unanswered_turns
        if unanswered < UNANSWERED_LIMIT or not self._link.is_up:
            return commands
        fault = Fault(FaultKind.UNANSWERED, f"the server left {unanswered} turns in a row unanswered")
        session_id = self._link.session_id
        closing = self._link.trouble(fault, now)
        return [*commands, *closing, *self._without_session(fault, session_id, now)]

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

    @property
    def _link_phase(self) -> LinkPhase:
        is_doubted = self._link.is_up and self._doubted_epoch == self._link.epoch
        return LinkPhase.DOUBTED if is_doubted else self._link.phase

    @property
    def _state(self) -> AgentState:
        facts = Facts(
            link=self._link_phase,
            turn=self._dialogue.turn,
            watch=self._vigil.watch(is_met=self._link.is_up or self._link.fault is not None),
            muted=self._is_muted,
            in_conversation=self._dialogue.is_open,
            microphone_works=happened.Device.MICROPHONE not in self._lost_devices,
            loudspeaker_works=happened.Device.LOUDSPEAKER not in self._lost_devices,
            funds=self._spending.funds,
        )
        return state_of(facts)

    def _because(self, cause: str, commands: list[Command]) -> list[Command]:
        """Pass the commands on; ``cause`` is remembered if what was just done has changed the state."""
        state = self._state
        if state is not self._explained:
            self._explained, self._cause = state, cause
        return commands

    def _settled(self, commands: list[Command], now: float) -> list[Command]:
        """Add what follows from the facts whatever has happened."""
        attended = [*commands, *self._because("quiet", self._attend(now))]
        followed = [*attended, *self._because("budget", self._mind_the_budget(now))]
        renewed = [*followed, *self._because("renewal", self._renew(now))]
        settled = self._gate.around(renewed, self._wanted_gate)
        self._dialogue.set_late(self._gate.is_catching_up or not self._link.is_up, now)
        return self._spending.paid(settled, now)

    def _mind_the_budget(self, now: float) -> list[Command]:
        """Stop before too much is spent, and go on when there is something to spend again."""
        told = self._spending.follow(
            self._link.epoch if self._link.is_up else None,
            self._link.way.endpoint,
            is_busy=self._dialogue.turn in (Turn.AGENT, Turn.PENDING),
            now=now,
        )
        return [*told, *self._follow_wishes(now)]

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
        """Open or close the session as it is wanted; what a closed one said last is not played to its end."""
        was_up = self._link.is_up
        commands = self._link.want(self._unwanted, now)
        if was_up and not self._link.is_up:
            return [*commands, *self._forget_session(now)]
        return commands

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
        """Open a successor of the session, or let it take over, if this is a moment for it."""
        is_idle = self._dialogue.is_idle and self._history.is_settled
        if not (is_idle and self._link.successor.is_ready):
            may_open = self._spending.may_open(self._link.way.endpoint, now)
            return self._link.renew(now, is_idle=is_idle) if may_open else []
        former_id = self._link.session_id
        held = self._gate.hold_for_successor(self._wanted_gate, now)
        handed_over = self._link.hand_over(now)
        self._history.session_ended(heard_s=None, is_unanswered=False)
        prepared = self._say([*self._dialogue.session_renewed(self._turns), *self._remembered()])
        told = reports.session_renewed(self._link.session_id, former_id)
        return [*held, *prepared, *handed_over, told, *self._tell_of_way(now)]

    @property
    def _wanted_gate(self) -> Gate:
        if self._is_muted or self._spending.is_finishing or not self._dialogue.wants_sound:
            return Gate.CLOSED
        if not self._vigil.hears_room:
            return Gate.HOLDING if self._vigil.listens_itself else Gate.CLOSED
        if self._link.is_up:
            return Gate.OPEN
        return Gate.HOLDING if self._link.is_coming else Gate.CLOSED

    def _say(self, replies: Iterable[Reply]) -> list[Command]:
        """Turn replies into commands; what was meant for a server is dropped when there is no session."""
        commands: list[Command] = []
        for reply in replies:
            if isinstance(reply, FlushPlayout | MeasureEcho | Tell):
                commands.append(reply)
            elif self._link.is_up:
                commands.append(Send(self._link.epoch, reply))
        return commands
