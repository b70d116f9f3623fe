"""The server as a process: its first line, its end, and what it says when it can't serve."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.server import ServerSettings, run_server
from tests.server.client import DEADLINE_S, Client, until

PROGRAM = """
import sys
from pathlib import Path
{before}
from edge_agent.server import ServerSettings, run_server
sys.exit(run_server(ServerSettings({settings})))
"""


@asynccontextmanager
async def server_process(
    settings: str = "", before: str = "", **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM.format(settings=settings, before=before)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment or None,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        return (await process.stdout.readline()).decode()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Return exit code and last words."""
    async with asyncio.timeout(DEADLINE_S):
        _, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stderr.decode()


def listeners_of(pid: int) -> list[str]:
    """Return the listening processes of a server; libraries start other children while they are loaded."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in children if "listener" in command_of(child)]


def command_of(pid: str) -> str:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def is_there(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_it_says_where_it_listens_serves_and_ends_with_its_child() -> None:
    async with server_process() as process:
        line = await first_line(process)
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found
        (child,) = listeners_of(process.pid)
        async with Client(found[1]) as client:
            await client.wait("session.created")
            process.terminate()
            await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)
        code, words = await ended(process)
        assert code == 0
        assert "Traceback" not in words
        assert not is_there(child)


async def test_it_can_be_ended_while_it_loads_its_models() -> None:
    async with server_process() as process:
        await until(lambda: listeners_of(process.pid), "a process that loads the models")
        process.send_signal(signal.SIGINT)
        code, words = await ended(process)
        assert (code, words) == (0, "")


async def test_without_flite_it_names_the_package() -> None:
    async with server_process(PATH="/nonexistent") as process:
        code, words = await ended(process)
        assert code == 1
        assert "sudo apt install flite" in words
        assert words.count("\n") == 1


@pytest.mark.parametrize("module", ["aiohttp", "pocketsphinx", "webrtcvad"])
async def test_without_the_extra_it_names_the_extra(module: str) -> None:
    async with server_process(before=f"sys.modules[{module!r}] = None") as process:
        code, words = await ended(process)
    assert code == 1
    assert words == (
        f"edge-agent: the local server needs {module}, which is not installed: "
        "pip install 'edge-agent[offline]'\n"
    )


def test_other_machines_need_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_server(ServerSettings(host="0.0.0.0")) == 2
    assert "set a key" in capsys.readouterr().err


def test_a_bad_scenario_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("faults: 3")
    assert run_server(ServerSettings(scenario=scenario)) == 2
    assert "scenario.yaml: not a scenario" in capsys.readouterr().err
