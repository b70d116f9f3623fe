"""Parts of libraries that a session as a rule does without: loaded when they are first used.

They do the same as ever, and nothing is left out: Python has the means (importlib.util.LazyLoader).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

DNSPYTHON = frozenset({"dns.message", "dns.name", "dns.rdata", "dns.rdataset", "dns.zone"})
"""aioice looks up a candidate's name in ``.local`` with them, but servers give addresses. With what they
import they take 2.5 of the daemon's 76 MiB, and an eighth of the time to load it (dnspython 2.9)."""


@contextmanager
def loaded_late(names: Collection[str] = DNSPYTHON) -> Iterator[None]:
    """Let modules of these names that are first imported in this block be loaded at their first use.

    An error in one of them is raised where it is used.
    """
    finder = _LateFinder(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _LateFinder(MetaPathFinder):
    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a late module is loaded, None for any other module."""
        if fullname not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
