"""Does every harm of :mod:`tests.network.cases` so many times, and shows medians and worst figures.

usage: python -m tests.network.measure [TIMES [CASE...]]
"""

from __future__ import annotations

import statistics
import sys

from tests.network.cases import CASES, Figures, run


def main(arguments: list[str]) -> int:
    """Measure, and print a line for each case; 1 if a figure was over its limit."""
    times = int(arguments[0]) if arguments else 5
    is_over = False
    for name in arguments[1:] or CASES:
        case = CASES[name]
        runs: list[Figures] = [run(case) for _ in range(times)]
        for figure, limit in case.limits.items():
            values = [figures[figure] for figures in runs]
            is_over |= max(values) > limit
            shown = f"median {statistics.median(values):.2f}, worst {max(values):.2f}, limit {limit:g}"
            sys.stdout.write(f"{name}: {figure}: {shown}\n")
            sys.stdout.flush()
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
