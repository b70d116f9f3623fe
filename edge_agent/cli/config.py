"""`edge-agent config`: check, show and describe the configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.arguments import DEFAULT_CONFIG, new_parser
from edge_agent.cli.terminal import complain, say
from edge_agent.errors import ExitCode

if TYPE_CHECKING:
    from edge_agent.config.schema import Config

CONFIG_EPILOG = """\
examples:
  edge-agent config check
  edge-agent config show my.yaml
  edge-agent config schema > edge-agent.schema.json
"""

CHECK_EPILOG = """\
Mistakes go to stderr as FILE:LINE:COLUMN: KEY: expected …, got …. Keys are looked for as this user and in
this environment; the service may find others.

examples:
  edge-agent config check
  edge-agent config check config/edge-agent.yaml
"""

SHOW_EPILOG = """\
examples:
  edge-agent config show
  edge-agent config show --json my.yaml
"""

SCHEMA_EPILOG = """\
Editors with the YAML language server take it from a first line such as
  # yaml-language-server: $schema=./edge-agent.schema.json
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Check, show or describe the configuration."
    parser = new_parser(commands, "config", None, summary, CONFIG_EPILOG)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    summary = "Tell every mistake of a configuration, each with its line."
    check = new_parser(actions, "check", _check, summary, CHECK_EPILOG)
    summary = "Print a configuration with every default filled in. Keys are never shown."
    show = new_parser(actions, "show", _show, summary, SHOW_EPILOG)
    for action in (check, show):
        action.add_argument("file", type=Path, nargs="?", metavar="FILE", help=f"default: {DEFAULT_CONFIG}")
        action.add_argument("--config", type=Path, metavar="FILE", help="the same as FILE")
    show.add_argument("--json", action="store_true", help="print JSON instead of YAML")

    summary = "Print the JSON schema of the configuration, for editors."
    new_parser(actions, "schema", _schema, summary, SCHEMA_EPILOG)


def _check(arguments: argparse.Namespace) -> int:
    path, config = _loaded(arguments)
    refusals = _check_keys(config)
    for refusal in refusals:
        complain(f"{path}: {refusal}")
    if refusals:
        return ExitCode.CONFIG
    say(f"{path}: valid")
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from edge_agent.config.export import as_json, as_yaml

    _, config = _loaded(arguments)
    sys.stdout.write(as_json(config) if arguments.json else as_yaml(config))
    return ExitCode.OK


def _schema(_: argparse.Namespace) -> int:
    from edge_agent.config.export import json_schema

    sys.stdout.write(json_schema())
    return ExitCode.OK


def _loaded(arguments: argparse.Namespace) -> tuple[Path, Config]:
    """Load the configuration that FILE or ``--config`` names."""
    from edge_agent.config.loader import load_config

    path: Path = arguments.file or arguments.config or DEFAULT_CONFIG
    return path, load_config(path)


def _check_keys(config: Config) -> list[str]:
    """Say where each endpoint's key is found; return what is wrong with those that can't be used."""
    from edge_agent.config.secrets import SecretNotFound, SecretRefused, find_secret

    refusals: list[str] = []
    for index, endpoint in enumerate(config.endpoints):
        if endpoint.key is None:
            continue
        try:
            found = find_secret(f"endpoints[{index}].key", endpoint.key)
        except SecretNotFound as error:
            say(f"note: {error}")
        except SecretRefused as error:
            refusals.append(str(error))
        else:
            say(f"endpoints[{index}].key: found, {found.place}")
    return refusals
