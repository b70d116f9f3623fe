"""What a speech-to-speech pipeline's models do, done by parts of the embedded server: hear, think, speak.

A process of its own, because the foreign server has an interpreter of its own. One request a line on stdin,
one answer a line on stdout, both JSON::

    {"pcm": "base64 of 16 kHz mono s16le"}                    -> {"text": "what time is it"}
    {"question": "what time is it", "before": "hello"}        -> {"text": "It is now…", "pcm": "…"}
    {"say": "one two three"}                                  -> {"text": "one two three", "pcm": "…"}
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import wave
from datetime import datetime
from typing import Any

from edge_agent.server.brain import Question, Say, StartTimer, Topic, answer
from edge_agent.server.listener import Listener
from edge_agent.server.voice import trimmed

SPEAK_LIMIT_S = 30.0


def main() -> None:
    """Serve until stdin ends."""
    listener = Listener()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_served(json.loads(line), listener)) + "\n")
        sys.stdout.flush()


def _served(request: dict[str, Any], listener: Listener) -> dict[str, str]:
    if "pcm" in request:
        listener.begin()
        listener.hear(base64.b64decode(request["pcm"]))
        return {"text": listener.heard().text}
    text = request["say"] if "say" in request else _thought(request["question"], request["before"])
    return {"text": text, "pcm": base64.b64encode(_spoken(text)).decode()}


def _thought(question: str, before: str) -> str:
    reply = answer(Question(Topic.UTTERANCE, question, before=before), datetime.now())
    return reply.text if isinstance(reply, Say | StartTimer) else ""


def _spoken(text: str) -> bytes:
    command = ["flite", "-voice", "slt", "-t", text, "-o", "/dev/stdout"]
    wav = subprocess.run(command, check=True, capture_output=True, timeout=SPEAK_LIMIT_S).stdout
    with wave.open(io.BytesIO(wav)) as sound:
        return trimmed(sound.readframes(sound.getnframes()))


if __name__ == "__main__":
    main()
