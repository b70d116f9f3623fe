"""`edge-agent stats`: how the running agent's sound is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_agent.cli.arguments import new_parser, take_config, take_json
from edge_agent.cli.terminal import show
from edge_agent.errors import ControlError, ExitCode

STATS_EPILOG = """\
It asks at the control socket that the configuration names (control.socket). Names and units are those of
W3C webrtc-stats; everything is counted from the beginning of the session.

examples:
  edge-agent stats
  edge-agent stats --json --config my.yaml
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Show how the running agent's sound is: delay, losses, processor time."
    parser = new_parser(commands, "stats", _stats, summary, STATS_EPILOG)
    take_config(parser, "the configuration that the agent runs with")
    take_json(parser)


def _stats(arguments: argparse.Namespace) -> int:
    import asyncio

    from edge_agent.config.loader import load_config
    from edge_agent.control.client import ask_for_statistics
    from edge_agent.core.statistics import as_text

    path = load_config(arguments.config).control.socket
    if path is None:
        raise ControlError(f"{arguments.config}: control.socket: expected the path of a socket, got null")
    told = asyncio.run(ask_for_statistics(Path(path)))
    show(told, as_text(told), as_json=arguments.json)
    return ExitCode.OK
