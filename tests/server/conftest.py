from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge_agent.server.recognizer import Recognizer
from edge_agent.server.service import LocalServer
from edge_agent.server.settings import ServerSettings

PARROT = Path(__file__).parent / "parrot.py"

ServerMaker = Callable[..., Any]


def parrot(*says: str, answer_deadline_s: float = 5.0) -> Recognizer:
    """Return a recogniser that hears what it is told to hear."""
    return Recognizer((sys.executable, str(PARROT), *says), answer_deadline_s)


@asynccontextmanager
async def serving(*hears: str, **settings: Any) -> AsyncIterator[LocalServer]:
    """A server with a recogniser that hears ``hears``, one after the other."""
    async with LocalServer(ServerSettings(**settings), parrot(*hears)) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
