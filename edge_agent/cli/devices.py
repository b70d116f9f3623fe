"""`edge-agent devices`: sound cards and GPIO chips."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from edge_agent.cli.arguments import new_parser
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
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _devices(arguments: argparse.Namespace) -> int:
    from edge_agent.devices import as_text, list_devices

    devices = list_devices()
    sys.stdout.write(json.dumps(devices.as_json()) + "\n" if arguments.json else as_text(devices))
    return ExitCode.OK
