from __future__ import annotations

import asyncio
import os
import signal

import pytest

from edge_agent.interruption import SIGNALS, until_signalled


async def test_work_that_nothing_disturbs_is_done() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("done")

    assert await until_signalled(work()) == 0
    assert done == ["done"]


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await until_signalled(work())


@pytest.mark.parametrize("first", SIGNALS)
async def test_first_signal_ends_it_and_leaves_time_to_clean_up(
    first: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # whatever pytest was started with
    steps: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), first)
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("ends")
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.05)
            steps.append("has ended")

    assert await until_signalled(work()) == first
    assert steps == ["ends", "has ended"]


async def test_cancelled_from_outside_it_is_cancelled() -> None:
    task = asyncio.create_task(until_signalled(asyncio.sleep(3600)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
