"""`edge-agent serve`: the embedded local server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_agent.cli.arguments import new_parser, take_dialect, whole_number

DEFAULT_SERVER_PORT = 8765
"""Where ``serve`` listens, and where the configuration as shipped looks for a server."""

SERVE_EPILOG = """\
The first line on stdout is "listening on http://HOST:PORT", as soon as it does.

examples:
  edge-agent serve
  edge-agent serve --port 0 --dialect beta
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Run the embedded local Realtime server: no account, no network."
    parser = new_parser(commands, "serve", _serve, summary, SERVE_EPILOG)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_SERVER_PORT,
        help="TCP port to listen on, 0 for any free one (default: %(default)s)",
    )
    take_dialect(parser)
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", help="misbehave as this file says, for tests of clients"
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="environment variable with the key that callers must send (default: everybody is welcome)",
    )
    parser.add_argument(
        "--max-session-s",
        type=_lifetime_s,
        default=3600.0,
        metavar="SECONDS",
        help="age at which a session expires (default: 3600)",
    )


def _serve(arguments: argparse.Namespace) -> int:
    from edge_agent.protocol.dialect import Dialect
    from edge_agent.server import ServerSettings, run_server

    return run_server(
        ServerSettings(
            host=arguments.host,
            port=arguments.port,
            dialect=Dialect(arguments.dialect),
            scenario=arguments.scenario,
            key=_key_of(arguments.key_env),
            max_session_s=arguments.max_session_s,
        )
    )


def _key_of(variable: str | None) -> str | None:
    if variable is None:
        return None
    from edge_agent.config.schema import KeySource
    from edge_agent.config.secrets import find_secret

    return find_secret("--key-env", KeySource(env=variable)).secret()


def _port(text: str) -> int:
    return whole_number(text, 0, 65_535)


def _lifetime_s(text: str) -> float:
    return float(whole_number(text, 1, 86_400))
