"""`edge-agent bench`: the sound path beside other stacks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge_agent.cli.arguments import new_parser, whole_number

BENCH_EPILOG = """\
Everything happens on this machine, in some twelve minutes; let nothing else run on it meanwhile. A stack that
is not installed is named on stderr, with the way to install it, and its figures are missing.

examples:
  edge-agent bench
  edge-agent bench --quick --json
  edge-agent bench --cases none,loss-5,stall-300 --stacks edge-agent,libwebrtc
"""


def add(commands: Any) -> None:
    """Add the command to what add_subparsers has returned, whose type argparse does not name."""
    summary = "Measure the sound path beside stock aiortc, libwebrtc and GStreamer's webrtcbin."
    parser = new_parser(commands, "bench", _bench, summary, BENCH_EPILOG)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="a few cases, once: about a minute")
    parser.add_argument(
        "--rounds", type=_rounds, metavar="N", help="rounds of every case (default: 3; --quick: 1)"
    )
    parser.add_argument("--cases", metavar="NAME,…", help="only these cases (default: all)")
    parser.add_argument("--stacks", metavar="NAME,…", help="only these stacks (default: all)")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=Path("docs"),
        metavar="DIR",
        help="write performance.md and its plots into this folder (without DIR: docs)",
    )


def _bench(arguments: argparse.Namespace) -> int:
    from edge_agent.bench.options import options_of
    from edge_agent.bench.run import run_bench

    return run_bench(
        options_of(
            json=arguments.json,
            quick=arguments.quick,
            rounds=arguments.rounds,
            cases=arguments.cases,
            stacks=arguments.stacks,
            write_docs=arguments.write_docs,
        )
    )


def _rounds(text: str) -> int:
    return whole_number(text, 1, 100)
