"""How soon the loudspeaker is silent when the server says that somebody speaks."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np

from edge_agent.bench.child import running
from edge_agent.bench.sessions import write_config
from edge_agent.bench.speech import say
from edge_agent.core.pcm import SAMPLE_RATE_HZ

QUESTION = ("slt", "what can you do")
"""The embedded server understands it, and its answer lasts ten seconds."""

LIMIT_PER_TURN_S = 8.0


async def measure_barge_in(url: str, folder: Path, count: int) -> list[float]:
    """Interrupt so many answers; return the milliseconds from the event to silence. Raises BenchError."""
    config, question = folder / "barge-in.yaml", folder / "question.wav"
    write_config(config, url, question, has_echo_canceller=False)
    with wave.open(str(question), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE_HZ)
        sound.writeframes((say(*QUESTION) * 32767).astype(np.int16).tobytes())
    module = ("-m", "edge_agent.bench.stacks.barge_in", str(config), str(question), str(count))
    log = folder / "barge-in.log"
    async with running("the appliance", (sys.executable, *module), log) as child:
        found_ms: list[float] = await child.hear("barge_in_ms", LIMIT_PER_TURN_S * (count + 2))
        return found_ms


def percentiles(found_ms: list[float]) -> dict[str, float | int | None]:
    """Return what is reported of them."""
    if not found_ms:
        return {"p50": None, "p95": None, "max": None, "n": 0}
    return {
        "p50": float(np.percentile(found_ms, 50)),
        "p95": float(np.percentile(found_ms, 95)),
        "max": max(found_ms),
        "n": len(found_ms),
    }
