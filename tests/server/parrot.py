"""Stands in for the listening process: hears nothing and says what its arguments tell, one after the other.

Arguments that begin with a sign are behaviour: ``!die``, ``!hang``, ``!nonsense``; ``!mute`` never gets
ready, ``!length`` says how much was heard. ``once:PATH`` as the first: the second is left out the next time.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

from edge_agent.server.listening_wire import Kind, read_message


def remaining(arguments: list[str]) -> list[str]:
    if not arguments or not arguments[0].startswith("once:"):
        return arguments
    done = Path(arguments[0].removeprefix("once:"))
    if done.exists():
        return arguments[2:]
    done.touch()
    return arguments[1:]


def main() -> int:
    says = itertools.cycle(remaining(sys.argv[1:]) or ["hello"])
    if sys.argv[1:] == ["!mute"]:
        return 3
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    heard = 0
    while message := read_message(sys.stdin.buffer):
        kind, body = message
        if kind is Kind.BEGIN:
            heard = 0
        elif kind is Kind.SOUND:
            heard += len(body)
        else:
            words = next(says)
            if words == "!die":
                return 4
            if words == "!hang":
                time.sleep(60)
            line = (
                "?"
                if words == "!nonsense"
                else json.dumps({"text": str(heard) if words == "!length" else words})
            )
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
