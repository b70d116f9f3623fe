"""The stacks by name: how each is started, and what to install when it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent / "stacks"
NODE_MODULES = Path(os.environ.get("EDGE_AGENT_BENCH_NODE_MODULES", ".cache/bench/node_modules"))
"""Where scripts/bench installs npm's @roamhq/wrtc."""

NODE_ENVIRONMENT = {"NODE_PATH": str(NODE_MODULES.absolute())}

SYSTEM_PYTHON = "/usr/bin/python3"
"""The distribution's, which its GStreamer binding belongs to."""

PROBE_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack. ``probe`` succeeds if it can run; ``advice`` says how to install it."""

    name: str
    command: tuple[str, ...]
    probe: tuple[str, ...] = ()
    advice: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def is_installed(self) -> bool:
        """Whether it can run here."""
        if not self.probe:
            return True
        if shutil.which(self.probe[0]) is None:
            return False
        done = subprocess.run(
            self.probe,
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
        return done.returncode == 0


STACKS = (
    Stack("edge-agent", (sys.executable, "-m", "edge_agent.bench.stacks.production")),
    Stack("aiortc", (sys.executable, "-m", "edge_agent.bench.stacks.stock_aiortc")),
    Stack(
        "libwebrtc",
        ("node", str(HERE / "libwebrtc.js")),
        ("node", "-e", "require('@roamhq/wrtc')"),
        "apt-get install nodejs npm; npm install --prefix .cache/bench @roamhq/wrtc",
        NODE_ENVIRONMENT,
    ),
    Stack(
        "webrtcbin",
        (SYSTEM_PYTHON, str(HERE / "webrtcbin.py")),
        (
            SYSTEM_PYTHON,
            "-c",
            "import gi; gi.require_version('GstWebRTC', '1.0'); gi.require_version('GstSdp', '1.0'); "
            "from gi.repository import Gst; Gst.init(None); "
            "exit(not all(map(Gst.ElementFactory.find, ('webrtcbin', 'nicesrc', 'opusdec', 'dtlsdec'))))",
        ),
        "apt-get install python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0 "
        "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice",
    ),
)
