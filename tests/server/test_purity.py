"""The files of the server that decide do nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edge_agent.server

FOLDER = Path(edge_agent.server.__file__).parent

PURE = frozenset(
    {
        "answer",
        "brain",
        "conversation",
        "effects",
        "grammar",
        "history",
        "items",
        "responder",
        "spoken_numbers",
        "state",
    }
    | {"usage"}
)

ALLOWED = frozenset(
    {"__future__", "collections", "dataclasses", "datetime", "enum", "fractions", "json", "math", "msgspec"}
    | {"re", "typing", "edge_agent"}
)
"""``datetime`` is a type here: the time comes in."""

SHELLS = frozenset(path.stem for path in FOLDER.glob("*.py")) - PURE - {"scenario", "settings"}


def imports_of(name: str) -> list[str]:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_decides_touches_nothing(name: str) -> None:
    modules = imports_of(name)
    assert {module.partition(".")[0] for module in modules} <= ALLOWED
    assert not {module for module in modules if module.removeprefix("edge_agent.server.") in SHELLS}


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_decides_does_not_ask_for_the_time(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"now", "today", "utcnow"}
