"""`edge-agent budget`: what was used and spent."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from edge_agent.cli.arguments import DEFAULT_CONFIG, new_parser, take_json
from edge_agent.cli.terminal import show
from edge_agent.errors import ExitCode

BUDGET_EPILOG = """\
It reads the file in which the agent keeps its books (ledger.json in its state folder), whether the agent runs
or not. Without prices in the configuration money is not counted.

examples:
  edge-agent budget
  edge-agent budget --json --config my.yaml
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Show what was used and spent in this hour, this day and this month."
    parser = new_parser(commands, "budget", _budget, summary, BUDGET_EPILOG)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration that the agent runs with, for its limits "
        f"(default: {DEFAULT_CONFIG}, if it is there)",
    )
    parser.add_argument(
        "--file", type=Path, metavar="LEDGER", help="the ledger (default: the service's, else this user's)"
    )
    take_json(parser)


def _budget(arguments: argparse.Namespace) -> int:
    from edge_agent.budget_report import BudgetReport, find_ledger
    from edge_agent.config.loader import load_config
    from edge_agent.config.schema import Config
    from edge_agent.config.spending import limits_of

    config = Config()
    if arguments.config is not None or DEFAULT_CONFIG.exists():
        config = load_config(arguments.config or DEFAULT_CONFIG)
    report = BudgetReport.read(arguments.file or find_ledger(os.environ), limits_of(config.budget))
    show(report.as_json(), report.as_text(), as_json=arguments.json)
    return ExitCode.OK
