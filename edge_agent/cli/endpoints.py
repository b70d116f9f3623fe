"""`edge-agent endpoints`: the servers, and what each can do."""

from __future__ import annotations

import argparse
from typing import Any

from edge_agent.cli.arguments import new_parser, take_config, take_json
from edge_agent.cli.terminal import show
from edge_agent.errors import ExitCode

ENDPOINTS_EPILOG = """\
The agent learns what a server can do from every session, and keeps it in its state folder; run this as the
same user. A probe sends no sound and asks for no answer, but a session may cost money.

  playback  whether the server says when its sound plays (output_audio_buffer.*)
  clear     whether it clears and commits its input buffer; push-to-talk only opens the microphone otherwise

examples:
  edge-agent endpoints
  edge-agent endpoints --probe --config my.yaml
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Show the servers in their order: how each was last, and what it can do."
    parser = new_parser(commands, "endpoints", _endpoints, summary, ENDPOINTS_EPILOG)
    take_config(parser, "the configuration that names them")
    parser.add_argument("--probe", action="store_true", help="open a short session with each of them first")
    take_json(parser)


def _endpoints(arguments: argparse.Namespace) -> int:
    from edge_agent.config.loader import load_config
    from edge_agent.probe import as_text, known_endpoints

    rows = known_endpoints(load_config(arguments.config), probe=arguments.probe)
    told = {"endpoints": [row.as_json() for row in rows]}
    show(told, as_text(rows), as_json=arguments.json)
    return ExitCode.OK
