from __future__ import annotations

import asyncio

import pytest

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


async def test_forwards_what_waits_and_then_what_comes_as_it_comes() -> None:
    queue = MessageQueue()
    taken: list[str | bytes] = []
    queue.put("a")
    forwarding = asyncio.create_task(queue.forward(taken.append))
    queue.put("b")
    await asyncio.sleep(0)
    queue.put("c")
    assert taken == ["a", "b", "c"]
    queue.end(END)
    queue.put("late")
    assert await forwarding == END
    assert await queue.forward(taken.append) == END
    assert taken == ["a", "b", "c"]
    assert (queue.received, queue.dropped) == (4, 1)


async def test_forwards_what_came_before_the_end() -> None:
    queue = MessageQueue()
    taken: list[str | bytes] = []
    queue.put("a")
    queue.end(END)
    assert await queue.forward(taken.append) == END
    assert taken == ["a"]


async def test_what_the_taker_raises_ends_the_forwarding() -> None:
    queue = MessageQueue()

    def take(message: str | bytes) -> None:
        raise ArithmeticError(message)

    forwarding = asyncio.create_task(queue.forward(take))
    await asyncio.sleep(0)
    with pytest.raises(ArithmeticError, match="a"):
        queue.put("a")
    queue.put("b")
    with pytest.raises(ArithmeticError, match="a"):
        await forwarding
    assert await queue.get() == "b"


async def test_a_bug_comes_out_of_who_waits_and_of_who_reads_later() -> None:
    queue = MessageQueue()
    forwarding = asyncio.create_task(queue.forward(print))
    await asyncio.sleep(0)
    queue.fail(ArithmeticError("first"))
    queue.fail(ArithmeticError("second"))
    queue.end(END)
    with pytest.raises(ArithmeticError, match="first"):
        await forwarding
    with pytest.raises(ArithmeticError, match="first"):
        await queue.get()
    assert queue.ended is END


async def test_cancelled_forwarding_takes_no_more_and_loses_no_message() -> None:
    queue = MessageQueue()
    taken: list[str | bytes] = []
    forwarding = asyncio.create_task(queue.forward(taken.append))
    await asyncio.sleep(0)
    forwarding.cancel()
    queue.put("a")
    await asyncio.wait({forwarding})
    assert taken == []
    assert await queue.get() == "a"
