"""What the process asks of Python, in a process of its own: it would change the one that runs the tests."""

from __future__ import annotations

import subprocess
import sys


def said(code: str) -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_a_thread_that_wants_the_interpreter_gets_it_soon() -> None:
    assert (
        said("import sys; from edge_agent import host; host.prepare(); print(sys.getswitchinterval())")
        == "0.001"
    )


def test_what_has_settled_is_not_looked_through_again() -> None:
    code = """
import gc, asyncio, json
from edge_agent import host
before = len(gc.get_objects())
host.settle()
print(gc.get_freeze_count() > 0.9 * before, len(gc.get_objects()) < 0.1 * before)
"""
    assert said(code) == "True True"


def test_what_died_after_it_settled_is_freed_when_it_settles_again() -> None:
    code = """
import weakref
from edge_agent import host
class Ring: pass
ring = Ring(); ring.itself = ring
seen = weakref.ref(ring)
host.settle()
del ring
host.settle()
print(seen() is None)
"""
    assert said(code) == "True"
