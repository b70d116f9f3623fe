"""The ledger's file: whole whatever happens, and what happens when it is not."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.bookkeeper import FILE_NAME, Bookkeeper, name_hour, tell_time
from edge_agent.core.commands import Tell
from edge_agent.core.events import ClockRead
from edge_agent.core.ledger import LOST, Ledger
from edge_agent.core.notices import Notice
from edge_agent.core.periods import Period
from edge_agent.core.tally import Tally

CAUTIOUS = Tally(micros=500)

KILLS = 100


@asynccontextmanager
async def at_work(folder: Path | None, told: list[Tell]) -> AsyncIterator[Bookkeeper]:
    """A bookkeeper that writes for the length of the block, and keeps what is left at its end."""
    keeper = Bookkeeper(folder, CAUTIOUS, told.append)
    writing = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        keeper.finish()


def spent(folder: Path) -> int:
    return Ledger.read((folder / FILE_NAME).read_text(), name_hour).spent_micros(Period.DAY)


async def test_what_is_saved_is_kept_and_read_again(tmp_path: Path) -> None:
    told: list[Tell] = []
    async with at_work(tmp_path, told) as keeper:
        keeper.ledger.book("a", Tally(micros=7))
        keeper.save(keeper.ledger.text(asyncio.get_running_loop().time()))
        await keeper.kept()
        assert spent(tmp_path) == 7
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
    async with at_work(tmp_path, told) as keeper:
        assert keeper.ledger.spent_micros(Period.DAY) == 7
    assert told == []
    assert os.listdir(tmp_path) == [FILE_NAME]


async def test_the_last_of_many_is_kept_also_when_it_ends_at_once(tmp_path: Path) -> None:
    told: list[Tell] = []
    async with at_work(tmp_path, told) as keeper:
        for _ in range(50):
            keeper.ledger.book("a", Tally(micros=1))
            keeper.save(keeper.ledger.text(asyncio.get_running_loop().time()))
            await asyncio.sleep(0)
    assert spent(tmp_path) == 50


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"\0" * 4096, b"[]" * 200_000])
async def test_books_that_can_not_be_read_are_put_aside_and_no_free_money(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    told: list[Tell] = []
    async with at_work(tmp_path, told) as keeper:
        assert keeper.ledger.by_endpoint(Period.MONTH)[LOST].micros == 500
    assert [it.notice for it in told] == [Notice.LEDGER_BROKEN]
    assert str(tmp_path / f"{FILE_NAME}.broken") in told[0].text
    assert (tmp_path / f"{FILE_NAME}.broken").read_bytes() == content
    assert spent(tmp_path) == 500


async def test_a_disk_that_takes_nothing_is_told_once_and_silences_nobody(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.new").mkdir()
    told: list[Tell] = []
    async with at_work(tmp_path, told) as keeper:
        for _ in range(3):
            keeper.save(keeper.ledger.text(asyncio.get_running_loop().time()))
            await keeper.kept()
    assert [it.notice for it in told] == [Notice.LEDGER_NOT_KEPT]
    assert "Is a directory" in told[0].text


async def test_without_a_folder_there_are_books_for_this_run() -> None:
    told: list[Tell] = []
    async with at_work(None, told) as keeper:
        keeper.ledger.book("a", Tally(micros=7))
        keeper.save(keeper.ledger.text(asyncio.get_running_loop().time()))
        await keeper.kept()
    assert told == []


async def test_the_time_is_told_at_once() -> None:
    told: asyncio.Queue[ClockRead] = asyncio.Queue()
    task = asyncio.create_task(tell_time(told.put_nowait))
    assert name_hour((await told.get()).wall_s)[:2] == "20"
    task.cancel()


def test_hours_have_names_of_one_length_at_any_time() -> None:
    assert {len(name_hour(wall_s)) for wall_s in (0.0, 1.8e9, 1e11, 1e15)} == {13}


FORKER = """
import json, os, pathlib, signal, time
from edge_agent.bookkeeper import name_hour, write_whole
from edge_agent.core.ledger import Ledger
from edge_agent.core.periods import Period
from edge_agent.core.tally import Tally

path = pathlib.Path("{path}")

def books():
    ledger = Ledger.read(path.read_text(), name_hour) if path.exists() else Ledger(name_hour)
    ledger.begin(1.8e9, 0.0)
    return ledger

def write_for_ever(tell):
    ledger = books()
    while True:
        ledger.book("a", Tally(micros=1, responses=1))
        write_whole(path, ledger.text(0.0))
        os.write(tell, b"%d\\n" % ledger.spent_micros(Period.DAY))

for turn in range({kills}):
    before = books().spent_micros(Period.DAY)
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        write_for_ever(tell)
    os.close(tell)
    time.sleep(turn % 10 * 0.0007)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    said = os.fdopen(hear).read().split()
    told = int(said[-1]) if said else before
    print(json.dumps([told, books().spent_micros(Period.DAY)]))
"""


def test_a_process_that_is_killed_at_any_moment_leaves_a_file_that_lacks_nothing(tmp_path: Path) -> None:
    """The processes are forks of one, since a hundred starts of Python take long."""
    path = tmp_path / FILE_NAME
    script = FORKER.format(path=str(path), kills=KILLS)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rounds = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(rounds) == KILLS
    for told, kept in rounds:
        assert told <= kept <= told + 1  # killed after the rename and before it was said
