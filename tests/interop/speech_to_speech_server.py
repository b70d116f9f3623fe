"""Hugging Face speech-to-speech with stand-ins for its models: real handshake, real events, real sound.

Runs in a virtual environment of its own (see conftest.py), never in edge-agent's. Everything but listening,
understanding and speaking is that project's code. The stand-ins hear by energy, understand nothing, and
answer with the recording that they are given.

usage: speech_to_speech_server.py PORT ANSWER.wav TEXT
"""

from __future__ import annotations

import queue
import sys
import threading
import wave
from itertools import count

import numpy as np
import uvicorn
from speech_to_speech.api.openai_realtime.pipeline_unit import PipelineUnit
from speech_to_speech.api.openai_realtime.service import RealtimeService
from speech_to_speech.api.openai_realtime.websocket_router import create_app
from speech_to_speech.pipeline.cancel_scope import CancelScope
from speech_to_speech.pipeline.control import SESSION_END, is_control_message
from speech_to_speech.pipeline.events import (
    AssistantOutputEvent,
    AssistantResponseDoneEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TranscriptionCompletedEvent,
)
from speech_to_speech.pipeline.messages import AUDIO_RESPONSE_DONE, AudioOutput

RATE_HZ = 16_000
VOICE_PEAK = 1_000
SILENCE_THAT_ENDS_A_TURN_S = 0.5
BLOCK_SAMPLES = 512


class Ears:
    """Turns the client's sound into the events of a voice detector and a transcriber."""

    def __init__(self, unit: PipelineUnit) -> None:
        self._unit = unit
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

    def _hear(self, chunk: bytes) -> None:
        samples = np.frombuffer(chunk, dtype=np.int16)
        self._heard_s += len(samples) / RATE_HZ
        if len(samples) and np.abs(samples.astype(np.int32)).max() > VOICE_PEAK:
            self._voice_at_s = self._heard_s
            if self._turn is None:
                self._turn = next(self._turns)
                self._say(SpeechStartedEvent(audio_start_ms=self._ms(), turn_id=self._turn, turn_revision=0))
        elif self._turn is not None and self._heard_s - self._voice_at_s > SILENCE_THAT_ENDS_A_TURN_S:
            turn, self._turn = self._turn, None
            self._say(SpeechStoppedEvent(audio_end_ms=self._ms(), turn_id=turn, turn_revision=0))
            self._say(
                TranscriptionCompletedEvent(transcript="something was said", turn_id=turn, turn_revision=0)
            )

    def _ms(self) -> int:
        return int(self._heard_s * 1000)

    def _say(self, event: object) -> None:
        self._unit.text_output_queue.put(event)


def speak(unit: PipelineUnit, recording: np.ndarray, text: str) -> None:
    """Answer every request with the same recording."""
    while True:
        request = unit.text_prompt_queue.get()
        key = getattr(request, "response_key", None)
        if key is None:
            continue
        generation = unit.cancel_scope.generation
        tags = {
            "response_key": key,
            "turn_id": request.turn_id,
            "turn_revision": request.turn_revision,
            "cancel_generation": generation,
        }
        put = unit.output_queue.put
        put(AssistantOutputEvent(text=text, **tags))
        for start in range(0, len(recording), BLOCK_SAMPLES):
            block = recording[start : start + BLOCK_SAMPLES]
            put(AudioOutput(audio=block, response_key=key, cancel_generation=generation))
        put(AssistantResponseDoneEvent(**tags))
        put(AudioOutput(audio=AUDIO_RESPONSE_DONE, response_key=key, cancel_generation=generation))


def main() -> None:
    port, path, text = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with wave.open(path, "rb") as recording:
        assert (recording.getframerate(), recording.getnchannels()) == (RATE_HZ, 1), "16 kHz mono"
        answer = np.frombuffer(recording.readframes(recording.getnframes()), dtype=np.int16)
    prompts: queue.Queue[object] = queue.Queue()
    should_listen = threading.Event()
    unit = PipelineUnit(
        index=0,
        service=RealtimeService(text_prompt_queue=prompts, should_listen=should_listen),
        cancel_scope=CancelScope(),
        should_listen=should_listen,
        response_playing=threading.Event(),
        input_queue=queue.Queue(),
        output_queue=queue.Queue(),
        text_output_queue=queue.Queue(),
        text_prompt_queue=prompts,
        handlers=[],
    )
    threading.Thread(target=Ears(unit).run, daemon=True).start()
    threading.Thread(target=speak, args=(unit, answer, text), daemon=True).start()
    app = create_app(pool=[unit], stop_event=threading.Event())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="info")


if __name__ == "__main__":
    main()
