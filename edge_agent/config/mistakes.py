"""Mistakes in one form: ``file:line:column: key: expected …, got …; did you mean …?``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.errors import ConfigError

SUGGESTION_CUTOFF = 0.6
"""How alike two words must be to be suggested, 0 to 1 (difflib's own default)."""

MOST_TOLD = 50
"""Mistakes that a message lists; more of them are one cause (a wrong file), and would flood the journal."""

Path = tuple[str | int, ...]
"""Where a value stands: ``("endpoints", 0, "url")``."""


class Invalid:
    """Stands for a value that could not be read; its mistake is noted."""


INVALID = Invalid()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column in the file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake. ``suggestion`` is what to write instead; ``advice`` is the next step in words.

    No text of it may hold a secret: what was got is worded by :mod:`leaks`.
    """

    path: Path
    expected: str
    got: str
    place: Place | None = None
    suggestion: str | None = None
    advice: str | None = None

    def line(self, file_name: str) -> str:
        """Return the mistake as one line of text."""
        where = f"{file_name}:{self.place.line}:{self.place.column}" if self.place else file_name
        parts = [f"{where}: {key_text(self.path)}: expected {self.expected}, got {self.got}"]
        if self.suggestion is not None:
            parts.append(f"did you mean {self.suggestion}?")
        if self.advice is not None:
            parts.append(self.advice)
        return "; ".join(parts)


class BadConfig(ConfigError):
    """A configuration with all its mistakes; the message holds a line for each, in the file's order."""

    def __init__(self, file_name: str, mistakes: Iterable[Mistake]) -> None:
        ordered = sorted(mistakes, key=lambda mistake: mistake.place or Place(0, 0))
        self.mistakes = tuple(ordered)
        lines = [mistake.line(file_name) for mistake in ordered[:MOST_TOLD]]
        if len(ordered) > MOST_TOLD:
            lines.append(f"{file_name}: and {len(ordered) - MOST_TOLD} more mistakes")
        super().__init__("\n".join(lines))


def key_text(path: Path) -> str:
    """Return a path as a person writes it: ``endpoints[0].url``; the whole file is ``(file)``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text or "(file)"


def closest(word: str, choices: Sequence[str]) -> str | None:
    """Return the choice that ``word`` was probably meant to be, or None."""
    folded = {choice.lower().replace("-", "_"): choice for choice in choices}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=SUGGESTION_CUTOFF)
    return folded[found[0]] if found else None


def any_of(choices: Sequence[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    if len(choices) < 2:
        return "".join(choices)
    return f"{', '.join(choices[:-1])} or {choices[-1]}"
