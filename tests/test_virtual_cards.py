from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.virtual_cards import virtual_cards

SOUND = "bytes([0, 32]) * 480"
PLAY = f"""
from edge_agent.audio.alsa import AlsaOutput
from edge_agent.audio.device import DeviceSettings
mouth = AlsaOutput.open("question", DeviceSettings())
for _ in range(6000):
    mouth.write({SOUND})
"""
LISTEN = f"""
import sys
from edge_agent.audio.alsa import AlsaInput
from edge_agent.audio.device import DeviceSettings
ear = AlsaInput.open("mic", DeviceSettings())
heard = b""
for _ in range(int(sys.argv[1])):
    heard += ear.read()
    if {SOUND} in heard:
        sys.exit(0)
sys.exit(3)
"""
HEARD, HEARD_NOTHING = 0, 3


def command(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


def test_processes_hear_each_other_through_their_own_cards_and_no_others() -> None:
    with virtual_cards() as ours, virtual_cards() as theirs:
        near, far = os.environ | ours.environment, os.environ | theirs.environment
        with subprocess.Popen(command(PLAY), env=near) as player:
            try:
                assert subprocess.call(command(LISTEN, "3000"), env=near, timeout=60) == HEARD
                assert subprocess.call(command(LISTEN, "50"), env=far, timeout=60) == HEARD_NOTHING
                assert player.poll() is None
            finally:
                player.kill()


def test_nothing_is_left_behind() -> None:
    with virtual_cards() as cards:
        folder = Path(cards.environment["HOME"])
        pid = cards.pid
        assert Path(f"/proc/{pid}").exists()
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()
