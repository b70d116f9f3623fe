"""Stands in for ``edge-agent serve``: says where it listens and waits for its end. Behaves as it is told."""

from __future__ import annotations

import signal
import sys
import time


def main() -> int:
    behaviour = sys.argv[1]
    if behaviour == "refuses":
        sys.stderr.write("the acoustic model is missing\n")
        return 3
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    sys.stdout.write("listening on http://127.0.0.1:9\n")
    sys.stdout.flush()
    if behaviour == "dies":
        time.sleep(1.0)
        sys.stderr.write("out of ideas\n")
        return 4
    while True:
        time.sleep(60.0)


if __name__ == "__main__":
    sys.exit(main())
