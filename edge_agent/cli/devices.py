"""`edge-agent devices`: sound cards and GPIO chips."""

from __future__ import annotations

import argparse
from typing import Any

from edge_agent.cli.arguments import new_parser, take_json
from edge_agent.cli.terminal import show
from edge_agent.errors import ExitCode

DEVICES_EPILOG = """\
The names of sound devices go into sound.input and sound.output of the configuration.

examples:
  edge-agent devices
  edge-agent devices --json
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "List sound cards, by names that last, and GPIO chips."
    parser = new_parser(commands, "devices", _devices, summary, DEVICES_EPILOG)
    take_json(parser)


def _devices(arguments: argparse.Namespace) -> int:
    from edge_agent.devices import as_text, list_devices

    devices = list_devices()
    show(devices.as_json(), as_text(devices), as_json=arguments.json)
    return ExitCode.OK
