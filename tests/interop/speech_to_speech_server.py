"""Hugging Face speech-to-speech with stand-ins for its models: real handshake, real events, real sound.

Runs in a virtual environment of its own (see foreign.py), never in edge-agent's. Everything but listening,
understanding and speaking is that project's code. The stand-ins detect speech by its energy; the rest is done
by the process of models.py. What was said before is taken from the conversation that the server keeps: an
answer shows what it was told.

usage: speech_to_speech_server.py PORT SESSIONS PYTHON-OF-THE-MODELS
"""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from speech_to_speech.api.openai_realtime.pipeline_unit import PipelineUnit
from speech_to_speech.api.openai_realtime.service import RealtimeService
from speech_to_speech.api.openai_realtime.websocket_router import create_app
from speech_to_speech.LLM.chat import Chat
from speech_to_speech.pipeline.cancel_scope import CancelScope
from speech_to_speech.pipeline.control import SESSION_END, is_control_message
from speech_to_speech.pipeline.events import (
    AssistantOutputEvent,
    AssistantResponseDoneEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TokenUsageEvent,
    TranscriptionCompletedEvent,
)
from speech_to_speech.pipeline.messages import AUDIO_RESPONSE_DONE, AudioOutput, GenerateResponseRequest

RATE_HZ = 16_000
VOICE_PEAK = 1_000
SILENCE_THAT_ENDS_A_TURN_S = 0.5
BLOCK_SAMPLES = 512
BLOCKS_BEFORE_A_TURN = 10
"""0.3 s: a first sound that is not yet as loud as a voice belongs to its word."""

TOKENS_A_WORD = 2
"""What is put on the bill: that there is one is what matters."""


class Models:
    """The process that hears, thinks and speaks; one request at a time."""

    def __init__(self, python: str) -> None:
        self._lock = threading.Lock()
        command = [python, "-m", "tests.interop.models"]
        root = Path(__file__).resolve().parent.parent.parent
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True)

    def ask(self, **request: str) -> dict[str, str]:
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class Records:
    """Sessions by their ids, in the form of the embedded server's control page."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}

    def note(self, session_id: str, **facts: object) -> None:
        fresh = {"id": session_id, "state": "new", "opened_at_s": None, "ended_at_s": None}
        self.sessions.setdefault(session_id, fresh).update(facts)

    def shown(self) -> dict[str, object]:
        every = list(self.sessions.values())
        ended = [session for session in every if session["state"] == "ended"]
        return {"calls": [session for session in every if session not in ended], "ended_calls": ended}


class Service(RealtimeService):
    """Theirs; it writes down which sessions there are."""

    def __init__(self, records: Records, **settings: Any) -> None:
        super().__init__(**settings)
        self._records = records

    def register(self) -> str:
        session_id = super().register()
        self._records.note(session_id, opened_at_s=time.monotonic())
        return session_id

    def build_session_updated(self, conn_id: str) -> Any:
        self._records.note(conn_id, state="open")
        return super().build_session_updated(conn_id)

    def unregister(self, conn_id: str) -> None:
        self._records.note(conn_id, state="ended", ended_at_s=time.monotonic())
        super().unregister(conn_id)


class Ears:
    """Turns the client's sound into the events of a voice detector and a transcriber."""

    def __init__(self, unit: PipelineUnit, models: Models) -> None:
        self._unit = unit
        self._models = models
        self._turns = (f"turn-{number}" for number in count(1))
        self._reset()

    def run(self) -> None:
        while True:
            item = self._unit.input_queue.get()
            if is_control_message(item, SESSION_END.kind):
                self._reset()
                self._unit.output_queue.put(item)
            else:
                self._hear(item[0] if isinstance(item, tuple) else item)

    def _reset(self) -> None:
        self._heard_s = 0.0
        self._turn: str | None = None
        self._voice_at_s = 0.0
        self._before: deque[bytes] = deque(maxlen=BLOCKS_BEFORE_A_TURN)
        self._utterance = bytearray()

    def _hear(self, chunk: bytes) -> None:
        samples = np.frombuffer(chunk, dtype=np.int16)
        self._heard_s += len(samples) / RATE_HZ
        if len(samples) and np.abs(samples.astype(np.int32)).max() > VOICE_PEAK:
            self._voice_at_s = self._heard_s
            if self._turn is None:
                self._turn = next(self._turns)
                self._utterance = bytearray(b"".join(self._before))
                self._say(SpeechStartedEvent(audio_start_ms=self._ms(), **self._tags(self._turn)))
        self._before.append(chunk)
        if self._turn is not None:
            self._utterance += chunk
            if self._heard_s - self._voice_at_s > SILENCE_THAT_ENDS_A_TURN_S:
                self._end_turn()

    def _end_turn(self) -> None:
        tags, self._turn = self._tags(self._turn), None
        self._say(SpeechStoppedEvent(audio_end_ms=self._ms(), **tags))
        words = self._models.ask(pcm=base64.b64encode(self._utterance).decode())["text"]
        self._say(TranscriptionCompletedEvent(transcript=words, **tags))

    def _tags(self, turn: str | None) -> dict[str, Any]:
        return {"turn_id": turn, "turn_revision": 0}

    def _ms(self) -> int:
        return int(self._heard_s * 1000)

    def _say(self, event: object) -> None:
        self._unit.text_output_queue.put(event)


class Mouth:
    """Turns requests for a response into the events of a language model and a voice."""

    def __init__(self, unit: PipelineUnit, models: Models) -> None:
        self._unit = unit
        self._models = models
        self._dictated: dict[str, str] = {}

    def dictate(self, text: str) -> None:
        """Say it in the session that is open, without being asked. Called in the server's loop."""
        session = self._unit.session
        if session is None or session.released_at is not None or not session.session_id:
            return
        state = self._unit.service._state(session.session_id)
        request = GenerateResponseRequest(runtime_config=state.runtime_config)
        self._dictated[request.response_key] = text
        state.mark_response_pending(request.response_key)
        self._unit.text_prompt_queue.put(request)

    def run(self) -> None:
        while True:
            request = self._unit.text_prompt_queue.get()
            if isinstance(request, GenerateResponseRequest):
                self._answer(request, self._unit.cancel_scope.generation)

    def _answer(self, request: GenerateResponseRequest, generation: int) -> None:
        key = request.response_key
        dictated = self._dictated.pop(key, None)
        if dictated is not None:
            reply = self._models.ask(say=dictated)
        else:
            *_, before, question = ["", "", *_said(request.runtime_config.chat)]
            reply = self._models.ask(question=question, before=before)
        tags = {"turn_id": request.turn_id, "turn_revision": request.turn_revision}
        tags |= {"response_key": key, "cancel_generation": generation}
        put = self._unit.output_queue.put
        tokens = TOKENS_A_WORD * len(reply["text"].split())
        put(TokenUsageEvent(input_tokens=tokens, output_tokens=tokens, **tags))
        put(AssistantOutputEvent(text=reply["text"], **tags))
        sound = np.frombuffer(base64.b64decode(reply["pcm"]), dtype=np.int16)
        for start in range(0, len(sound), BLOCK_SAMPLES):
            block = sound[start : start + BLOCK_SAMPLES]
            put(AudioOutput(audio=block, response_key=key, cancel_generation=generation))
        put(AssistantResponseDoneEvent(**tags))
        put(AudioOutput(audio=AUDIO_RESPONSE_DONE, response_key=key, cancel_generation=generation))


def _said(chat: Chat) -> list[str]:
    """What the person said or wrote, oldest first."""
    messages = [item for item in chat.buffer if item.type == "message" and item.role == "user"]
    return [part.text for message in messages for part in message.content if part.text]


def unit(index: int, records: Records) -> PipelineUnit:
    """Return what one session needs."""
    prompts: queue.Queue[object] = queue.Queue()
    should_listen = threading.Event()
    return PipelineUnit(
        index=index,
        service=Service(records, text_prompt_queue=prompts, should_listen=should_listen),
        cancel_scope=CancelScope(),
        should_listen=should_listen,
        response_playing=threading.Event(),
        input_queue=queue.Queue(),
        output_queue=queue.Queue(),
        text_output_queue=queue.Queue(),
        text_prompt_queue=prompts,
        handlers=[],
    )


def add_control(app: FastAPI, records: Records, mouths: list[Mouth]) -> None:
    """Let a test look and dictate, by the paths of the embedded server."""

    @app.get("/control/state")
    async def state() -> dict[str, object]:
        return records.shown()

    @app.post("/control/say")
    async def say(request: Request) -> dict[str, object]:
        text = (await request.json())["text"]
        for mouth in mouths:
            mouth.dictate(text)
        return {}


def main() -> None:
    port, sessions, python = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    models, records = Models(python), Records()
    pool = [unit(index, records) for index in range(sessions)]
    mouths = [Mouth(one, models) for one in pool]
    for work in (*(mouth.run for mouth in mouths), *(Ears(one, models).run for one in pool)):
        threading.Thread(target=work, daemon=True).start()
    app = create_app(pool=pool, stop_event=threading.Event())
    add_control(app, records, mouths)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="info")


if __name__ == "__main__":
    main()
