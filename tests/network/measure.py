"""Does every harm of :mod:`tests.network.cases` so many times, and shows medians and worst figures.

usage: python -m tests.network.measure [--server embedded|foreign] [TIMES [CASE...]]

``words`` stands for all cases of :mod:`tests.network.words`, where a person asks something meanwhile; each of
them is a case as well. ``--server foreign`` is speech-to-speech, which knows no faults to play.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial

from tests.network import cases, words
from tests.network.cases import Figures
from tests.network.place import ServerKind

EXACT = frozenset({"heard", "answers spoken"})
"""What is not to happen less often either."""


def main() -> int:
    """Measure, and print a line for each figure; 1 if one was over its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=[kind.value for kind in ServerKind], default="embedded")
    parser.add_argument("times", type=int, nargs="?", default=5)
    parser.add_argument("cases", nargs="*")
    wished = parser.parse_args()
    kind = ServerKind(wished.server)
    is_over = False
    for name in _named(wished.cases, kind):
        limits, run = found(name, kind)
        runs = [run() for _ in range(wished.times)]
        for figure, limit in limits.items():
            values = [figures[figure] for figures in runs]
            is_over |= max(values) > limit or (figure in EXACT and min(values) < limit)
            worst = min(values) if figure in EXACT and min(values) < limit else max(values)
            shown = f"median {statistics.median(values):.2f}, worst {worst:.2f}, limit {limit:g}"
            sys.stdout.write(f"{name}: {figure}: {shown}\n")
            sys.stdout.flush()
    return int(is_over)


def _named(names: list[str], kind: ServerKind) -> list[str]:
    if not names:
        return list(cases.cases_of(kind))
    return [each for name in names for each in (words.cases_of(kind) if name == "words" else [name])]


def found(name: str, kind: ServerKind = ServerKind.EMBEDDED) -> tuple[Figures, Callable[[], Figures]]:
    """Return a case's limits, and how it is run."""
    if name in words.CASES:
        return words.CASES[name].limits, partial(words.run, words.CASES[name], kind)
    case = cases.cases_of(kind)[name]
    return case.limits, partial(cases.run, case, kind)


if __name__ == "__main__":
    sys.exit(main())
