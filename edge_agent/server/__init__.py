"""The embedded local Realtime server: demo, offline default and test bench.

Importing this is cheap: what is heavy (aiortc, aiohttp) is loaded when the server runs.
"""

from __future__ import annotations

import sys

from edge_agent.server.extra import check_extra
from edge_agent.server.settings import CannotServe, ServerSettings

__all__ = ["CannotServe", "ServerSettings", "run_server"]


def run_server(settings: ServerSettings) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0, 1 (can't serve), 2 (bad settings).

    The first line on stdout is ``listening on http://HOST:PORT``; what is wrong is said in one line on
    stderr.
    """
    try:
        check_extra()
        from edge_agent.server.service import run_server as run

        run(settings)
    except CannotServe as problem:
        sys.stderr.write(f"edge-agent: {problem}\n")
        return problem.exit_code
    return 0
