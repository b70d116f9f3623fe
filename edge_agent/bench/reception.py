"""One round of one case: every stack receives the same packets at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_agent.bench.child import StackProcess, cpu_s, memory_mib, running
from edge_agent.bench.errors import BenchError
from edge_agent.bench.far_end import FarEnd
from edge_agent.bench.impairments import LEAD_IN_S, PACKET_S, Schedule
from edge_agent.bench.peers import Stack
from edge_agent.bench.speech import Speech
from edge_agent.bench.timeline import Block

CONNECT_LIMIT_S = 15.0
START_AFTER_S = 0.3
"""From the last connection to the first packet."""

DRAIN_S = 1.0
"""After the last packet: the largest delay that is known has come out by then."""


@dataclass(slots=True)
class Reception:
    """What one stack made of one round."""

    stack: str
    sent_at_s: list[float]
    blocks: list[Block]
    cpu_share: float
    rss_mib: float
    counters: tuple[dict[str, float], dict[str, float]] = field(default=({}, {}))
    """W3C statistics at the end of the lead-in, and at the end."""


async def receive(
    stacks: Sequence[Stack], speech: Speech, schedule: Schedule, folder: Path
) -> list[Reception]:
    """Run every stack as a process, send to all of them, and return what came out. Raises BenchError."""
    async with AsyncExitStack() as ending:
        children = [
            await ending.enter_async_context(
                running(stack.name, stack.command, folder / f"{stack.name}.log", stack.environment)
            )
            for stack in stacks
        ]
        ends = [FarEnd(speech, schedule) for _ in stacks]
        for end in ends:
            ending.push_async_callback(end.close)
        await asyncio.gather(*(_connect(*pair) for pair in zip(children, ends, strict=True)))
        begins_at_s = time.monotonic() + START_AFTER_S
        for number, end in enumerate(ends):
            end.begin(begins_at_s + number * PACKET_S / len(ends))
        await asyncio.sleep(begins_at_s + LEAD_IN_S - time.monotonic())
        before = [await _counters(child) for child in children]
        used_s, since_s = [cpu_s(child.pid) for child in children], time.monotonic()
        for end in ends:
            await end.sent()
        wall_s = time.monotonic() - since_s
        shares = [(cpu_s(child.pid) - used) / wall_s for child, used in zip(children, used_s, strict=True)]
        memory = [memory_mib(child.pid)["rss"] for child in children]
        after = [await _counters(child) for child in children]
        await asyncio.sleep(DRAIN_S)
        recordings = [await _recording(child, folder / f"{child.name}.pcm") for child in children]
        return [
            Reception(child.name, end.sent_at_s, blocks, share, rss, counters)
            for child, end, blocks, share, rss, counters in zip(
                children, ends, recordings, shares, memory, zip(before, after, strict=True), strict=True
            )
        ]


async def _connect(child: StackProcess, end: FarEnd) -> None:
    answer = await end.answer(await child.hear("offer"))
    child.say({"answer": answer})
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            await end.connected()
    except TimeoutError as error:
        raise BenchError(f"{child.name} did not connect within {CONNECT_LIMIT_S:.0f} s") from error


async def _counters(child: StackProcess) -> dict[str, float]:
    child.say({"do": "count"})
    counters: dict[str, float] = await child.hear("counters")
    return counters


async def _recording(child: StackProcess, pcm: Path) -> list[Block]:
    """Let the stack write what it played, and read it; of several channels the first."""
    child.say({"do": "end", "pcm": str(pcm)})
    spans: list[tuple[float, int, int]] = await child.hear("blocks")
    samples = np.fromfile(pcm, np.int16)
    blocks, at = [], 0
    for begins_s, count, channels in spans:
        blocks.append(Block(begins_s, samples[at : at + count * channels : channels]))
        at += count * channels
    return blocks
