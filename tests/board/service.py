"""edge-agent as a service on a board: sound cards, server, installation, and a person who asks."""

from __future__ import annotations

import json
import re

from edge_agent.core.notices import Notice
from tests.board.board import CLONE, Board, wait_until

UNIT = "edge-agent.service"
CONFIGURATION = "/etc/edge-agent/edge-agent.yaml"
PYTHON = "/opt/edge-agent/current/bin/python"
KEY = "sk-board-0123456789abcdef"
"""What the local server wants to see; it reaches the agent as a systemd credential."""

INSTALL_LIMIT_S = 600.0
"""With everything to fetch and two packages to build: 20 s on an idle machine with a fast network."""

READY_LIMIT_S = 60.0
ANSWER_LIMIT_S = 60.0
"""Recognition, speech and the playing of the answer, on a busy machine."""

QUESTION = "what is two plus three"
ANSWER = "five"

_SINK = "rate=48000 channels=1 norewinds=1"

_CARDS = f"""\
[Unit]
Description=Sound cards made of software
[Service]
ExecStart=pulseaudio -n --daemonize=no --fail=yes --use-pid-file=no --exit-idle-time=-1 --realtime=no \\
    --high-priority=no --no-cpu-limit=yes --disable-shm=yes --log-target=stderr --log-level=warn \\
    "--load=module-null-sink sink_name=mic {_SINK}" "--load=module-null-sink sink_name=spk {_SINK}" \\
    "--load=module-native-protocol-unix socket=/run/cards/native auth-anonymous=1"
RuntimeDirectory=cards
Environment=HOME=/run/cards XDG_RUNTIME_DIR=/run/cards
"""

_ASOUND = """\
pcm.microphone { type pulse server "unix:/run/cards/native" device "mic.monitor" }
pcm.loudspeaker { type pulse server "unix:/run/cards/native" device "spk" }
pcm.question { type pulse server "unix:/run/cards/native" device "mic" }
pcm.answer { type pulse server "unix:/run/cards/native" device "spk.monitor" }
"""

_SERVER_DROP_IN = f"""\
[Service]
ExecStart=
ExecStart=/opt/edge-agent/current/bin/edge-agent serve --key-env BOARD_KEY
Environment=BOARD_KEY={KEY}
"""

CONFIGURATION_TEXT = """\
endpoints:
  - name: board
    profile: local
    url: http://127.0.0.1:8765
    key: {credential: api-key}
sound:
  input: microphone
  output: loudspeaker
  playout_fill_ms: 150  # no word is to be lost on a machine that is busy with a whole board
"""

_CONCEALMENT = """\
import json, math
from array import array
from edge_agent.audio.machine import DECODER_COMPLEXITY
from edge_agent.audio.opus import OpusDecoder, OpusEncoder, OpusSettings, library_version

sound = array("h", (round(8000 * math.sin(at / 20) ** 5) for at in range(20 * 960)))
encoder = OpusEncoder(OpusSettings())
packets = [encoder.encode(sound[at : at + 960].tobytes()) for at in range(0, len(sound), 960)]
plain, able, undisturbed = OpusDecoder(), OpusDecoder(DECODER_COMPLEXITY), OpusDecoder(DECODER_COMPLEXITY)
heard = [[decoder.decode(packet) for packet in packets[:15]] for decoder in (plain, able, undisturbed)]
able.keep()
is_made_up_alike = plain.conceal(960) == able.conceal(960)
able.take_back()
goes_on = able.decode(packets[15]) == undisturbed.decode(packets[15])
print(json.dumps([library_version(), able.is_neural, heard[0] == heard[1], is_made_up_alike, goes_on]))
"""

WATCHDOG_S = 8
"""Shorter than the unit's own, so that the tests need not wait for half a minute each."""

_DROP_IN = f"""\
[Service]
WatchdogSec={WATCHDOG_S}
# A way to stall the event loop: Python imports this module first, if there is one.
Environment=PYTHONPATH=/usr/local/lib/board
# libpulse, of which a board with a real card knows nothing, wants a home.
Environment=HOME=/run/edge-agent PULSE_RUNTIME_PATH=/run/edge-agent/pulse
"""

_STALL_ON_SIGNAL = """\
import signal
import time

signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))
"""

_RECOGNISE = """\
import sys, wave
from pocketsphinx import Decoder
with wave.open(sys.argv[1]) as recording:
    sound = recording.readframes(recording.getnframes())
decoder = Decoder(samprate=16000, loglevel="FATAL")
decoder.start_utt()
decoder.process_raw(sound, full_utt=True)
decoder.end_utt()
print(decoder.hyp().hypstr if decoder.hyp() else "")
"""


def install(board: Board) -> None:
    """Bring sound cards, a key and a configuration; run ``scripts/install``; wait for a session."""
    board.write("/etc/asound.conf", _ASOUND)
    board.write("/etc/pulse/client.conf.d/board.conf", "autospawn = no\nenable-shm = no\n")
    board.write("/etc/systemd/system/cards.service", _CARDS)
    board.write("/etc/systemd/system/edge-agent-local.service.d/board.conf", _SERVER_DROP_IN)
    board.write("/etc/systemd/system/edge-agent.service.d/board.conf", _DROP_IN)
    board.write("/usr/local/lib/board/sitecustomize.py", _STALL_ON_SIGNAL)
    board.write("/root/recognise.py", _RECOGNISE)
    board.write("/root/key", KEY + "\n")
    board.write(CONFIGURATION, CONFIGURATION_TEXT)
    board.run("systemctl", "daemon-reload")
    board.run("systemctl", "start", "cards.service")
    run_install(board, "--key-file", "/root/key")
    wait_until_in_session(board)


def run_install(board: Board, *arguments: str) -> str:
    """Run ``scripts/install`` with the host's network and return what it says."""
    return board.run(f"{CLONE}/scripts/install", *arguments, network=True, limit_s=INSTALL_LIMIT_S).stderr


def main_pid(board: Board) -> int:
    """The daemon's process on the board, 0 if there is none."""
    return int(board.properties(UNIT, "MainPID")["MainPID"])


def restarts(board: Board) -> int:
    """How often the service manager has started the service again by itself."""
    return int(board.properties(UNIT, "NRestarts")["NRestarts"])


def is_in_session(board: Board) -> bool:
    """Is the last state that this very process told one of a session that waits for speech?"""
    told = board.journal(f"MESSAGE_ID={Notice.STATE_CHANGED.message_id}", f"_PID={main_pid(board)}")
    return bool(told) and told[-1]["EDGE_STATE"] == "ready"


def wait_until_in_session(board: Board) -> None:
    """Wait for a session, from any state; TimeoutError with the journal's end if none comes."""
    try:
        wait_until(lambda: is_in_session(board), READY_LIMIT_S, "the agent is in a session")
    except TimeoutError as error:
        told = board.run("journalctl", "--no-pager", "--lines=60", check=False).stdout
        raise TimeoutError(f"{error}; the journal's end:\n{told}") from error


def ask(board: Board) -> str:
    """Speak one question into the microphone; return what a recogniser hears from the loudspeaker."""
    board.run("flite", "-voice", "slt", "-t", QUESTION, "-o", "/run/question.wav")
    as_unit = ("systemd-run", "--quiet", "--collect", "--unit=recorder", "--property=KillSignal=SIGINT")
    board.run(*as_unit, "arecord", "-q", "-D", "answer", "-f", "S16_LE", "-r", "16000", "/run/answer.wav")
    seen = len(entries(board, "EDGE_LATENCY_MS"))
    board.run("aplay", "--quiet", "-D", "question", "/run/question.wav")

    def is_answered() -> bool:
        return len(entries(board, "EDGE_LATENCY_MS")) > seen and is_in_session(board)

    try:
        wait_until(is_answered, ANSWER_LIMIT_S, "the question is answered")
    finally:
        board.run("systemctl", "stop", "recorder.service")
    return board.run(PYTHON, "/root/recognise.py", "/run/answer.wav").stdout.strip()


def concealment(board: Board) -> list[object]:
    """What the installed decoder does.

    The version of libopus; whether there is a neural network; with effort for concealment and without,
    whether a voice sounds the same, whether what is made up does; whether the stream goes on undisturbed once
    that was taken back.
    """
    told: list[object] = json.loads(board.run(PYTHON, "-c", _CONCEALMENT).stdout)
    return told


def entries(board: Board, field: str = "MESSAGE") -> list[dict[str, str]]:
    """The service's own journal entries that have ``field``, the oldest first."""
    return [entry for entry in board.journal(f"_SYSTEMD_UNIT={UNIT}") if field in entry]


def exposure(board: Board) -> float:
    """What ``systemd-analyze security`` says of the running service, of 10."""
    report = board.run("systemd-analyze", "security", "--no-pager", UNIT, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
    assert found is not None, report
    return float(found[1])
