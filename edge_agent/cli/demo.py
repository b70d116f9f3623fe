"""`edge-agent demo`: a conversation with the embedded server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_agent.cli.arguments import new_parser, take_dialect, whole_number

DEMO_EPILOG = """\
It starts the server and the agent as two processes, watches them hold a conversation and stops both.
PCM is an ALSA name (default, plughw:CARD=Device), file:PATH.wav or null. It exits with 0 only if every
question was answered with sound.

examples:
  edge-agent demo
  edge-agent demo --input file:question.wav --output file:answer.wav
  edge-agent demo --json --dialect beta --turns 3
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Hold a conversation with the embedded server, without account and network."
    parser = new_parser(commands, "demo", _demo, summary, DEMO_EPILOG)
    parser.add_argument(
        "--input", metavar="PCM", help="microphone (default: a sound card, else spoken questions)"
    )
    parser.add_argument(
        "--output", metavar="PCM", help="loudspeaker (default: a sound card, else a recording)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as a JSON object on the last line"
    )
    take_dialect(parser)
    parser.add_argument(
        "--transport",
        choices=("webrtc", "websocket"),
        default="webrtc",
        help="what carries the session (default: %(default)s)",
    )
    parser.add_argument("--turns", type=_turns, metavar="N", help="how many questions (default: 4)")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep configuration, logs and the recording in this folder"
    )


def _demo(arguments: argparse.Namespace) -> int:
    from edge_agent.core.ways import TransportKind
    from edge_agent.demo.options import DEFAULT_TURNS, DemoOptions
    from edge_agent.demo.run import run_demo
    from edge_agent.protocol.dialect import Dialect

    return run_demo(
        DemoOptions(
            input=arguments.input,
            output=arguments.output,
            json=arguments.json,
            dialect=Dialect(arguments.dialect),
            transport=TransportKind(arguments.transport),
            turns=DEFAULT_TURNS if arguments.turns is None else arguments.turns,
            keep=arguments.keep,
        )
    )


def _turns(text: str) -> int:
    return whole_number(text, 1, 1000)
