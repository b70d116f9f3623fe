"""Signals that end a command in order: with all that it has started, and an exit code that tells."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNAL_EXIT_BASE = 128
"""Exit codes of a command that a signal ended, as shells count them."""


async def until_signalled(work: Coroutine[Any, Any, None]) -> int:
    """Do ``work``, which the first of SIGNALS cancels; return its number, 0 if none came.

    Later ones change nothing: ``work`` has its time to clean up. Raises what it raises. For the main thread.
    """
    loop, task, came = asyncio.get_running_loop(), asyncio.ensure_future(work), list[int]()

    def arrived(number: int) -> None:
        came.append(number)
        if len(came) == 1:
            task.cancel()

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, arrived, number)
    try:
        await task
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return came[0] if came else 0
