"""Hands speech to the listening process while it is spoken, and brings back the words.

One process listens for all calls. It hears one utterance at a time: one that is over comes first, else the
oldest that is still spoken; the others wait in memory and are heard from their beginning later.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import suppress

from edge_agent.server.listening_wire import SAMPLE_RATE_HZ, Kind, pack
from edge_agent.server.settings import CannotServe

logger = logging.getLogger(__name__)

BYTES_PER_S = SAMPLE_RATE_HZ * 2

MAX_UTTERANCE_S = 30
"""What is said after that is not heard; bounds the memory of an utterance to 1 MB."""

START_DEADLINE_S = 60.0
"""Loading the models takes 1 s on a PC; a small board reads 30 MB from a slow card."""

ANSWER_DEADLINE_S = 10.0
"""From the end of an utterance to its words. 0.3 s on a PC in the worst case seen."""

WORDS_DEADLINE_S = 20.0
"""The same when other calls' utterances are heard first."""

RESTART_DELAY_S = 1.0
"""Between attempts to start the process again when it can't be started."""

STOP_DEADLINE_S = 2.0
"""From SIGKILL to the end of a process."""

COMMAND = (sys.executable, "-m", "edge_agent.server.listener")


class Utterance:
    """Something that is being said. Feed it, then finish it for its words, or drop it."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed
        self._words: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self.pcm = bytearray()
        self.is_over = False

    def feed(self, pcm: bytes) -> None:
        """Add sound; beyond MAX_UTTERANCE_S it is thrown away."""
        if not self.is_over and len(self.pcm) < MAX_UTTERANCE_S * BYTES_PER_S:
            self.pcm += pcm
            self._changed.set()

    async def finish(self) -> str | None:
        """Return what was said ("" for no words), or None when it could not be recognised in time."""
        self.is_over = True
        self._changed.set()
        try:
            async with asyncio.timeout(WORDS_DEADLINE_S):
                return await self._words
        except TimeoutError:
            return None
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget it; nobody wants its words."""
        self._words.cancel()
        self._changed.set()

    def settle(self, words: str | None) -> None:
        """Say what its words are."""
        if not self._words.done():
            self._words.set_result(words)

    @property
    def is_settled(self) -> bool:
        """Whether its words are known, or nobody wants them."""
        return self._words.done()


class Recognizer:
    """The listening process and what waits for it. ``open`` works from ``start`` until ``close``."""

    def __init__(
        self, command: tuple[str, ...] = COMMAND, answer_deadline_s: float = ANSWER_DEADLINE_S
    ) -> None:
        self._command = command
        self._answer_deadline_s = answer_deadline_s
        self._utterances: list[Utterance] = []
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and wait until it listens. Raises CannotServe."""
        try:
            await self._spawn()
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            await self._kill()
            raise CannotServe("the speech recogniser did not start; see the lines above") from error
        self._task = asyncio.create_task(self._work(), name="recogniser")

    async def close(self) -> None:
        """End the process; utterances that wait get no words."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._kill()
        for utterance in self._utterances:
            utterance.settle(None)

    def open(self) -> Utterance:
        """Return a new utterance."""
        utterance = Utterance(self._changed)
        self._utterances.append(utterance)
        return utterance

    async def recognise(self, pcm: bytes) -> str | None:
        """Return what is said in ``pcm``, or None when that could not be found out in time."""
        utterance = self.open()
        utterance.feed(pcm)
        return await utterance.finish()

    async def _work(self) -> None:
        while True:
            self._changed.clear()
            self._utterances = [u for u in self._utterances if not u.is_settled]
            utterance = self._most_urgent()
            if utterance is None:
                await self._changed.wait()
                continue
            try:
                await self._listen(utterance)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                logger.warning("the speech recogniser failed (%s), starting it again", type(error).__name__)
                utterance.settle(None)
                await self._restart()

    def _most_urgent(self) -> Utterance | None:
        over = (utterance for utterance in self._utterances if utterance.is_over)
        return next(over, None) or next(iter(self._utterances), None)

    async def _listen(self, utterance: Utterance) -> None:
        """Send ``utterance`` from its beginning; return early when dropped, or another is over first."""
        await self._send(Kind.BEGIN)
        position = 0
        while not utterance.is_settled:
            self._changed.clear()
            is_over = utterance.is_over
            fresh = bytes(utterance.pcm[position:])
            if fresh:
                position += len(fresh)
                await self._send(Kind.SOUND, fresh)
            if is_over:
                await self._send(Kind.END)
                utterance.settle(await self._words())
            elif self._most_urgent() is not utterance:
                return
            else:
                await self._changed.wait()

    async def _send(self, kind: Kind, body: bytes = b"") -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(pack(kind, body))
        async with asyncio.timeout(self._answer_deadline_s):
            await self._process.stdin.drain()

    async def _words(self) -> str:
        line = await self._line(self._answer_deadline_s)
        text = line.get("text")
        if not isinstance(text, str):
            raise ValueError("no text in the answer of the listening process")
        return text

    async def _line(self, deadline_s: float) -> dict[str, object]:
        """Return the next answer. Raises EOFError, TimeoutError, or ValueError when it is no JSON object."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(deadline_s):
            line = await self._process.stdout.readline()
        if not line:
            raise EOFError("the listening process ended")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("no object in the answer of the listening process")
        return answer

    async def _spawn(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, start_new_session=True
        )
        await self._line(START_DEADLINE_S)

    async def _restart(self) -> None:
        while True:
            await self._kill()
            try:
                return await self._spawn()
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                logger.warning("the speech recogniser does not start: %s", type(error).__name__)
            await asyncio.sleep(RESTART_DELAY_S)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE_S):
                await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(ConnectionError):
                await process.stdin.wait_closed()
