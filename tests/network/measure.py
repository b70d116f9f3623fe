"""Does every harm of :mod:`tests.network.cases` so many times, and shows medians and worst figures.

usage: python -m tests.network.measure [TIMES [CASE...]]

``words`` stands for all cases of :mod:`tests.network.words`, where a person asks something meanwhile; each of
them is a case as well.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial

from tests.network import cases, words
from tests.network.cases import Figures

EXACT = frozenset({"heard", "answers spoken"})
"""What is not to happen less often either."""


def main(arguments: list[str]) -> int:
    """Measure, and print a line for each figure; 1 if one was over its limit."""
    times = int(arguments[0]) if arguments else 5
    is_over = False
    for name in _named(arguments[1:]):
        limits, run = found(name)
        runs = [run() for _ in range(times)]
        for figure, limit in limits.items():
            values = [figures[figure] for figures in runs]
            is_over |= max(values) > limit or (figure in EXACT and min(values) < limit)
            worst = min(values) if figure in EXACT and min(values) < limit else max(values)
            shown = f"median {statistics.median(values):.2f}, worst {worst:.2f}, limit {limit:g}"
            sys.stdout.write(f"{name}: {figure}: {shown}\n")
            sys.stdout.flush()
    return int(is_over)


def _named(names: list[str]) -> list[str]:
    if not names:
        return list(cases.CASES)
    return [each for name in names for each in (words.CASES if name == "words" else [name])]


def found(name: str) -> tuple[Figures, Callable[[], Figures]]:
    """Return a case's limits, and how it is run."""
    if name in words.CASES:
        return words.CASES[name].limits, partial(words.run, words.CASES[name])
    return cases.CASES[name].limits, partial(cases.run, cases.CASES[name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
