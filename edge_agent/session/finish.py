"""Finishing what was begun, also when the caller is told to stop meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def finish(work: Coroutine[None, None, None]) -> None:
    """Run ``work`` to its end; a cancellation of the caller takes effect afterwards.

    ``work`` has to be bounded by deadlines of its own. Its exceptions are raised here.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
