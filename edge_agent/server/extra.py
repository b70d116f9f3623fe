"""What the server needs beside edge-agent itself. Importing this loads none of it."""

from __future__ import annotations

import importlib.util

from edge_agent.server.settings import CannotServe

EXTRA = ("aiohttp", "pocketsphinx", "webrtcvad")
"""Modules of the extra "offline"."""


def check_extra() -> None:
    """Raise CannotServe unless the modules that listen and hear are installed."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotServe(
            f"the local server needs {' and '.join(missing)}, which is not installed: "
            "pip install 'edge-agent[offline]'"
        )
