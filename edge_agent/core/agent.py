"""The agent: composes link, conversation, talk and buttons, and turns events into commands.

It decides everything and does nothing. The runner gives it events and the monotonic time, carries out the
commands, and shows the status; see :mod:`edge_agent.runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_agent.core import events as happened
from edge_agent.core import tools
from edge_agent.core.commands import (
    Command,
    FlushPlayout,
    Send,
    SetCapture,
    SetUplink,
    Tell,
)
from edge_agent.core.conversation import Conversation, TurnAnswered
from edge_agent.core.faults import Fault, FaultKind, is_benign
from edge_agent.core.gesture import Gesture, GestureReader, GestureSettings
from edge_agent.core.link import Link
from edge_agent.core.notices import Notice
from edge_agent.core.settings import Action, AgentSettings, ButtonSettings, Duplex, Mode
from edge_agent.core.status import Facts, LinkPhase, Status, Turn, state_of
from edge_agent.core.talk import Talk
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response


class Agent:
    """One device's decisions. Call :meth:`start` once, then :meth:`handle` and :meth:`tick`."""

    def __init__(self, settings: AgentSettings, new_delays: Callable[[], Iterator[float]]) -> None:
        self._settings = settings
        self._link = Link(new_delays)
        self._conversation = Conversation(settings.answer_limit_s)
        self._talk = Talk(settings)
        self._buttons = {button.name: _Button(button) for button in settings.buttons}
        self._lost_devices: dict[happened.Device, str] = {}
        self._is_muted = False
        self._create_is_due = False
        self._tail_until = 0.0
        self._uplink_is_open: bool | None = None
        self._cause = "start"

    # -- what the runner calls ---------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """What the agent is doing now, computed afresh."""
        facts = Facts(
            link=self._link.phase,
            turn=self._turn,
            muted=self._is_muted,
            in_conversation=self._talk.wants_sound,
            microphone_works=happened.Device.MICROPHONE not in self._lost_devices,
            loudspeaker_works=happened.Device.LOUDSPEAKER not in self._lost_devices,
        )
        response_id = self._conversation.active_response_id or ""
        return Status(state_of(facts), self._cause, self._link.session_id, response_id)

    def next_deadline(self) -> float | None:
        """When :meth:`tick` must be called at the latest, or None."""
        deadlines = [
            self._link.next_deadline(),
            self._conversation.next_deadline() if self._link.is_up else None,
            self._talk.next_deadline(),
            self._idle_deadline(),
            self._tail_until if self._tail_until else None,
            *(button.reader.next_deadline() for button in self._buttons.values()),
        ]
        return min((at for at in deadlines if at is not None), default=None)

    def start(self, now: float) -> list[Command]:
        """Open the link."""
        return [*self._link.start(now), *self._gate(now)]

    def stop(self, now: float) -> list[Command]:
        """End everything; no event is handled after this."""
        commands = self._link.stop()
        self._conversation = self._conversation.successor(now)
        return [*commands, SetUplink(False)]

    def handle(self, event: happened.Event, now: float) -> list[Command]:
        """Take one event and return what is to be done, in order."""
        commands = self._dispatch(event, now)
        return [*commands, *self._gate(now)]

    def tick(self, now: float) -> list[Command]:
        """Apply whatever is due."""
        commands: list[Command] = []
        if self._link.is_up and self._conversation.tick(now):
            commands += self._give_up_waiting()
        commands += self._link.tick(now)
        commands += self._send_all(self._finish_talk(now))
        idle_at = self._idle_deadline()
        if idle_at is not None and now >= idle_at:
            self._cause = "nobody spoke"
            commands += self._send_all(self._talk.toggle_conversation())
        if self._tail_until and now >= self._tail_until:
            self._tail_until = 0.0
        for button in self._buttons.values():
            commands += self._gestures(button, button.reader.tick(now), now)
        return [*commands, *self._gate(now)]

    # -- events ------------------------------------------------------------------------------------

    def _dispatch(self, event: happened.Event, now: float) -> list[Command]:
        match event:
            case happened.ServerSaid(epoch=epoch, event=server_event):
                is_ours = self._link.is_up and self._link.is_current(epoch)
                return self._server_said(server_event, now) if is_ours else []
            case happened.LinkUp():
                return self._link_up(event, now) if self._link.is_current(event.epoch) else []
            case happened.LinkDown(epoch=epoch, fault=fault):
                return self._link_down(fault, now) if self._link.is_current(epoch) else []
            case happened.SoundStarted(near_end_quiet_since=quiet_since):
                return self._sound_started(quiet_since, now)
            case happened.SoundEnded():
                return self._sound_ended(now)
            case happened.ButtonPressed(button=name) | happened.ButtonReleased(button=name):
                return self._edge(name, isinstance(event, happened.ButtonPressed), now)
            case happened.DeviceLost(device=device, reason=reason):
                return self._device_lost(device, reason)
            case happened.DeviceBack(device=device):
                return self._device_back(device)
            case happened.MuteRequested(muted=muted):
                return self._mute(muted, now)
            case happened.RawEventRequested(payload=payload):
                return self._send_all([ask.RawEvent(payload=payload)] if self._settings.raw_events else [])

    def _link_up(self, event: happened.LinkUp, now: float) -> list[Command]:
        self._cause = "session.updated"
        self._link.up(event.session_id, now)
        self._conversation = self._conversation.successor(now)
        self._create_is_due = False
        told = Tell(
            Notice.SESSION_OPENED,
            f"session {event.session_id or 'without a name'} is open",
            {"EDGE_SESSION_ID": event.session_id},
        )
        return [told, *self._send_all(self._talk.link_up())]

    def _link_down(self, fault: Fault, now: float) -> list[Command]:
        was_up = self._link.is_up
        self._link.down(fault, now)
        return self._without_link(fault, was_up, now)

    def _without_link(self, fault: Fault, was_up: bool, now: float) -> list[Command]:
        self._cause = fault.code or fault.kind.value
        flush: list[Command] = [FlushPlayout()] if self._conversation.is_audible else []
        self._conversation = self._conversation.successor(now)
        return [*flush, self._tell_down(fault, was_up, now)]

    def _tell_down(self, fault: Fault, was_up: bool, now: float) -> Tell:
        parked = self._link.phase is LinkPhase.PARKED
        lost = Notice.SESSION_ENDED if was_up else Notice.CONNECT_FAILED
        wait_s = self._link.retry_in_s(now)
        again = f"next try in {wait_s:.1f} s" if wait_s < 120 else f"next try in {wait_s / 60:.0f} min"
        hint = "; a button press or a reload tries at once" if parked else ""
        what = "the session ended" if was_up else "no session"
        fields = {"EDGE_ERROR_CODE": fault.code or fault.kind.value}
        return Tell(Notice.PARKED if parked else lost, f"{what}: {fault.message} ({again}{hint})", fields)

    def _sound_started(self, quiet_since: float | None, now: float) -> list[Command]:
        self._cause = "sound"
        answered = self._conversation.sound_started(quiet_since, now)
        return [_tell_answered(answered)] if answered is not None else []

    def _sound_ended(self, now: float) -> list[Command]:
        self._cause = "sound ended"
        self._conversation.sound_ended(now)
        self._tail_until = now + self._settings.half_duplex_tail_s
        return []

    def _device_lost(self, device: happened.Device, reason: str) -> list[Command]:
        self._cause = f"no {device.value}"
        self._lost_devices[device] = reason
        return [Tell(Notice.DEVICE_LOST, f"{device.value}: {reason}")]

    def _device_back(self, device: happened.Device) -> list[Command]:
        if self._lost_devices.pop(device, None) is None:
            return []
        self._cause = f"{device.value} is back"
        return [Tell(Notice.DEVICE_BACK, f"the {device.value} works again")]

    # -- the server's events -----------------------------------------------------------------------

    def _server_said(self, event: said.ServerEvent, now: float) -> list[Command]:
        before = self._turn
        commands: list[Command] = []
        match event:
            case said.ErrorEvent(error=error):
                fault = Fault(FaultKind.ERROR_EVENT, error.message, error.code, error.type, error.param)
                return self._trouble(fault, now)
            case said.ConversationItemInputAudioTranscriptionFailed(error=error):
                fault = Fault(
                    FaultKind.TRANSCRIPTION_FAILED, error.message or "", error.code, error.type, error.param
                )
                return self._trouble(fault, now)
            case said.InputAudioBufferSpeechStarted() if self._settings.interrupt_response:
                commands = self._barge_in(now)
            case said.OutputAudioBufferCleared():
                commands = self._cleared(event, now)
            case said.ResponseDone(response=response):
                commands = self._response_done(response, now)
            case said.ConversationItemDone(item=item) | said.ConversationItemAdded(item=item):
                commands = self._send_all(tools.refuse_approval(item, event))
            case _:
                pass
        self._conversation.see(event, now)
        if self._turn is not before:
            self._cause = event.wire_type
        return commands

    def _barge_in(self, now: float) -> list[Command]:
        if not self._conversation.is_audible:
            return []
        response_id = self._conversation.active_response_id or ""
        self._conversation.cut_off(now)
        told = Tell(Notice.BARGE_IN, "interrupted by speech", {"EDGE_RESPONSE_ID": response_id})
        return [FlushPlayout(), told]

    def _cleared(self, event: said.OutputAudioBufferCleared, now: float) -> list[Command]:
        if not self._conversation.is_newest_playing(event.response_id):
            return []
        self._conversation.cut_off(now)
        return [FlushPlayout()]

    def _response_done(self, response: Response, now: float) -> list[Command]:
        commands: list[Command] = []
        error = response.status_details.error if response.status_details else None
        if response.status == "failed":
            message = (error.message if error else None) or "the server gave no reason"
            code = error.code if error else None
            fault = Fault(FaultKind.RESPONSE_FAILED, message, code, error.type if error else None)
            commands += self._trouble(fault, now, response.id or "")
        commands += self._send_all(tools.answer_calls(response))
        if self._create_is_due:
            self._create_is_due = False
            commands += self._send_all([ask.ResponseCreate()])
        return commands

    def _trouble(self, fault: Fault, now: float, response_id: str = "") -> list[Command]:
        if fault.code == "conversation_already_has_active_response":
            self._create_is_due = True
        closing = self._link.trouble(fault, now)
        if closing:
            return [*closing, *self._without_link(fault, True, now)]
        if is_benign(fault):
            return []
        notice = Notice.RESPONSE_FAILED if response_id else Notice.SERVER_ERROR
        fields = {"EDGE_ERROR_CODE": fault.code or fault.error_type or "unknown"}
        if response_id:
            fields["EDGE_RESPONSE_ID"] = response_id
        return [Tell(notice, _words(fault), fields)]

    def _give_up_waiting(self) -> list[Command]:
        self._cause = "no answer"
        limit_s = self._settings.answer_limit_s
        told = Tell(
            Notice.NO_ANSWER, f"the server did not answer within {limit_s:.0f} s; giving up this turn"
        )
        return [told, *self._send_all([ask.ResponseCancel()])]

    # -- people ------------------------------------------------------------------------------------

    def _edge(self, name: str, pressed: bool, now: float) -> list[Command]:
        button = self._buttons.get(name)
        if button is None:
            return []
        woken = self._link.wake(now) if pressed else []
        return [*woken, *self._gestures(button, button.reader.edge(pressed, now), now)]

    def _gestures(self, button: _Button, gestures: list[Gesture], now: float) -> list[Command]:
        commands: list[Command] = []
        for gesture in gestures:
            commands += self._gesture(button.settings, gesture, now)
        return commands

    def _gesture(self, button: ButtonSettings, gesture: Gesture, now: float) -> list[Command]:
        match gesture:
            case Gesture.DOWN if button.hold is Action.TALK:
                return self._press_talk(now)
            case Gesture.SHORT_UP if button.hold is Action.TALK:
                return self._release_talk(self._talk.cancel(), now, said_something=False)
            case Gesture.HOLD_END if button.hold is Action.TALK:
                return self._release_talk(self._talk.release(now), now, said_something=self._talk.is_held)
            case Gesture.HOLD if button.hold is not Action.TALK:
                return self._act(button.hold, now)
            case Gesture.TAP:
                return self._act(button.tap, now)
            case Gesture.DOUBLE_TAP:
                return self._act(button.double_tap, now)
            case _:
                return []

    def _act(self, action: Action, now: float) -> list[Command]:
        match action:
            case Action.MUTE:
                return self._mute(not self._is_muted, now)
            case Action.INTERRUPT:
                return self._interrupt(now)
            case Action.CONVERSATION:
                self._cause = "button"
                return [*self._interrupt(now), *self._send_all(self._talk.toggle_conversation())]
            case _:
                return []

    def _press_talk(self, now: float) -> list[Command]:
        if self._is_muted or not self._link.is_up:
            return []
        self._cause = "talk button"
        return [*self._interrupt(now), *self._send_all(self._talk.press(now))]

    def _release_talk(
        self, events: list[ask.ClientEvent], now: float, *, said_something: bool
    ) -> list[Command]:
        if not said_something:
            self._conversation.person_stopped(now, asked=False)
        return self._send_all(events)

    def _finish_talk(self, now: float) -> list[ask.ClientEvent]:
        was_held = self._talk.is_held
        events = self._talk.tick(now)
        if was_held and not self._talk.is_held:
            self._cause = "talk button released"
            self._conversation.person_stopped(now, asked=True)
        return events

    def _interrupt(self, now: float) -> list[Command]:
        """Stop the answer: generation first, then the server's buffer, then ours (protocol order)."""
        events: list[ask.ClientEvent] = []
        if self._conversation.active_response_id is not None:
            events.append(ask.ResponseCancel())
        if not self._conversation.is_audible:
            return self._send_all(events)
        if self._conversation.is_playing:
            events.append(ask.OutputAudioBufferClear())
        self._conversation.cut_off(now)
        self._cause = "interrupted"
        return [*self._send_all(events), FlushPlayout()]

    def _mute(self, muted: bool, now: float) -> list[Command]:
        if muted == self._is_muted:
            return []
        self._is_muted = muted
        self._cause = "mute" if muted else "unmute"
        if not muted:
            return [SetCapture(True), Tell(Notice.UNMUTED, "the microphone is open again")]
        self._conversation.person_stopped(now, asked=False)
        forget = [*self._talk.cancel(), ask.InputAudioBufferClear()]
        events = forget if self._settings.takes_manual_turns else []
        told = Tell(Notice.MUTED, "muted: the microphone device is closed")
        return [SetUplink(False), SetCapture(False), *self._send_all(events), told]

    # -- what follows from the facts ---------------------------------------------------------------

    @property
    def _turn(self) -> Turn:
        if self._talk.is_held and not self._conversation.is_audible:
            return Turn.PERSON
        return self._conversation.turn

    def _gate(self, now: float) -> list[Command]:
        """Open or close the microphone gate if the facts ask for another position than it has."""
        is_open = self._link.is_up and self._talk.wants_sound and not self._is_muted
        if self._settings.duplex is Duplex.HALF and not self._talk.is_held:
            is_open = is_open and not self._conversation.is_audible and now >= self._tail_until
        if is_open == self._uplink_is_open:
            return []
        self._uplink_is_open = is_open
        return [SetUplink(is_open)]

    def _idle_deadline(self) -> float | None:
        """When a conversation that a button began ends by itself."""
        in_conversation = self._settings.mode is Mode.BUTTON and self._talk.wants_sound
        if not in_conversation or self._talk.is_held or self._conversation.turn is not Turn.NOBODY:
            return None
        return self._conversation.last_activity_at + self._settings.conversation_idle_limit_s

    def _send_all(self, events: list[ask.ClientEvent]) -> list[Command]:
        return [Send(self._link.epoch, event) for event in events] if self._link.is_up else []


class _Button:
    """A button's settings with the reader of its edges."""

    def __init__(self, settings: ButtonSettings) -> None:
        self.settings = settings
        wait_for_double = settings.double_tap is not Action.NONE
        self.reader = GestureReader(GestureSettings(settings.hold_s, wait_for_double))


def _tell_answered(answered: TurnAnswered) -> Tell:
    fields = {"EDGE_RESPONSE_ID": answered.response_id}
    if answered.voice_to_voice_s is None:
        return Tell(Notice.TURN_ANSWERED, "answered", fields)
    latency_ms = round(answered.voice_to_voice_s * 1000)
    return Tell(
        Notice.TURN_ANSWERED,
        f"answered {latency_ms} ms after the person's last sound",
        fields | {"EDGE_LATENCY_MS": str(latency_ms)},
    )


def _words(fault: Fault) -> str:
    where = f" (parameter {fault.param})" if fault.param else ""
    name = {
        FaultKind.RESPONSE_FAILED: "a response failed",
        FaultKind.TRANSCRIPTION_FAILED: "a transcription failed",
    }
    return f"{name.get(fault.kind, 'the server reports an error')}: {fault.message}{where}"
