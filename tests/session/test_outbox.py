from __future__ import annotations

import asyncio
import base64
import json

import pytest

from edge_agent.session.outbox import EVENTS_LIMIT_BYTES, SOUND_LIMIT, Outbox


async def sent(outbox: Outbox, count: int) -> list[str]:
    """The next messages in short: the type of events, the samples of sound."""
    found = []
    for _ in range(count):
        message = json.loads(await asyncio.wait_for(outbox.get(), 5))
        audio = message.get("audio")
        found.append(message["type"] if audio is None else base64.b64decode(audio).decode())
    return found


async def test_a_commit_follows_the_sound_before_it() -> None:
    outbox = Outbox()
    outbox.put_sound(b"one")
    outbox.put_event('{"type":"commit"}')
    outbox.put_sound(b"two")
    assert await sent(outbox, 3) == ["one", "commit", "two"]
    assert (outbox.sound_sent, outbox.sound_sent_bytes, outbox.sound_dropped) == (2, 6, 0)


async def test_of_sound_that_waits_too_long_the_oldest_is_dropped_and_no_event() -> None:
    outbox = Outbox()
    outbox.put_event('{"type":"first"}')
    for number in range(SOUND_LIMIT + 2):
        outbox.put_sound(str(number).encode())
    assert await sent(outbox, 2) == ["first", "2"]
    assert outbox.sound_dropped == 2


async def test_events_that_nobody_takes_are_refused() -> None:
    outbox = Outbox()
    event = '{"type":"x"}'.ljust(EVENTS_LIMIT_BYTES // 2)
    assert outbox.put_event(event)
    assert outbox.put_event(event)
    assert not outbox.put_event('{"type":"y"}')
    await outbox.get()
    assert outbox.put_event('{"type":"y"}')


async def test_it_waits_while_there_is_nothing() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.get())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)
    outbox.put_event('{"type":"x"}')
    assert await waiting == b'{"type":"x"}'
