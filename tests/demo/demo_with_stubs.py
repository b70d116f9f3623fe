"""Runs the demo with stand-ins for server and daemon: ``demo_with_stubs.py SERVER DAEMON [TURNS]``.

Prints the JSON object and exits with the demo's exit code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.demo.options import DemoOptions, Programs
from edge_agent.demo.run import run_demo

HERE = Path(__file__).parent


def stubs(server: str = "serves", daemon: str = "answers") -> Programs:
    """Return stand-ins for both processes, each with its behaviour."""
    return Programs(
        (sys.executable, str(HERE / "stub_server.py"), server),
        (sys.executable, str(HERE / "stub_daemon.py"), daemon),
    )


if __name__ == "__main__":
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    sys.exit(run_demo(DemoOptions(json=True, turns=turns, programs=stubs(sys.argv[1], sys.argv[2]))))
