"""`edge-agent run`: the voice agent itself."""

from __future__ import annotations

import argparse
from typing import Any

from edge_agent.cli.arguments import new_parser, take_config

RUN_EPILOG = """\
SIGHUP reads the configuration again; if it has mistakes, they are told and the old one stays.

examples:
  edge-agent run
  edge-agent run --config config/edge-agent.yaml --log-level debug
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    parser = new_parser(commands, "run", _run, "Run the voice agent until SIGTERM or Ctrl-C.", RUN_EPILOG)
    take_config(parser, "the configuration")
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="least severity that is logged (default: logging.level of the configuration)",
    )
    parser.add_argument(
        "--log-format",
        choices=("auto", "journal", "terminal"),
        default="auto",
        help="entries with fields for journald, or lines for people; auto: journal under systemd "
        "(default: %(default)s)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from edge_agent.late_modules import loaded_late

    with loaded_late():
        from edge_agent.daemon import run_daemon
        from edge_agent.journal import LogFormat

    return run_daemon(arguments.config, arguments.log_level, LogFormat(arguments.log_format))
