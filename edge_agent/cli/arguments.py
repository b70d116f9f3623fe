"""What the commands' arguments have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEFAULT_CONFIG = Path("/etc/edge-agent/edge-agent.yaml")
"""Where an installation keeps its configuration."""

EXIT_CODES = """\
exit codes:
  0   done
  1   failed; the message on stderr says why
  2   wrong arguments
  75  another agent runs: it holds the control socket that the configuration names, or the state folder
  78  the configuration, or a key that it names, can't be used: no restart helps
  130 ended by Ctrl-C
"""

Command = Callable[[argparse.Namespace], int]


def new_parser(
    commands: Any, name: str, command: Command | None, summary: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a command; ``commands`` is what add_subparsers returns, a type that argparse does not name."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=summary,
        epilog=f"{epilog}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command is not None:
        parser.set_defaults(command=command)
    return parser


def take_config(parser: argparse.ArgumentParser, which: str) -> None:
    """Add ``--config``; ``which`` says whose configuration it is."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"{which} (default: %(default)s)",
    )


def take_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, for :func:`~edge_agent.cli.terminal.show`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def take_dialect(parser: argparse.ArgumentParser) -> None:
    """Add ``--dialect``."""
    parser.add_argument(
        "--dialect",
        choices=("ga", "beta"),
        default="ga",
        help="generation of the server's event names (default: %(default)s)",
    )


def whole_number(text: str, least: int, most: int) -> int:
    """Return ``text`` as a number. Raises ArgumentTypeError unless it is from ``least`` to ``most``."""
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
    return int(text)
