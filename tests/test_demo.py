"""``edge-agent demo`` as a person starts it: both real processes, WebRTC between them, spoken questions.

What came out of the loudspeaker is compared with what was said, so it is the sound that counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import wave
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from edge_agent.core.indicator import PATTERNS
from edge_agent.core.status import AgentState
from edge_agent.demo.mouth import QUESTIONS, synthesize
from tests.system.gaps import longest_gap
from tests.system.loudspeaker import SYLLABLE_S, said_aloud
from tests.virtual_cards import virtual_cards

DEADLINE_S = 110.0
END_LIMIT_S = 5.0
"""What the command promises for Ctrl-C."""

EVERYWHERE = {
    "error",
    "session.created",
    "session.updated",
    "input_audio_buffer.committed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "response.done",
}
BETA_ONLY = {"conversation.item.created", "response.audio_transcript.delta"}
GA_ONLY = {
    "conversation.item.added",
    "conversation.item.done",
    "response.output_audio_transcript.delta",
}

RATE_HZ = 16_000
WINDOW_S = 0.02
LOUD = 500
"""Peak of a window that holds a voice, of 32768."""

ANSWER_GAP_S = 1.0
"""Silence between two answers, during which a question is asked; pauses inside an answer are shorter."""


@dataclass
class Finished:
    """What a demo said and left behind."""

    exit_code: int
    result: dict[str, Any]
    told: str
    recording: Path

    @property
    def states(self) -> list[str]:
        return [name for name, _ in self.result["states"]]


@contextmanager
def started(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edge_agent", "demo", "--json", *arguments]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str], folder: Path) -> Finished:
    out, told = process.communicate(timeout=DEADLINE_S)
    logs = "".join(f"\n== {log.name}\n{log.read_text()}" for log in sorted(folder.glob("*.log")))
    return Finished(
        process.returncode, json.loads(out.splitlines()[-1]), told + logs, folder / "loudspeaker.wav"
    )


def wait_for_state(process: subprocess.Popen[str], state: str) -> None:
    """Read what the demo tells until it tells of ``state``."""
    assert process.stderr is not None
    for line in process.stderr:
        if f" {state} " in line:
            return
    pytest.fail(f"the demo ended before the state {state}")


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # gone, before or after the file was opened
        return False


def answers_in(recording: Path) -> list[bytes]:
    """Return what was played, cut at the long silences, at the rate of the recogniser."""
    with wave.open(str(recording), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        pcm = resampled(file.readframes(file.getnframes()))
    window_bytes = int(WINDOW_S * RATE_HZ) * 2
    answers: list[bytearray] = []
    quiet = int(ANSWER_GAP_S / WINDOW_S)
    for start in range(0, len(pcm), window_bytes):
        window = pcm[start : start + window_bytes]
        is_loud = max(map(abs, array("h", window)), default=0) > LOUD
        if is_loud and quiet * WINDOW_S >= ANSWER_GAP_S:
            answers.append(bytearray())
        quiet = 0 if is_loud else quiet + 1
        if answers and quiet * WINDOW_S < ANSWER_GAP_S:
            answers[-1] += window
    return [bytes(answer) for answer in answers]


def resampled(pcm: bytes) -> bytes:
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.sample_rate = 48_000
    frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(bytes(piece.planes[0])[: piece.samples * 2] for piece in frames)


def missing_s(said: str, heard: bytes) -> float:
    """Return the longest piece of an answer that was not heard."""
    return longest_gap(said_aloud(said), np.frombuffer(heard, np.int16).astype(float)).length_s


def check_conversation(finished: Finished, turns: int) -> None:
    """Every question was understood, answered with sound, and shown by the LEDs."""
    result = finished.result
    assert (finished.exit_code, result["ok"]) == (0, True), finished.told
    assert [turn["user"] for turn in result["turns"]] == list(QUESTIONS[:turns])
    assert len({turn["assistant"] for turn in result["turns"]}) == turns
    assert all(0 < turn["voice_to_voice_ms"] < 10_000 for turn in result["turns"])
    one_turn = ["listening", "thinking", "speaking", "ready"]
    assert finished.states[finished.states.index("ready") :] == ["ready", *one_turn * turns]
    assert [name for name, _ in result["leds"]] == [
        PATTERNS[AgentState(state)].name for state in finished.states
    ]
    times = [at_s for _, at_s in result["states"]]
    assert times == sorted(times)


def check_loudspeaker(finished: Finished) -> None:
    """The recording holds the answers, each whole, in order, and no other."""
    said = [turn["assistant"] for turn in finished.result["turns"]]
    heard = answers_in(finished.recording)
    assert len(heard) == len(said), finished.told
    for number, answer in enumerate(heard):
        missing = [missing_s(text, answer) for text in said]
        assert missing[number] < SYLLABLE_S, (said[number], missing)
        assert missing[number] == min(missing), (said[number], missing)


@pytest.mark.parametrize(
    ("dialect", "transport", "turns", "expected"),
    [
        ("beta", "webrtc", 3, EVERYWHERE | BETA_ONLY),
        ("ga", "webrtc", 2, EVERYWHERE | GA_ONLY),
        ("ga", "websocket", 2, EVERYWHERE | GA_ONLY | {"response.output_audio.delta"}),
    ],
)
def test_questions_are_answered_aloud_in_either_dialect_over_either_transport(
    tmp_path: Path, dialect: str, transport: str, turns: int, expected: set[str]
) -> None:
    spoken = ("--dialect", dialect, "--transport", transport)
    with started(*spoken, "--turns", str(turns), "--keep", str(tmp_path)) as process:
        finished = finish(process, tmp_path)
    check_conversation(finished, turns)
    check_loudspeaker(finished)
    events = finished.result["events"]
    assert expected <= set(events), finished.told
    assert not (BETA_ONLY if dialect == "ga" else GA_ONLY) & set(events)
    assert events["error"] == 1
    assert events["response.done"] == turns


def test_a_recorded_question_is_answered_from_its_file(tmp_path: Path) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    record_question(question, QUESTIONS[1], lead_s=8.0)
    arguments = ("--input", f"file:{question}", "--output", f"file:{answer}", "--turns", "1")
    with started(*arguments, "--keep", str(tmp_path)) as process:
        finished = finish(process, tmp_path)
    assert finished.exit_code == 0, finished.told
    assert [turn["user"] for turn in finished.result["turns"]] == [QUESTIONS[1]]
    assert str(answer) in finished.told
    (turn,) = finished.result["turns"]
    assert "fifteen" in turn["assistant"]
    assert missing_s(turn["assistant"], answers_in(answer)[0]) < SYLLABLE_S


def record_question(path: Path, text: str, lead_s: float) -> None:
    """Write a WAV file with ``text`` after so much silence, in which the session comes up."""
    spoken = path.with_suffix(".spoken.wav")
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(spoken)], check=True)
    with wave.open(str(spoken), "rb") as source, wave.open(str(path), "wb") as sink:
        sink.setparams(source.getparams())
        sink.writeframes(bytes(2 * int(lead_s * source.getframerate())))
        sink.writeframes(source.readframes(source.getnframes()))


def test_the_same_conversation_on_sound_cards(tmp_path: Path) -> None:
    """With a microphone the demo listens; here a player stands in for the person, and a recorder listens."""
    questions = QUESTIONS[:2]
    with virtual_cards() as cards:
        environment = {**os.environ, **cards.environment}
        devices = ("--input", "mic", "--output", "speaker", "--turns", str(len(questions)))
        with (
            card_process(RECORD, environment, tmp_path / "loudspeaker.wav"),
            started(*devices, "--keep", str(tmp_path), environment=environment) as process,
        ):
            for question in questions:
                (tmp_path / "question.pcm").write_bytes(asyncio.run(synthesize(question)))
                wait_for_state(process, "ready")
                with card_process(PLAY, environment, tmp_path / "question.pcm") as player:
                    assert player.wait(timeout=DEADLINE_S) == 0
            finished = finish(process, tmp_path)
    check_conversation(finished, len(questions))
    check_loudspeaker(finished)


PLAY = """
from edge_agent.core.pcm import PERIOD_BYTES, SILENCE
mouth = AlsaOutput.open("question", DeviceSettings(playout_fill_s=0.3))  # nobody who speaks is ever late
pcm = 50 * SILENCE + Path(sys.argv[1]).read_bytes() + 50 * SILENCE
for start in range(0, len(pcm), PERIOD_BYTES):
    mouth.write(pcm[start : start + PERIOD_BYTES].ljust(PERIOD_BYTES, b"\\0"))
mouth.close()
"""
RECORD = """
from edge_agent.audio.wavfile import WavOutput
ear, tape = AlsaInput.open("answer", DeviceSettings()), WavOutput(Path(sys.argv[1]))
while True:
    tape.write(ear.read())
"""
CARD_IMPORTS = """
import sys
from pathlib import Path
from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.device import DeviceSettings
"""


@contextmanager
def card_process(
    program: str, environment: Mapping[str, str], path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on the other side of the cards; it is killed at the end."""
    command = [sys.executable, "-c", CARD_IMPORTS + program, str(path)]
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_in_the_middle_of_an_answer_ends_everything_in_time(tmp_path: Path) -> None:
    with started("--turns", "9", "--keep", str(tmp_path)) as process:
        wait_for_state(process, "speaking")
        children = children_of(process.pid)
        assert len(children) == 2
        asked_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        finished = finish(process, tmp_path)
        took_s = time.monotonic() - asked_at
    assert finished.exit_code == 128 + signal.SIGINT, finished.told
    assert finished.result["ok"] is False
    assert "edge-agent stopped" in finished.told
    assert took_s < END_LIMIT_S
    assert not [pid for pid in children if is_alive(pid)]
