from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.virtual_cards import VirtualCards, virtual_cards

PLAY = """
from edge_agent.audio.alsa import AlsaOutput
from edge_agent.audio.device import DeviceSettings
mouth = AlsaOutput.open("question", DeviceSettings())
for _ in range(150):
    mouth.write(bytes([0, 32]) * 480)
mouth.close()
"""
LISTEN = """
import sys
from edge_agent.audio.alsa import AlsaInput
from edge_agent.audio.device import DeviceSettings
ear = AlsaInput.open("mic", DeviceSettings())
print("ready", flush=True)
heard = b"".join(ear.read() for _ in range(120))
ear.close()
print(heard.count(bytes([0, 32]) * 480) > 50)
"""


def python(program: str, cards: VirtualCards) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | cards.environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_hear_each_other_through_their_own_cards_and_no_others() -> None:
    with virtual_cards() as ours, virtual_cards() as theirs:
        listeners = [python(LISTEN, ours), python(LISTEN, theirs)]
        for listener in listeners:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
        speaker = python(PLAY, ours)
        heard = [listener.communicate(timeout=60)[0] for listener in listeners]
        speaker.communicate(timeout=60)
    assert speaker.returncode == 0
    assert heard == ["True\n", "False\n"]


def test_nothing_is_left_behind() -> None:
    with virtual_cards() as cards:
        folder = Path(cards.environment["HOME"])
        pid = cards.pid
        assert Path(f"/proc/{pid}").exists()
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()
