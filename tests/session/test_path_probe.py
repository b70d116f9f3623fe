from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from edge_agent.session import path_probe
from edge_agent.session.path_probe import PathProbe


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port of this machine that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


async def test_path_is_open_where_somebody_listens(listener: socket.socket) -> None:
    assert await PathProbe(f"https://127.0.0.1:{listener.getsockname()[1]}/v1").is_open()


async def test_refusal_shows_a_path_as_well(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert await PathProbe(f"https://127.0.0.1:{port}").is_open()


async def test_path_is_not_open_without_a_name_server() -> None:
    assert not await PathProbe("https://there-is-no-such-name.invalid").is_open()


async def test_path_is_not_open_if_nobody_answers(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full queue of connections drops what knocks, as a dead path does."""
    monkeypatch.setattr(path_probe, "PROBE_LIMIT_S", 0.3)
    listener.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        assert not await PathProbe(f"https://127.0.0.1:{listener.getsockname()[1]}").is_open()


async def test_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch, listener: socket.socket) -> None:
    probe = PathProbe(f"http://localhost:{listener.getsockname()[1]}")
    await probe.prepare()
    monkeypatch.setattr(path_probe, "addresses_of", None)
    assert await probe.is_open()
