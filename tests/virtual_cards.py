"""Sound cards made of software: real ALSA PCM handles with a real-time clock, on a machine without a card.

A private PulseAudio holds two null sinks, and a private ``asound.conf`` names four ALSA PCMs on them::

    question ──plays into──> sink "mic" ──monitor──> microphone of edge-agent: PCM "mic"
    edge-agent's loudspeaker: PCM "speaker" ──plays into──> sink "spk" ──monitor──> PCM "answer"

Needs Debian's ``pulseaudio`` and ``libasound2-plugins``; works as root, in a chroot and without D-Bus. Each
instance has its own folder and its own process, so several can run at once. The first 200 ms or so after a
PCM is opened may be lost while the stream connects: begin what you play with silence.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_LIMIT_S = 20.0
"""A private PulseAudio answers within half a second on an idle machine; this allows for a busy one."""
STOP_LIMIT_S = 5.0

_SINKS = ("mic", "spk")
_SINK = "rate=48000 channels=1 norewinds=1"
"""A null sink without rewinds works in blocks of 50 ms at most; with them it begins with one of 2 s."""
_ASOUND_CONF = """\
</usr/share/alsa/alsa.conf>
pcm.mic {{ type pulse server "{server}" device "mic.monitor" }}
pcm.speaker {{ type pulse server "{server}" device "spk" }}
pcm.question {{ type pulse server "{server}" device "mic" }}
pcm.answer {{ type pulse server "{server}" device "spk.monitor" }}
pcm.strict {{ type pulse server "{server}" device "spk" handle_underrun 1 }}
pcm.strictquestion {{ type pulse server "{server}" device "mic" handle_underrun 1 }}
pcm.endless {{ type null }}
pcm.speaker44 {{ type plug slave {{ pcm speaker rate 44100 }} }}
pcm.mic16 {{ type plug slave {{ pcm mic rate 16000 }} }}
pcm.plugspeaker {{ type plug slave.pcm speaker }}
pcm.plugmic {{ type plug slave.pcm mic }}
pcm.speaker4 {{
    type multi slaves.all {{ pcm plugspeaker channels 4 }}
    bindings [
        {{ slave all channel 0 }} {{ slave all channel 1 }}
        {{ slave all channel 2 }} {{ slave all channel 3 }}
    ]
}}
pcm.mic2 {{
    type multi slaves.all {{ pcm plugmic channels 2 }}
    bindings [ {{ slave all channel 0 }} {{ slave all channel 1 }} ]
}}
ctl.speaker {{ type pulse server "{server}" device "spk" }}
pcm.float {{ type lfloat slave {{ pcm plugspeaker format S16_LE }} }}
"""
_CLIENT_CONF = """\
autospawn = no
enable-shm = no
cookie-file = {folder}/cookie
"""


class VirtualCards:
    """One private PulseAudio and the ALSA configuration that leads to it.

    ``environment`` is what a child process needs on top of its own environment to see the PCMs ``mic``,
    ``speaker``, ``question`` and ``answer``. ``strict`` and ``strictquestion`` are ``speaker`` and
    ``question`` that report underruns as a sound card does, and ``endless`` is ALSA's null device, which
    never waits. The others take one rate, one number of channels or one kind of samples only, as their names
    say.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "native"
        self._process: subprocess.Popen[bytes] | None = None
        server = f"unix:{self._socket}"
        (folder / "asound.conf").write_text(_ASOUND_CONF.format(server=server))
        (folder / "client.conf").write_text(_CLIENT_CONF.format(folder=folder))
        self.environment = {
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
            "PULSE_SERVER": server,
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "TMPDIR": str(folder),
        }

    @property
    def pid(self) -> int | None:
        """The sound server's process, None while it is unplugged."""
        return self._process.pid if self._process is not None else None

    def plug_in(self) -> None:
        """Start the sound server and wait until it answers; RuntimeError with its log if it does not."""
        command = [
            *("pulseaudio", "-n", "--daemonize=no", "--fail=yes", "--use-pid-file=no", "--exit-idle-time=-1"),
            *("--realtime=no", "--high-priority=no", "--no-cpu-limit=yes", "--disable-shm=yes"),
            *("--log-target=stderr", "--log-level=warn"),
            *(f"--load=module-null-sink sink_name={name} {_SINK}" for name in _SINKS),
            f"--load=module-native-protocol-unix socket={self._socket} auth-anonymous=1",
        ]
        self._socket.unlink(missing_ok=True)
        with (self._folder / "pulseaudio.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_it_answers(self._process)

    def unplug(self) -> None:
        """Kill the sound server: every PCM on it fails from now on."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_LIMIT_S)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the sound server for the length of the block: calls to it wait, and do not fail."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self._socket)) == 0:
                    return
            time.sleep(0.02)
        self.unplug()
        log = (self._folder / "pulseaudio.log").read_text(errors="replace")
        raise RuntimeError(f"the private PulseAudio did not start; its log:\n{log}")


@contextmanager
def virtual_cards() -> Iterator[VirtualCards]:
    """Run virtual sound cards for the length of the block; the sound server is gone afterwards."""
    if shutil.which("pulseaudio") is None:
        raise RuntimeError("no pulseaudio: apt-get install pulseaudio libasound2-plugins")
    # Not under pytest's own folder: its names can exceed the 107 bytes of a Unix socket's path.
    folder = Path(tempfile.mkdtemp(prefix="cards-"))
    cards = VirtualCards(folder)
    try:
        cards.plug_in()
        yield cards
    finally:
        cards.unplug()
        shutil.rmtree(folder, ignore_errors=True)
