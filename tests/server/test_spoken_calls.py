"""The whole server with ears: questions spoken by flite, recognised, answered aloud, in both dialects."""

from __future__ import annotations

import re
import time
from datetime import datetime

import pytest

from edge_agent.protocol.dialect import Dialect
from edge_agent.server.brain import Question, Say, Topic, answer
from edge_agent.server.service import LocalServer
from edge_agent.server.settings import ServerSettings
from tests.server.client import Client

TRANSCRIBED = {
    Dialect.GA: {"type": "realtime", "audio": {"input": {"transcription": {"model": "any"}}}},
    Dialect.BETA: {"input_audio_transcription": {"model": "any"}},
}
QUESTIONS = {
    Dialect.GA: ("what is nine times eight", "repeat after me the sun is shining"),
    Dialect.BETA: ("thank you",),
}


def expected(question: str) -> str:
    reply = answer(Question(Topic.UTTERANCE, question), datetime.now())
    assert isinstance(reply, Say)
    return reply.text


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_spoken_questions_are_understood_and_answered_aloud(dialect: Dialect) -> None:
    async with LocalServer(ServerSettings(dialect=dialect)) as server, Client(server.url) as client:
        await client.wait("session.created")
        client.send("session.update", session=TRANSCRIBED[dialect])
        await client.wait("session.updated")
        for question in QUESTIONS[dialect]:
            asked_at = time.monotonic()
            assert await client.ask(question) == expected(question)
            transcript = client.of("conversation.item.input_audio_transcription.completed")[-1]["transcript"]
            assert transcript == question
            assert sum(loudest > 500 for at, loudest in client.frames if at > asked_at) > 20
    assert all(re.fullmatch(r"[a-z_.]+", name) for name in client.types)
    assert "error" not in client.types
    assert ("response.audio.done" in client.types) is (dialect is Dialect.BETA)
    assert ("response.output_audio.done" in client.types) is (dialect is Dialect.GA)
