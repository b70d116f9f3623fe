"""One configuration brought to life: sound, pins, sessions, control socket and the agent that moves them.

The appliance carries out what the agent commands and shows what the agent is. It decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec

from edge_agent import journal
from edge_agent.accounts import Accounts
from edge_agent.audio.capture import Capture
from edge_agent.audio.ear import Ear
from edge_agent.audio.earcons import sound_of
from edge_agent.audio.level import FLOOR_DBFS
from edge_agent.audio.playback import ON_ITS_WAY_S, Playback
from edge_agent.audio.volume import VolumeKnob
from edge_agent.bookkeeper import Bookkeeper, tell_time
from edge_agent.control import (
    ControlSocket,
    LedShown,
    Level,
    Mute,
    NoticeTold,
    Press,
    Release,
    Request,
    SendRaw,
    ShowStatistics,
    StateShown,
    StatisticsShown,
    Transcript,
    TurnAnswered,
    Volume,
    WireEvent,
)
from edge_agent.core.agent import Agent
from edge_agent.core.commands import (
    CloseLink,
    Command,
    FlushPlayout,
    HandOver,
    ListenFor,
    MeasureEcho,
    OpenLink,
    PlaySound,
    SaveLedger,
    Send,
    SetCapture,
    SetUplink,
    SetVolume,
    StepVolume,
    Tell,
)
from edge_agent.core.events import (
    ButtonPressed,
    ButtonReleased,
    ClockSet,
    Device,
    DeviceBack,
    EchoMeasured,
    Event,
    LinkDown,
    MicrophoneCaughtUp,
    MuteRequested,
    RawEventRequested,
    ServerSaid,
    SoundStarted,
    VolumeChanged,
    VolumeRequested,
)
from edge_agent.core.indicator import PATTERNS
from edge_agent.core.limits import cautious
from edge_agent.core.notices import Notice
from edge_agent.core.progress import ProgressGate
from edge_agent.core.status import Status
from edge_agent.core.transcripts import Line, Transcripts
from edge_agent.core.ways import Way
from edge_agent.gpio.buttons import Buttons
from edge_agent.gpio.leds import Leds
from edge_agent.gpio.light import LedTask
from edge_agent.networks import Networks
from edge_agent.parts import Parts
from edge_agent.runner import Runner
from edge_agent.session import clock
from edge_agent.session.session import RealtimeSession
from edge_agent.sessions import Sessions
from edge_agent.supervision import Supervisor

logger = logging.getLogger(__name__)

HANG_UP_LIMIT_S = 4.0
"""A session takes 3.5 s at most, see Deadlines; one that has not hung up by then is told and abandoned."""

THREAD_LIMIT_S = 1.0
"""A sound thread comes round every 10 ms; one that has not ended by then hangs in a driver."""

STANDSTILL_LIMIT_S = 5.0
"""Every part comes round within a second or so, retries of a missing device included; this allows for a
machine that is busy with something else."""

THREAD_POLL_S = 0.005
"""Half a period: how often to look whether a sound thread has ended."""

LEVEL_PERIOD_S = 0.2
"""Five times a second is what an eye follows."""

STATISTICS_PERIOD_S = 5.0
"""How often the control socket's clients get the statistics without asking."""

P = ParamSpec("P")


class Appliance:
    """Built from ``parts``; :meth:`run` brings it to life until ``stop`` is set.

    ``starts_muted``: the microphone is closed until somebody opens it. ``volume_percent``: where the volume
    begins, None: where ``parts`` say. ``state_folder``: where is kept what outlives it, None: nowhere.
    """

    def __init__(
        self,
        parts: Parts,
        supervisor: Supervisor,
        *,
        starts_muted: bool = False,
        volume_percent: int | None = None,
        state_folder: Path | None = None,
    ) -> None:
        self._parts = parts
        self._supervisor = supervisor
        self._starts_muted = starts_muted
        self._volume_percent = parts.volume_percent if volume_percent is None else volume_percent
        self._control: ControlSocket | None = None
        self._bookkeeper = Bookkeeper(state_folder, cautious(parts.agent_settings.limits), self._tell)
        self._agent = Agent(parts.agent_settings, random.random, self._bookkeeper.ledger)
        self._runner = Runner(self._agent, self._perform, self._show, self._observe)
        self._transcripts = Transcripts()
        self._sessions: Sessions | None = None
        self._networks = Networks(parts.endpoints[0].endpoint.base_url, self._runner.post)
        self._crash: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._light: LedTask | None = None
        self._knob = VolumeKnob(parts.volume, self._from_thread(self._turned))
        self._ear = Ear(
            parts.wake_word, self._from_thread(self._from_sound), self._from_thread(self._crashed)
        )
        self._capture = Capture(
            parts.open_input,
            parts.uplink,
            self._from_thread(self._from_sound),
            self._from_thread(self._crashed),
            parts.far_end,
            parts.open_canceller(),
            parts.duck,
            self._ear,
        )
        self._playback = Playback(
            parts.open_output,
            parts.downlink,
            self._from_thread(self._from_sound),
            self._from_thread(self._crashed),
            parts.far_end,
            parts.gain,
        )

        self._accounts = Accounts(self._capture, self._playback, parts.uplink, parts.downlink, self._tell)

    @property
    def is_muted(self) -> bool:
        """Whether a person wants the microphone closed."""
        return self._agent.is_muted

    @property
    def volume_percent(self) -> int | None:
        """How loud a person wants it; None while nobody has said."""
        return self._parts.volume.chosen_percent

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Live until ``stop`` is set. Raises what a sound thread or a task died of."""
        self._crash = self._loop.create_future()
        async with contextlib.AsyncExitStack() as cleanup:
            leds = self._open_pins(cleanup)
            await self._open_control(cleanup)
            self._start_threads(cleanup)
            async with asyncio.TaskGroup() as tasks:
                await self._live(tasks, leds, stop, ready)

    # -- life and death ----------------------------------------------------------------------------

    def _open_pins(self, cleanup: contextlib.AsyncExitStack) -> Leds:
        wants_pins = bool(self._parts.leds or self._parts.buttons)
        factory, reason = self._parts.open_pins() if wants_pins else (None, "")
        if factory is None and wants_pins:
            self._tell(Tell(Notice.NO_GPIO, f"no LEDs and no buttons: {reason}"))
        if factory is not None:
            cleanup.callback(factory.close)
        leds = Leds(self._parts.leds, factory)
        cleanup.callback(leds.close)
        buttons = Buttons(self._parts.buttons, factory, self._from_thread(self._edge))
        cleanup.callback(buttons.close)
        return leds

    async def _open_control(self, cleanup: contextlib.AsyncExitStack) -> None:
        settings = self._parts.control
        if settings is None:
            return
        self._control = ControlSocket(settings, self._requested)
        await self._control.start()
        cleanup.push_async_callback(self._control.close)

    def _start_threads(self, cleanup: contextlib.AsyncExitStack) -> None:
        self._parts.uplink.tell_caught_up_to(
            partial(self._from_thread(self._runner.post), MicrophoneCaughtUp())
        )
        if self._starts_muted:
            self._capture.set_enabled(False)
            self._runner.post(MuteRequested(True))
        self._knob.start()
        cleanup.callback(self._knob.stop)
        if self._volume_percent is not None:
            self._knob.begin_at(self._volume_percent)
        cleanup.push_async_callback(self._stop_threads)
        self._ear.start()
        self._capture.start()
        self._playback.start()

    async def _stop_threads(self) -> None:
        """End the sound threads. Polled: a thread that waits for them would stay in the loop's executor."""
        deadline = self._loop.time() + THREAD_LIMIT_S
        running: dict[str, Capture | Playback | Ear] = {
            "microphone": self._capture,
            "loudspeaker": self._playback,
            "wake word": self._ear,
        }
        while late := [name for name, thread in running.items() if not thread.stop(0.0)]:
            if self._loop.time() > deadline:
                logger.error("%s: did not end within %.0f s", " and ".join(late), THREAD_LIMIT_S)
                return
            await asyncio.sleep(THREAD_POLL_S)

    async def _live(
        self, tasks: asyncio.TaskGroup, leds: Leds, stop: asyncio.Event, ready: Callable[[], None]
    ) -> None:
        self._sessions = Sessions(self._make_session, tasks, self._bookkeeper.kept)
        self._light = LedTask(leds, self._loop.time)
        living = [
            tasks.create_task(self._runner.run(), name="runner"),
            tasks.create_task(self._light.run(), name="light"),
            tasks.create_task(self._accounts.run(), name="accounts"),
            tasks.create_task(self._bookkeeper.run(), name="ledger"),
            tasks.create_task(tell_time(self._runner.post), name="time"),
            tasks.create_task(self._feed_watchdog(), name="watchdog"),
            tasks.create_task(self._watch_clock(), name="clock"),
            tasks.create_task(self._networks.run(), name="networks"),
        ]
        if self._control is not None:
            living += [
                tasks.create_task(self._publish_levels(self._control), name="levels"),
                tasks.create_task(self._publish_statistics(self._control), name="statistics"),
            ]
        ready()
        try:
            await self._until_stopped_or_crashed(stop)
        finally:
            for task in living:
                task.cancel()
            await asyncio.wait(living)
            self._runner.stop()
            await self._sessions.closed(HANG_UP_LIMIT_S)
            self._bookkeeper.finish()

    async def _watch_clock(self) -> None:
        await clock.wait_until_set()
        self._runner.post(ClockSet())

    async def _until_stopped_or_crashed(self, stop: asyncio.Event) -> None:
        assert self._crash is not None
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((stopped, self._crash), return_when=asyncio.FIRST_COMPLETED)
            if self._crash.done():
                self._crash.result()
        finally:
            stopped.cancel()

    async def _feed_watchdog(self) -> None:
        """Feed the service manager's watchdog while everything that has to move does move."""
        interval_s = self._supervisor.watchdog_interval_s
        if interval_s is None:
            return
        gate = ProgressGate(dict.fromkeys(self._progress(), STANDSTILL_LIMIT_S))
        while True:
            stuck = gate.stuck(self._progress(), self._loop.time())
            if stuck:
                logger.error("no progress: %s; the watchdog is not fed", ", ".join(stuck))
            else:
                self._supervisor.feed_watchdog()
            await asyncio.sleep(min(interval_s, STANDSTILL_LIMIT_S / 2))

    def _progress(self) -> dict[str, int]:
        return {
            "agent": self._runner.progress,
            "microphone": self._capture.progress,
            "loudspeaker": self._playback.progress,
            **({"wake word": self._ear.progress} if self._ear.has_word else {}),
        }

    # -- what the agent commands -------------------------------------------------------------------

    def _perform(self, command: Command) -> None:
        assert self._sessions is not None
        match command:
            case OpenLink(epoch=epoch, way=way):
                self._sessions.open(epoch, way)
            case HandOver(epoch=epoch):
                self._hand_over(epoch)
            case CloseLink(epoch=epoch):
                self._sessions.close(epoch)
                self._accounts.end(epoch)
            case Send(epoch=epoch, event=event):
                self._sessions.send(epoch, event)
            case FlushPlayout():
                self._playback.flush(ON_ITS_WAY_S)
            case PlaySound(sound=sound):
                self._playback.play_over(sound_of(sound))
            case SetUplink(gate=gate, since=since):
                self._parts.uplink.set_gate(gate, since)
            case ListenFor(what=what):
                self._ear.listen_for(what)
            case SetCapture(open=is_open):
                self._capture.set_enabled(is_open)
            case SetVolume(percent=percent):
                self._knob.set(percent)
            case StepVolume(by_percent=by_percent):
                self._knob.step(by_percent)
            case MeasureEcho():
                self._runner.post(EchoMeasured(self._capture.echo_likeness))
            case SaveLedger(text=text):
                self._bookkeeper.save(text)
            case Tell():
                self._tell(command)

    def _make_session(self, epoch: int, way: Way) -> RealtimeSession:
        return self._parts.make_session(
            epoch, way, self._runner.post, self._saw_wire_type, self._saw_malformed
        )

    def _hand_over(self, epoch: int) -> None:
        assert self._sessions is not None
        session = self._sessions.hand_over(epoch)
        if session is not None:
            self._accounts.begin(epoch, lambda: session.counters)

    def _tell(self, told: Tell) -> None:
        journal.tell(told.notice, told.text, told.fields)
        if self._control is None:
            return
        notice = told.notice
        self._control.publish(NoticeTold(notice.name.lower(), notice.severity.name.lower(), told.text))
        if notice is Notice.TURN_ANSWERED:
            latency_ms = told.fields.get("EDGE_LATENCY_MS")
            self._control.publish(TurnAnswered(None if latency_ms is None else float(latency_ms)))

    # -- what the agent is -------------------------------------------------------------------------

    def _show(self, status: Status, now: float) -> None:
        pattern = PATTERNS[status.state]
        fields = {"EDGE_STATE": status.state.value, "EDGE_EVENT": status.cause}
        if status.session_id:
            fields["EDGE_SESSION_ID"] = status.session_id
        if status.response_id:
            fields["EDGE_RESPONSE_ID"] = status.response_id
        journal.tell(Notice.STATE_CHANGED, f"{status.state.value} ({status.cause})", fields)
        self._supervisor.status(f"{status.state.value} ({status.cause})")
        if self._light is not None:
            self._light.show(pattern)
        if self._control is not None:
            at_s = self._control.since_start_s(now)
            self._control.publish(StateShown(status.state.value, at_s))
            self._control.publish(LedShown(pattern.name, at_s))

    def _observe(self, event: Event) -> None:
        self._networks.saw(event)
        match event:
            case ServerSaid():
                for line in self._transcripts.see(event.event):
                    self._show_line(line)
            case LinkDown(epoch=epoch):
                self._accounts.end(epoch)
            case _:
                pass

    def _show_line(self, line: Line) -> None:
        if self._control is not None:
            self._control.publish(Transcript(line.role, line.item_id, line.text, line.is_final))
        if self._parts.log_transcripts and line.is_final:
            logger.info("%s: %s", line.role, line.text, extra={"EDGE_ITEM_ID": line.item_id})

    def _saw_wire_type(self, wire_type: str) -> None:
        if self._control is not None:
            self._control.publish(WireEvent(wire_type))

    def _saw_malformed(self, reason: str) -> None:
        self._tell(Tell(Notice.MALFORMED_EVENT, f"the server sent a message that is no event: {reason}"))

    async def _publish_levels(self, control: ControlSocket) -> None:
        while True:
            await control.wait_for_client()
            await asyncio.sleep(LEVEL_PERIOD_S)
            control.publish(
                Level(_shown_level(self._capture.level_dbfs), _shown_level(self._playback.level_dbfs))
            )

    async def _publish_statistics(self, control: ControlSocket) -> None:
        while True:
            await control.wait_for_client()
            self._show_statistics()
            await asyncio.sleep(STATISTICS_PERIOD_S)

    def _show_statistics(self) -> None:
        if self._control is not None:
            at_s = self._control.since_start_s(self._loop.time())
            self._control.publish(StatisticsShown(at_s, self._accounts.report()))

    # -- what happens ------------------------------------------------------------------------------

    def _from_thread(self, handler: Callable[P, None]) -> Callable[P, None]:
        """Return ``handler`` as other threads may call it: it runs in the loop, soon."""

        def hand_over(*args: P.args, **kwargs: P.kwargs) -> None:
            self._loop.call_soon_threadsafe(partial(handler, *args, **kwargs))

        return hand_over

    def _from_sound(self, event: Event) -> None:
        if isinstance(event, SoundStarted):
            event = SoundStarted(self._capture.last_voice_at)
        if event == DeviceBack(Device.LOUDSPEAKER):
            self._knob.renew()
        self._runner.post(event)

    def _turned(self, percent: int) -> None:
        self._runner.post(VolumeChanged(percent))

    def _edge(self, name: str, pressed: bool) -> None:
        self._runner.post(ButtonPressed(name) if pressed else ButtonReleased(name))

    def _requested(self, request: Request) -> None:
        match request:
            case Press(button=name):
                self._runner.post(ButtonPressed(name))
            case Release(button=name):
                self._runner.post(ButtonReleased(name))
            case Mute(on=muted):
                self._runner.post(MuteRequested(muted))
            case Volume(percent=percent):
                self._runner.post(VolumeRequested(percent))
            case ShowStatistics():
                self._show_statistics()
            case SendRaw(event=payload):
                self._runner.post(RawEventRequested(payload))

    def _crashed(self, error: BaseException) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_exception(error)


def _shown_level(level_dbfs: float) -> float | None:
    """A level with as many digits as a person reads; None for silence."""
    return None if level_dbfs <= FLOOR_DBFS else round(level_dbfs, 1)
