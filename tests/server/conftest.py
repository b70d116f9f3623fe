from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge_agent.server.recognizer import Recognizer, Utterance
from edge_agent.server.service import LocalServer
from edge_agent.server.settings import ServerSettings

PARROT = Path(__file__).parent / "parrot.py"


def parrot(*says: str, answer_deadline_s: float = 5.0) -> Recognizer:
    """Return a recogniser that hears what it is told to hear."""
    return Recognizer((sys.executable, str(PARROT), *says), answer_deadline_s)


class Echo(Recognizer):
    """Hears what it is told to hear, without a process."""

    def __init__(self, *says: str) -> None:
        super().__init__()
        self._says = itertools.cycle(says or ("hello",))

    async def start(self) -> None:
        pass

    def open(self) -> Utterance:
        utterance = super().open()
        utterance.settle(next(self._says))
        return utterance


@asynccontextmanager
async def serving(*hears: str, **settings: Any) -> AsyncIterator[LocalServer]:
    """A server with a recogniser that hears ``hears``, one after the other."""
    async with LocalServer(ServerSettings(**settings), Echo(*hears)) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
