from __future__ import annotations

import asyncio

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.session.message_queue import BYTES_LIMIT, MESSAGES_LIMIT, MessageQueue

END = Fault(FaultKind.CLOSED, "over")


async def test_keeps_the_order_and_ends_after_the_last_message() -> None:
    queue = MessageQueue()
    queue.put("a")
    queue.put(b"b")
    queue.end(END)
    queue.end(Fault(FaultKind.LOST, "a later sign of the same end"))
    queue.put("late")
    assert [await queue.get() for _ in range(4)] == ["a", b"b", END, END]
    assert (queue.received, queue.dropped) == (3, 1)


async def test_drops_the_newest_when_there_are_too_many() -> None:
    queue = MessageQueue()
    for number in range(MESSAGES_LIMIT + 3):
        queue.put(str(number))
    assert queue.dropped == 3
    assert await queue.get() == "0"
    queue.put("fits again")
    assert queue.dropped == 3


async def test_drops_the_newest_when_they_are_too_large() -> None:
    queue = MessageQueue()
    half = "x" * (BYTES_LIMIT // 2)
    for message in (half, half, "y"):
        queue.put(message)
    assert queue.dropped == 1
    await queue.get()
    queue.put("z")
    assert [len(str(await queue.get())) for _ in range(2)] == [len(half), 1]


async def test_wakes_who_waits() -> None:
    queue = MessageQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put("a")
    assert await waiting == "a"
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.end(END)
    assert await waiting == END


async def test_cancelled_wait_loses_no_message() -> None:
    queue = MessageQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put("a")
    waiting.cancel()
    await asyncio.wait({waiting})
    assert await queue.get() == "a"
