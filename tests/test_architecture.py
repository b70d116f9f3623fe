"""The rules of ARCHITECTURE.md that can be read from the source, held for every module of the package.

Each rule is a function from one module's source to the ways in which it breaks the rule; the rules are tested
themselves, on small sources that break them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import edge_agent

PACKAGE = Path(edge_agent.__file__).parent

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"protocol", "errors", "redaction"}),
    frozenset({"core"}),
    frozenset({"audio", "gpio", "network", "session"}),
    frozenset(
        {
            "accounts",
            "bookkeeper",
            "config",
            "control",
            "devices",
            "endpoint_memory",
            "host",
            "interruption",
            "journal",
            "late_modules",
            "networks",
            "runner",
            "sessions",
            "state",
            "supervision",
        }
    ),
    frozenset({"display", "servers"}),
    frozenset({"parts"}),
    frozenset({"sound"}),
    frozenset({"appliance", "probe"}),
    frozenset({"budget_report", "daemon"}),
    frozenset({"bench", "demo"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""Folders and modules at the package's top, from the bottom up. One may import what lies below it, and
nothing beside it: the three shells over devices and network do not know each other."""

APART = {"server": frozenset({"protocol"})}
"""A process of its own: it sees only these. Of the rest, only the command line sees it."""

SEES_SERVER = frozenset({"cli"})

PURE = ("core/", "protocol/")
"""Decides and does nothing: no I/O, clock, thread, chance or log."""

# fmt: off
IMPURE_MODULES = frozenset({
    "asyncio", "concurrent", "ctypes", "datetime", "http", "io", "logging", "multiprocessing", "os",
    "pathlib", "queue", "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "warnings",
})
VAGUE_NAMES = frozenset({
    "base", "common", "helper", "helpers", "manager", "managers", "misc", "models", "util", "utils",
})
# fmt: on
IMPURE_CALLS = frozenset({"open", "print", "input", "breakpoint"})

PURE_EXCEPTIONS = {
    ("core/pcm.py", "threading"): "the queue where two threads meet needs a lock, and starts no thread",
}

LIBRARIES: dict[str, tuple[str, ...]] = {
    "aiohttp": ("server/", "bench/stacks/"),
    "aioice": ("session/", "server/"),
    "aiortc": ("session/", "server/", "bench/far_end.py", "bench/stacks/"),
    "alsaaudio": ("audio/alsa.py", "audio/alsa_card.py", "audio/mixer.py"),
    "av": ("session/", "server/", "audio/resample.py", "bench/far_end.py", "bench/stacks/"),
    "ctypes": (
        "audio/opus.py",
        "audio/alsa_card.py",
        "bench/speexdsp.py",
        "demo/children.py",
        "session/clock.py",
    ),
    "gi": ("bench/stacks/webrtcbin.py",),
    "gpiozero": ("gpio/",),
    "h11": ("session/http_request.py",),
    "lgpio": ("gpio/",),
    "matplotlib": ("bench/document.py",),
    "numpy": ("audio/aec3.py", "bench/"),
    "pesq": ("bench/figures.py",),
    "pystoi": ("bench/figures.py",),
    "msgspec": (
        "protocol/",
        "config/",
        "session/",
        "server/",
        "control/",
        "servers.py",
        "endpoint_memory.py",
    ),
    "pocketsphinx": ("server/",),
    "pymicro_wakeword": ("audio/wake_word.py",),
    "pylibsrtp": ("session/rtp_tap.py", "session/direct_sender.py"),
    "pywebrtc_audio": ("audio/aec3.py", "bench/"),
    "rich": ("demo/",),
    "scipy": ("bench/",),
    "systemd": ("journal.py", "supervision.py"),
    "webrtcvad": ("server/",),
    "websockets": ("session/websocket_connection.py",),
    "yaml": ("config/",),
}
"""Where each library that is not Python's own may be imported; ``ctypes`` stands for the C libraries behind
it (libopus, libasound's error handler, prctl)."""

THREAD_TOPS = {"audio/thread.py:_run": "the top of both sound threads: reports the crash and ends"}
"""Functions that may catch everything."""

FUNCTION_LIMIT = 60
LONG_FUNCTION_LIMIT = 100
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions over FUNCTION_LIMIT lines, as ``path:name``, with the reason."""


class Module:
    """One file of the package; ``path`` is relative to the package, with slashes."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.tree = ast.parse(source)
        self.unit = path.removesuffix(".py").split("/")[0]
        """The folder or module at the package's top that this belongs to."""


@cache
def every_module() -> list[Module]:
    """Return all modules of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return [Module(file.relative_to(PACKAGE).as_posix(), file.read_text("utf-8")) for file in files]


# -- reading imports -----------------------------------------------------------------------------------


def imports_of(module: Module) -> Iterator[str]:
    """Yield the dotted name of every import, wherever it stands; those for type checkers are left out."""
    package = ["edge_agent", *module.path.split("/")[:-1]]
    for node in _nodes_at_run_time(module.tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=name, level=level, names=names):
                start = ".".join(package[: len(package) - level + 1]) if level else ""
                origin = ".".join(part for part in (start, name) if part)
                yield from (f"{origin}.{name.name}" for name in names)
            case ast.Call(func=ast.Name("__import__"), args=[ast.Constant(str() as name), *_]):
                yield name
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(str() as name), *_]):
                yield name


def _nodes_at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=orelse):
                for other in orelse:
                    yield other
                    yield from _nodes_at_run_time(other)
            case _:
                yield child
                yield from _nodes_at_run_time(child)


def units_imported_by(module: Module) -> set[str]:
    """Return the folders and modules at the package's top that a module imports, its own left out."""
    names = [name.split(".") for name in imports_of(module)]
    units = {name[1] for name in names if name[0] == "edge_agent" and len(name) > 1}
    return units - {"__version__", module.unit}


# -- the rules -----------------------------------------------------------------------------------------


def breaks_layers(module: Module) -> list[str]:
    """Imports go down only."""
    imported = units_imported_by(module)
    if module.unit in APART:
        return [f"{module.path}: imports {name}" for name in sorted(imported - APART[module.unit])]
    if module.unit == "__init__":
        return [f"{module.path}: imports {name}" for name in sorted(imported)]
    layer = _layer_of(module.unit)
    if layer is None:
        return [f"{module.path}: {module.unit} has no layer; add it to LAYERS where it belongs"]
    below = frozenset[str]().union(*LAYERS[:layer])
    seen = below | frozenset(APART) if module.unit in SEES_SERVER else below
    return [f"{module.path}: imports {name}, which is not below it" for name in sorted(imported - seen)]


def _layer_of(unit: str) -> int | None:
    return next((number for number, layer in enumerate(LAYERS) if unit in layer), None)


def breaks_purity(module: Module) -> list[str]:
    """What decides touches nothing."""
    if not module.path.startswith(PURE):
        return []
    names = {name.split(".")[0] for name in imports_of(module)} & IMPURE_MODULES
    allowed = {name for path, name in PURE_EXCEPTIONS if path == module.path}
    calls = {
        node.func.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS
    }
    return [f"{module.path}: imports {name}" for name in sorted(names - allowed)] + [
        f"{module.path}: calls {name}()" for name in sorted(calls)
    ]


def breaks_library_places(module: Module) -> list[str]:
    """One place for each library."""
    names = {name.split(".")[0] for name in imports_of(module)}
    foreign = (names - sys.stdlib_module_names - {"edge_agent"}) | (names & LIBRARIES.keys())
    return [
        f"{module.path}: imports {name}"
        for name in sorted(foreign)
        if not module.path.startswith(LIBRARIES.get(name, ()))
    ]


def breaks_names(module: Module) -> list[str]:
    """Modules are nouns of the product."""
    parts = module.path.removesuffix(".py").split("/")
    return [f"{module.path}: {part} says nothing" for part in parts if part in VAGUE_NAMES]


def breaks_sizes(module: Module) -> list[str]:
    """Functions stay short."""
    found = []
    for function in _functions(module.tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        is_listed = f"{module.path}:{function.name}" in LONG_FUNCTIONS
        if lines > (LONG_FUNCTION_LIMIT if is_listed else FUNCTION_LIMIT):
            found.append(f"{module.path}:{function.name}: {lines} lines")
    return found


def _functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def breaks_docstrings(module: Module) -> list[str]:
    """Every module says what it is for."""
    return [] if ast.get_docstring(module.tree) else [f"{module.path}: has no docstring"]


def breaks_catching(module: Module) -> list[str]:
    """Nothing is caught for good without being known, and a cancelled task ends.

    Undoing something whatever happened, and raising on, is fine.
    """
    found = []
    for function, handler in _handlers(module.tree, module.tree):
        caught = _names_in(handler.type if isinstance(handler, ast.ExceptHandler) else handler)
        where = f"{module.path}:{getattr(function, 'name', '')}"
        is_broad = caught & {"Exception", "BaseException", ""} and not _raises_on(handler)
        if is_broad and where not in THREAD_TOPS:
            found.append(f"{where}: catches everything")
        raises = any(isinstance(node, ast.Raise) for node in ast.walk(function))
        if "CancelledError" in caught and not raises:
            found.append(f"{where}: swallows the cancelling")
    return found


def _handlers(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.AST, ast.ExceptHandler | ast.Call]]:
    """Yield every ``except`` and ``suppress()`` with the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        owner = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        is_suppress = isinstance(child, ast.Call) and "suppress" in _names_in(child.func)
        if isinstance(child, ast.ExceptHandler) or (isinstance(child, ast.Call) and is_suppress):
            yield owner, child
        yield from _handlers(child, owner)


def _raises_on(handler: ast.ExceptHandler | ast.Call) -> bool:
    """Whether a handler ends with a bare ``raise``."""
    last = handler.body[-1] if isinstance(handler, ast.ExceptHandler) else None
    return isinstance(last, ast.Raise) and last.exc is None


def _names_in(expression: ast.expr | None) -> set[str]:
    """The last part of every name in an expression; ``""`` for no expression at all."""
    if expression is None:
        return {""}
    nodes = list(ast.walk(expression))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


RULES: tuple[Callable[[Module], list[str]], ...] = (
    breaks_layers,
    breaks_purity,
    breaks_library_places,
    breaks_names,
    breaks_sizes,
    breaks_docstrings,
    breaks_catching,
)


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps_the_rule(rule: Callable[[Module], list[str]]) -> None:
    assert [break_ for module in every_module() for break_ in rule(module)] == []


def test_there_is_something_to_check() -> None:
    paths = {module.path for module in every_module()}
    assert {"core/agent.py", "protocol/codec.py", "runner.py"} <= paths


def test_exceptions_to_the_rules_are_still_needed() -> None:
    modules = {module.path: module for module in every_module()}
    for path, name in PURE_EXCEPTIONS:
        assert name in {imported.split(".")[0] for imported in imports_of(modules[path])}
    for where in (*THREAD_TOPS, *LONG_FUNCTIONS):
        path, _, name = where.partition(":")
        assert name in {function.name for function in _functions(modules[path].tree)}


# -- the rules themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (breaks_layers, "core/agent.py", "from edge_agent.session import peer"),
        (breaks_layers, "core/agent.py", "import edge_agent.session.peer"),
        (breaks_layers, "core/agent.py", "from edge_agent import session"),
        (breaks_layers, "core/agent.py", "from ..session import peer"),
        (breaks_layers, "core/agent.py", "from .. import session"),
        (breaks_layers, "core/agent.py", "def late() -> None:\n    from edge_agent import audio"),
        (breaks_layers, "core/agent.py", "importlib.import_module('edge_agent.audio')"),
        (breaks_layers, "core/agent.py", "__import__('edge_agent.audio')"),
        (breaks_layers, "protocol/codec.py", "from edge_agent.core import agent"),
        (breaks_layers, "audio/capture.py", "from edge_agent.session import peer"),
        (breaks_layers, "gpio/leds.py", "from edge_agent.daemon import run"),
        (breaks_layers, "server/answer.py", "from edge_agent.core import pcm"),
        (breaks_layers, "daemon.py", "from edge_agent.server import run"),
        (breaks_layers, "daemon.py", "if not TYPE_CHECKING:\n    import edge_agent.cli"),
        (breaks_layers, "daemon.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import edge_agent.cli"),
        (breaks_layers, "newcomer.py", "import edge_agent.core"),
        (breaks_layers, "__init__.py", "from edge_agent import core"),
        (breaks_purity, "core/agent.py", "from time import monotonic"),
        (breaks_purity, "core/agent.py", "import asyncio.queues"),
        (breaks_purity, "core/other.py", "import threading"),
        (breaks_purity, "protocol/codec.py", "import logging"),
        (breaks_purity, "protocol/codec.py", "print('hello')"),
        (breaks_purity, "core/agent.py", "def load(path: str) -> None:\n    open(path)"),
        (breaks_library_places, "core/agent.py", "import aiortc"),
        (breaks_library_places, "audio/capture.py", "import alsaaudio"),
        (breaks_library_places, "daemon.py", "from aiohttp import web"),
        (breaks_library_places, "audio/level.py", "import numpy"),
        (breaks_library_places, "audio/level.py", "import ctypes"),
        (breaks_names, "audio/utils.py", ""),
        (breaks_names, "helpers/audio.py", ""),
        (breaks_sizes, "daemon.py", "def run() -> None:\n" + "    pass\n" * FUNCTION_LIMIT),
        (breaks_sizes, "daemon.py", "async def run() -> None:\n" + "    pass\n" * FUNCTION_LIMIT),
        (breaks_docstrings, "daemon.py", "import sys"),
        (breaks_docstrings, "core/__init__.py", ""),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept Exception:\n    pass"),
        (
            breaks_catching,
            "daemon.py",
            "try:\n    run()\nexcept (ValueError, BaseException):\n    raise OSError",
        ),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept:\n    log()"),
        (breaks_catching, "daemon.py", "with contextlib.suppress(Exception):\n    run()"),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept asyncio.CancelledError:\n    pass"),
        (breaks_catching, "daemon.py", "with suppress(asyncio.CancelledError):\n    run()"),
    ],
)
def test_a_broken_rule_is_noticed(rule: Callable[[Module], list[str]], path: str, source: str) -> None:
    (found,) = rule(Module(path, source))
    assert path in found


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (breaks_layers, "core/agent.py", "from edge_agent.protocol import codec\nfrom . import link"),
        (breaks_layers, "core/agent.py", "if TYPE_CHECKING:\n    from edge_agent import session"),
        (breaks_layers, "session/peer.py", "from edge_agent import __version__\nimport edge_agent"),
        (breaks_layers, "cli.py", "from edge_agent.server import run\nfrom edge_agent.daemon import run"),
        (
            breaks_layers,
            "server/answer.py",
            "from edge_agent.server import vad\nimport edge_agent.protocol.codec",
        ),
        (breaks_purity, "core/agent.py", "import math\nimport enum"),
        (breaks_purity, "audio/capture.py", "import threading\nprint('hello')"),
        (breaks_library_places, "session/peer.py", "import aiortc\nimport asyncio"),
        (breaks_names, "audio/level.py", ""),
        (breaks_sizes, "daemon.py", "def run() -> None:\n" + "    pass\n" * (FUNCTION_LIMIT - 1)),
        (breaks_docstrings, "daemon.py", '"""Runs."""'),
        (
            breaks_catching,
            "audio/thread.py",
            "def _run() -> None:\n    try:\n        x()\n    except Exception:\n        y()",
        ),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept (OSError, ValueError):\n    pass"),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept BaseException:\n    undo()\n    raise"),
        (breaks_catching, "daemon.py", "try:\n    run()\nexcept asyncio.CancelledError:\n    raise"),
    ],
)
def test_what_keeps_the_rule_is_let_through(
    rule: Callable[[Module], list[str]], path: str, source: str
) -> None:
    assert rule(Module(path, source)) == []


def test_no_layer_is_named_twice() -> None:
    named = [unit for layer in LAYERS for unit in layer]
    assert len(set(named)) == len(named)
