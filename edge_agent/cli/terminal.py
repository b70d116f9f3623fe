"""Lines for whoever has called a command."""

from __future__ import annotations

import json
import sys


def say(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{text}\n")


def show(told: object, text: str, *, as_json: bool) -> None:
    """Write what was asked for to stdout: ``told`` as one line of JSON, or ``text`` as it is."""
    sys.stdout.write(json.dumps(told) + "\n" if as_json else text)


def complain(text: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{text}\n")
