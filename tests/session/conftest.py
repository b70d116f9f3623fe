from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import pytest

from tests.session.peer_server import PeerServer, eventually


def _threads() -> set[str]:
    """Threads but those of the loop's executor, in which the test server's encoder runs."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Hold every test to leave no task, no thread and no descriptor behind."""
    tasks, threads, descriptors = asyncio.all_tasks(), _threads(), _descriptors()
    yield
    await eventually(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= tasks)
    await eventually(lambda: _threads() <= threads)
    await eventually(lambda: _descriptors() <= descriptors)


@pytest.fixture
async def server(nothing_left: None) -> AsyncIterator[PeerServer]:
    """A Realtime server on loopback."""
    async with PeerServer() as running:
        yield running
