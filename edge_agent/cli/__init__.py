"""The command line: a module for each command, which parses its arguments and hands over.

What a command needs is imported when it runs. Its function takes the parsed arguments and returns an exit
code of :class:`errors.ExitCode`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from edge_agent import __version__
from edge_agent.cli import bench, budget, config, demo, devices, endpoints, run, serve, stats
from edge_agent.cli.arguments import EXIT_CODES, Command
from edge_agent.cli.terminal import complain
from edge_agent.errors import ConfigError, EdgeAgentError, ExitCode, StateTaken

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended: 128 and the number of SIGINT."""

DESCRIPTION = "Turns a Raspberry Pi into a voice agent: one lasting WebRTC session with a Realtime server."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit for ``--help`` and wrong arguments only."""
    try:
        parsed = build_parser().parse_args(arguments)
        command: Command = parsed.command
        exit_code = command(parsed)
        sys.stdout.flush()  # here, so that a reader who has gone is noticed here
        return int(exit_code)
    except ConfigError as error:
        complain(str(error))
        return ExitCode.CONFIG
    except EdgeAgentError as error:
        complain(f"edge-agent: {error}")
        return ExitCode.BUSY if isinstance(error, StateTaken) else ExitCode.FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read stdout (head, less) has gone: at exit, Python must not try to tell it the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description=DESCRIPTION,
        epilog=f"Each command has its own help, with examples: edge-agent run --help\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (run, serve, demo, bench, config, devices, endpoints, stats, budget):
        command.add(commands)
    return parser
