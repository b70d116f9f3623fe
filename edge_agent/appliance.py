"""One configuration brought to life: sound, pins, sessions, control socket and the agent that moves them.

The appliance carries out what the agent commands; what the agent is, :mod:`~edge_agent.display` shows. It
decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from pathlib import Path

from edge_agent.accounts import Accounts
from edge_agent.audio.earcons import sound_of
from edge_agent.audio.playback import ON_ITS_WAY_S
from edge_agent.bookkeeper import Bookkeeper, tell_time
from edge_agent.control.listener import ControlSocket
from edge_agent.control.messages import Mute, Press, Release, Request, SendRaw, ShowStatistics, Volume
from edge_agent.core.agent import Agent
from edge_agent.core.commands import (
    AwaitPause,
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
    EchoMeasured,
    Event,
    LinkDown,
    MuteRequested,
    RawEventRequested,
    ServerSaid,
    VolumeRequested,
)
from edge_agent.core.limits import cautious
from edge_agent.core.notices import Notice
from edge_agent.core.progress import ProgressGate
from edge_agent.core.ways import Way
from edge_agent.display import Display
from edge_agent.gpio.buttons import Buttons
from edge_agent.gpio.leds import Leds
from edge_agent.gpio.light import LedTask
from edge_agent.networks import Networks
from edge_agent.parts import Parts
from edge_agent.runner import Runner
from edge_agent.session import clock
from edge_agent.session.session import RealtimeSession
from edge_agent.sessions import Sessions
from edge_agent.sound import Sound, in_loop
from edge_agent.supervision import Supervisor

logger = logging.getLogger(__name__)

HANG_UP_LIMIT_S = 4.0
"""A session takes 3.5 s at most, see Deadlines; one that has not hung up by then is told and abandoned."""

STANDSTILL_LIMIT_S = 5.0
"""Every part comes round within a second or so, retries of a missing device included; this allows for a
machine that is busy with something else."""


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
        self._display = Display(supervisor, log_transcripts=parts.log_transcripts)
        self._bookkeeper = Bookkeeper(state_folder, cautious(parts.agent_settings.limits), self._display.tell)
        self._agent = Agent(parts.agent_settings, random.random, self._bookkeeper.ledger)
        self._runner = Runner(self._agent, self._perform, self._display.show, self._observe)
        self._sessions: Sessions | None = None
        urls = [server.endpoint.base_url for server in parts.endpoints]
        self._networks = Networks(urls, self._runner.post)
        self._crash: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._sound = Sound(parts, self._runner.post, self._crashed)
        self._accounts = Accounts(
            self._sound.capture, self._sound.playback, parts.uplink, parts.downlink, self._display.tell
        )

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
            self._start_sound(cleanup)
            async with asyncio.TaskGroup() as tasks:
                await self._live(tasks, leds, stop, ready)

    # -- life and death ----------------------------------------------------------------------------

    def _open_pins(self, cleanup: contextlib.AsyncExitStack) -> Leds:
        wants_pins = bool(self._parts.leds or self._parts.buttons)
        factory, reason = self._parts.open_pins() if wants_pins else (None, "")
        if factory is None and wants_pins:
            self._display.tell(Tell(Notice.NO_GPIO, f"no LEDs and no buttons: {reason}"))
        if factory is not None:
            cleanup.callback(factory.close)
        leds = Leds(self._parts.leds, factory)
        cleanup.callback(leds.close)
        buttons = Buttons(self._parts.buttons, factory, in_loop(self._loop, self._edge))
        cleanup.callback(buttons.close)
        return leds

    async def _open_control(self, cleanup: contextlib.AsyncExitStack) -> None:
        settings = self._parts.control
        if settings is None:
            return
        control = ControlSocket(settings, self._requested)
        self._display.control = control
        await control.start()
        cleanup.push_async_callback(control.close)

    def _start_sound(self, cleanup: contextlib.AsyncExitStack) -> None:
        if self._starts_muted:
            self._sound.capture.set_enabled(False)
            self._runner.post(MuteRequested(True))
        cleanup.push_async_callback(self._sound.stop)
        self._sound.start(self._volume_percent)

    async def _live(
        self, tasks: asyncio.TaskGroup, leds: Leds, stop: asyncio.Event, ready: Callable[[], None]
    ) -> None:
        self._sessions = Sessions(self._make_session, tasks, self._bookkeeper.kept)
        light = LedTask(leds, self._loop.time)
        self._display.light = light
        living = [
            tasks.create_task(self._runner.run(), name="runner"),
            tasks.create_task(light.run(), name="light"),
            tasks.create_task(self._accounts.run(), name="accounts"),
            tasks.create_task(self._bookkeeper.run(), name="ledger"),
            tasks.create_task(tell_time(self._runner.post), name="time"),
            tasks.create_task(self._feed_watchdog(), name="watchdog"),
            tasks.create_task(self._watch_clock(), name="clock"),
            tasks.create_task(self._networks.run(), name="networks"),
        ]
        if (control := self._display.control) is not None:
            levels = self._display.keep_showing_levels(control, lambda: self._sound.levels_dbfs)
            statistics = self._display.keep_showing_statistics(control, self._accounts.report)
            living += [
                tasks.create_task(levels, name="levels"),
                tasks.create_task(statistics, name="statistics"),
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
        return {"agent": self._runner.progress, **self._sound.progress}

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
                self._sound.playback.flush(ON_ITS_WAY_S)
            case PlaySound(sound=sound):
                self._sound.playback.play_over(sound_of(sound))
            case SetUplink(gate=gate, since=since, pause_s=pause_s):
                self._parts.uplink.set_gate(gate, since, pause_s)
            case AwaitPause():
                self._parts.uplink.await_pause()
            case ListenFor(what=what):
                self._sound.ear.listen_for(what)
            case SetCapture(open=is_open):
                self._sound.capture.set_enabled(is_open)
            case SetVolume(percent=percent):
                self._sound.knob.set(percent)
            case StepVolume(by_percent=by_percent):
                self._sound.knob.step(by_percent)
            case MeasureEcho():
                self._runner.post(EchoMeasured(self._sound.capture.echo_likeness))
            case SaveLedger(text=text):
                self._bookkeeper.save(text)
            case Tell():
                self._display.tell(command)

    def _make_session(self, epoch: int, way: Way) -> RealtimeSession:
        return self._parts.make_session(
            epoch, way, self._runner.post, self._display.saw_wire_type, self._display.saw_malformed
        )

    def _hand_over(self, epoch: int) -> None:
        assert self._sessions is not None
        session = self._sessions.hand_over(epoch)
        if session is not None:
            self._accounts.begin(epoch, lambda: session.counters)

    def _observe(self, event: Event) -> None:
        self._networks.saw(event)
        match event:
            case ServerSaid():
                self._display.server_said(event.event)
            case LinkDown(epoch=epoch):
                self._accounts.end(epoch)
            case _:
                pass

    # -- what happens ------------------------------------------------------------------------------

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
                self._display.show_statistics(self._accounts.report)
            case SendRaw(event=payload):
                self._runner.post(RawEventRequested(payload))

    def _crashed(self, error: BaseException) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_exception(error)
