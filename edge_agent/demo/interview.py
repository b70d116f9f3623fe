"""Holding the conversation: waits for the agent, lets somebody speak, and watches what comes of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.control.client import ControlClient
from edge_agent.control.messages import SendRaw
from edge_agent.demo.errors import DemoError, NotReady
from edge_agent.demo.mouth import QUESTIONS, say
from edge_agent.demo.record import Record
from edge_agent.demo.view import View

WRONG_EVENT: dict[str, object] = {"type": "demo.no_such_event", "event_id": "demo_wrong_on_purpose"}
"""Not of the protocol: the server must answer it with ``error`` and go on."""

CONNECT_LIMIT_S = 45.0
"""From the daemon's start to its first ``ready``."""

FAILED_LIMIT_S = 5.0
"""An agent that has failed may recover: a device that is there is opened at the next try."""

ERROR_LIMIT_S = 5.0
"""The server answers a wrong event at once."""

BREATH_S = 0.7
"""A person's pause before the next question, longer than the half-duplex tail of the microphone."""

ANSWER_LIMIT_S = 60.0
"""From the end of a question until its answer has been played. Recognition on a small board is slow."""

TRANSCRIPT_LIMIT_S = 3.0
"""What the person said may be written down later than it is answered."""

RECORDING_LIMIT_S = 20.0
"""So long after the end of a recording nothing more is expected of it."""

CLOSED_GRACE_S = 3.0
"""Between the end of the control socket and the end of the process."""

PERSON_LIMIT_S = 300.0
"""A person who says nothing for so long has gone."""


Result = TypeVar("Result")


class Interview:
    """One conversation by way of the control socket."""

    def __init__(self, client: ControlClient, record: Record, view: View) -> None:
        self.record = record
        self._client = client
        self._view = view
        self._changed = asyncio.Event()

    async def watch(self) -> DemoError:
        """Take messages until the daemon closes the socket, and return that as a failure."""
        while True:
            message = await self._client.receive()
            if message is None:
                # A daemon that dies closes the socket first; its exit code and log say more.
                await asyncio.sleep(CLOSED_GRACE_S)
                return DemoError("the daemon closed its control socket")
            self.record.see(message)
            self._view.see(message)
            self._changed.set()

    async def begin(self) -> None:
        """Wait until the agent is ready, and let the server answer one wrong event.

        Raises NotReady, and DemoError for a server that does not answer.
        """
        await self._until(lambda: self.record.is_ready or self.record.has_failed, CONNECT_LIMIT_S)
        if not await self._until(lambda: self.record.is_ready, FAILED_LIMIT_S):
            raise NotReady(f"did not get ready: the state is {self.record.state}")
        self._view.say("A wrong event is sent on purpose: the server will answer with an error and go on.")
        await self._client.send(SendRaw(WRONG_EVENT))
        if not await self._until(lambda: self.record.events["error"] > 0, ERROR_LIMIT_S):
            raise DemoError(f"the server did not answer a wrong event within {ERROR_LIMIT_S:.0f} s")

    async def ask(self, spoken: Sequence[bytes], turns: int, pipe: Path) -> None:
        """Speak ``turns`` of the questions, each when the one before is answered. Raises DemoError."""
        for question, pcm in itertools.islice(itertools.cycle(zip(QUESTIONS, spoken, strict=False)), turns):
            done = len(self.record.turns)
            await asyncio.sleep(BREATH_S)
            await say(pcm, pipe)
            if not await self._until(partial(self._is_over, done), ANSWER_LIMIT_S):
                self.record.give_up()
                raise DemoError(f'"{question}" was not answered within {ANSWER_LIMIT_S:.0f} s')
        await self._until(self._is_written_down, TRANSCRIPT_LIMIT_S)

    async def follow_recording(self, length_s: float, turns: int) -> None:
        """Watch the answers to a recording that the daemon plays, ``turns`` at most."""
        over_at = asyncio.get_running_loop().time() + length_s + RECORDING_LIMIT_S
        while len(self.record.turns) < turns:
            done = len(self.record.turns)
            left_s = over_at - asyncio.get_running_loop().time()
            if not await self._until(partial(self._is_over, done), left_s):
                break
        await self._until(self._is_written_down, TRANSCRIPT_LIMIT_S)

    async def follow_person(self, turns: int) -> None:
        """Watch ``turns`` turns of whoever is in front of the microphone. Raises DemoError."""
        self._view.say(f'Say something, for example: "{QUESTIONS[0]}". Ctrl-C ends it.')
        while len(self.record.turns) < turns:
            done = len(self.record.turns)
            if not await self._until(partial(self._is_over, done), PERSON_LIMIT_S):
                raise DemoError(f"nothing was said and answered for {PERSON_LIMIT_S:.0f} s")
        await self._until(self._is_written_down, TRANSCRIPT_LIMIT_S)

    def _is_over(self, turns_before: int) -> bool:
        return len(self.record.turns) > turns_before and self.record.is_ready

    def _is_written_down(self) -> bool:
        """Whether nothing more is expected of the turns: texts may come late, and LEDs follow their state."""
        if len(self.record.leds) < len(self.record.states):
            return False
        answered = [turn for turn in self.record.turns if turn.is_answered]
        return all(turn.user is not None and turn.assistant is not None for turn in answered)

    async def _until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until ``condition`` holds; return whether it did within ``limit_s``."""
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True


async def unless(work: Coroutine[Any, Any, Result], *failures: Coroutine[Any, Any, DemoError]) -> Result:
    """Run ``work`` and return its result, unless one of ``failures`` comes first: raise that then."""
    working = asyncio.create_task(work)
    watching = [asyncio.create_task(failure) for failure in failures]
    try:
        done, _ = await asyncio.wait({working, *watching}, return_when=asyncio.FIRST_COMPLETED)
        if working in done:
            return working.result()
        raise next(task.result() for task in watching if task in done)
    finally:
        for task in (working, *watching):
            task.cancel()
        await asyncio.gather(working, *watching, return_exceptions=True)
