"""The demo from start to end: both processes, the conversation, the report and the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TextIO

from edge_agent.audio.cards import list_cards
from edge_agent.control.client import ControlClient
from edge_agent.demo.children import Child, running, wait_for_address, write_config
from edge_agent.demo.errors import DemoError, NotReady
from edge_agent.demo.interview import Interview, unless
from edge_agent.demo.mouth import QUESTIONS, find_flite, synthesize
from edge_agent.demo.options import DemoOptions, SoundPlan, Voice, plan_sound
from edge_agent.demo.record import Record
from edge_agent.demo.view import View, open_view
from edge_agent.errors import ControlError, ExitCode
from edge_agent.interruption import SIGNAL_EXIT_BASE, until_signalled

DAEMON_STOP_LIMIT_S = 3.5
SERVER_STOP_LIMIT_S = 1.0
"""Both together, one after the other, stay within the five seconds that a person waits after Ctrl-C."""

CONTROL_LIMIT_S = 45.0
"""From the daemon's start to its control socket; importing everything takes 10 s on a small board."""

RETRY_S = 0.01
"""A session with a server on the same machine is open 30 ms after its agent listens, for all to see."""

DRAW_PERIOD_S = 0.1


@dataclass(slots=True)
class Outcome:
    """How it went. ``problem`` is what to tell the person, "" if nothing."""

    record: Record = field(default_factory=Record)
    problem: str = ""
    signal_number: int = 0
    recording: Path | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the demo has shown what it is to show."""
        return not self.problem and not self.signal_number and self.record.is_complete

    @property
    def exit_code(self) -> int:
        """What the command returns."""
        if self.signal_number:
            return SIGNAL_EXIT_BASE + self.signal_number
        return ExitCode.OK if self.is_ok else ExitCode.FAILED


def run_demo(options: DemoOptions) -> int:
    """Hold the conversation and return the exit code: 0 only if every turn was answered with sound.

    Everything for people goes to stdout; with ``options.json`` to stderr, and one JSON object is the last
    line on stdout. SIGINT, SIGTERM and SIGHUP end both processes in order within 5 s.
    """
    stream = sys.stderr if options.json else sys.stdout
    outcome = Outcome()
    view = open_view(stream)
    try:
        asyncio.run(_run(options, outcome, view))
    finally:
        view.close()
    _report(outcome, stream)
    if options.json:
        sys.stdout.write(json.dumps(as_json(outcome)) + "\n")
        sys.stdout.flush()
    return outcome.exit_code


def as_json(outcome: Outcome) -> dict[str, object]:
    """Return the result as plain values."""
    record = outcome.record
    return {
        "ok": outcome.is_ok,
        "turns": [
            {
                "user": turn.user or "",
                "assistant": turn.assistant or "",
                "voice_to_voice_ms": turn.voice_to_voice_ms,
            }
            for turn in record.turns
        ],
        "states": record.states,
        "leds": record.leds,
        "events": dict(record.events),
    }


async def _run(options: DemoOptions, outcome: Outcome, view: View) -> None:
    """Drive until the end or a signal; what went wrong is in ``outcome``."""

    async def drive() -> None:
        try:
            await _drive(options, outcome, view)
        except (DemoError, ControlError) as error:
            outcome.problem = str(error)

    outcome.signal_number = await until_signalled(drive())


async def _drive(options: DemoOptions, outcome: Outcome, view: View) -> None:
    with _folders(options.keep) as (folder, scratch):
        plan = plan_sound(options, list_cards(), folder, scratch)
        if options.output is not None or options.keep is not None:
            outcome.recording = plan.recording
        if plan.voice is Voice.SYNTHETIC:
            find_flite()
        async with _drawing(view, outcome.record):
            children = await _hold(options, plan, (folder, scratch), outcome.record, view)
        problems = [child.complaint for child in children if child.complaint]
        if problems:
            raise DemoError("after the conversation " + " and ".join(problems))


async def _hold(
    options: DemoOptions, plan: SoundPlan, folders: tuple[Path, Path], record: Record, view: View
) -> tuple[Child, Child]:
    """Run server and daemon for the length of the conversation; return both, ended."""
    folder, scratch = folders
    config, socket = folder / "edge-agent.yaml", scratch / "control.sock"
    view.say("Starting the local server ...")
    serve = (*options.programs.server, "--port", "0", "--dialect", options.dialect.value)
    log = folder / "server.log"
    async with running("the server", serve, log, SERVER_STOP_LIMIT_S, reads_stdout=True) as server:
        url = await wait_for_address(server)
        write_config(config, url, options, (plan.input, plan.output), socket)
        view.say(f"Starting the daemon: microphone {plan.input}, loudspeaker {plan.output} ...")
        run = (*options.programs.daemon, "--config", str(config))
        async with running("the daemon", run, folder / "daemon.log", DAEMON_STOP_LIMIT_S) as daemon:
            talk = _talk(options, plan, socket, record, view)
            try:
                await unless(talk, server.ended(), daemon.ended())
            except NotReady as error:
                raise daemon.failure(str(error)) from error
            view.say("Ending both ...")
    return server, daemon


async def _talk(options: DemoOptions, plan: SoundPlan, socket: Path, record: Record, view: View) -> None:
    """Connect to the daemon and hold the conversation."""
    async with await _connect(socket) as client:
        interview = Interview(client, record, view)
        await unless(_converse(options, plan, interview), interview.watch())


async def _converse(options: DemoOptions, plan: SoundPlan, interview: Interview) -> None:
    match plan.voice:
        case Voice.SYNTHETIC:
            questions = QUESTIONS[: options.turns]
            spoken = [await synthesize(question) for question in questions]
            await interview.begin()
            await interview.ask(spoken, options.turns, Path(plan.input.removeprefix("fifo:")))
        case Voice.RECORDED:
            await interview.begin()
            await interview.follow_recording(plan.recording_s, options.turns)
        case Voice.PERSON:
            await interview.begin()
            await interview.follow_person(options.turns)
    unanswered = sum(not turn.is_answered for turn in interview.record.turns)
    if unanswered or not interview.record.turns:
        raise DemoError(f"{unanswered or 'all'} of the questions were not answered with sound")


async def _connect(socket: Path) -> ControlClient:
    """Connect as soon as the daemon listens. Raises DemoError."""
    try:
        async with asyncio.timeout(CONTROL_LIMIT_S):
            while True:
                with contextlib.suppress(ControlError):
                    return await ControlClient.connect(socket)
                await asyncio.sleep(RETRY_S)
    except TimeoutError as error:
        raise DemoError(
            f"the daemon did not open its control socket within {CONTROL_LIMIT_S:.0f} s"
        ) from error


@asynccontextmanager
async def _drawing(view: View, record: Record) -> AsyncIterator[None]:
    """Redraw some times a second for the length of the block."""
    clock = asyncio.get_running_loop().time

    async def draw() -> None:
        while True:
            view.draw(record, clock())
            await asyncio.sleep(DRAW_PERIOD_S)

    drawing = asyncio.create_task(draw())
    try:
        yield
    finally:
        drawing.cancel()
        await asyncio.wait({drawing})
        view.draw(record, clock())


@contextmanager
def _folders(keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """Give the folder for logs and recording and one for sockets, whose paths must be short (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="edge-agent-") as scratch:
        if keep is not None:
            try:
                keep.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DemoError(f"--keep: can't make the folder {keep}: {error.strerror}") from error
        yield (keep or Path(scratch)).absolute(), Path(scratch)


def _report(outcome: Outcome, stream: TextIO) -> None:
    turns = outcome.record.turns
    known_ms = [turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None]
    answered = sum(turn.is_answered for turn in turns)
    lines = []
    if turns:
        latency = f"; from voice to voice {median(known_ms):.0f} ms (median)" if known_ms else ""
        lines.append(f"{answered} of {len(turns)} turns answered with sound{latency}")
    if outcome.recording is not None and outcome.recording.exists():
        lines.append(f"the loudspeaker's side is recorded in {outcome.recording}")
    if outcome.signal_number:
        lines.append(f"ended by {signal.Signals(outcome.signal_number).name}")
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
    if outcome.problem:
        sys.stderr.write(f"edge-agent demo: {outcome.problem}\n")
        sys.stderr.flush()
