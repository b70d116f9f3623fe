"""ICE consent with servers that answer only what OpenAI's answer, and a sign of life when asked for one."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aioice
import aioice.ice
import pytest

from edge_agent.core.events import LinkDown
from edge_agent.core.faults import FaultKind
from edge_agent.session import ice_consent, peer
from edge_agent.session.ice_consent import nominate_in_consent_checks
from tests.session.bench import Bench
from tests.session.peer_server import PeerServer, eventually, quick_consent

QUICK_CONSENT_LIMIT_S = 3.0
"""With ``quick_consent`` a silent peer is given up after 2 checks: 0.2 s apart, of half a second each."""


def ice_of(server: PeerServer) -> Any:
    """The server's end of ICE."""
    return server.call.connection.getSenders()[0].transport.transport._connection


def answer_only_nominations(server: PeerServer) -> list[bool]:
    """Answer no check without USE-CANDIDATE any more; returns what came, in order."""
    connection, seen = ice_of(server), []
    receive = connection.request_received

    def request_received(message: Any, addr: Any, protocol: Any) -> None:
        seen.append("USE-CANDIDATE" in message.attributes)
        if seen[-1]:
            receive(message, addr, protocol)

    connection.request_received = request_received
    return seen


async def test_server_that_answers_only_nominations_keeps_the_session(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_consent(monkeypatch)
    bench = Bench(server)
    await bench.up()
    seen = answer_only_nominations(server)
    await eventually(lambda: len(seen) >= 10)
    assert all(seen)
    assert not any(isinstance(event, LinkDown) for event in bench.events)
    await bench.session.hang_up()


async def test_same_server_loses_the_session_the_stock_way(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_consent(monkeypatch)
    monkeypatch.setattr(peer, "nominate_in_consent_checks", lambda _: None)
    bench = Bench(server)
    await bench.up()
    answer_only_nominations(server)
    async with asyncio.timeout(10 * QUICK_CONSENT_LIMIT_S):
        assert (await bench.fault()).kind is FaultKind.LOST


async def test_sign_of_life_is_given_and_counted_even_in_silence(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    transport = bench.session._transport
    assert transport is not None
    assert transport.local_address is not None
    ice_of(server).send = _nothing  # no sound any more
    before = transport.counters.datagrams_received
    assert before is not None
    assert await transport.check()
    after = transport.counters.datagrams_received
    assert after is not None
    assert after > before
    await bench.session.hang_up()


async def test_an_answer_that_comes_late_is_one(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    transport = bench.session._transport
    assert transport is not None
    ice, held = ice_of(server), list[Any]()
    receive = ice.request_received
    ice.request_received = lambda *request: held.append(request)
    check = asyncio.create_task(transport.check())
    await asyncio.sleep(1.2 * aioice.stun.RETRY_RTO)
    assert not check.done()
    for request in held:
        receive(*request)
    assert await check
    await bench.session.hang_up()


async def _nothing(_: bytes) -> None:
    return None


def test_unknown_aioice_is_left_alone_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Other:
        def build_request(self, pair: object) -> None:
            """Takes one parameter less."""

    ice_consent._tell_unknown.cache_clear()
    connection = Other()
    with caplog.at_level(logging.WARNING):
        assert nominate_in_consent_checks(connection) is None
        assert nominate_in_consent_checks(None) is None
    assert "build_request" not in vars(connection)
    assert len(caplog.records) == 1
    assert aioice.__version__ in caplog.text


async def test_only_checks_of_the_pair_in_use_are_changed() -> None:
    connection = aioice.Connection(ice_controlling=True)
    connection.remote_username, connection.remote_password = "user", "p" * 22
    consent = nominate_in_consent_checks(connection)
    assert consent is not None
    pair: Any = aioice.ice.CandidatePair.__new__(aioice.ice.CandidatePair)
    pair.protocol = type("Protocol", (), {"local_candidate": type("Candidate", (), {"component": 1})})
    assert "USE-CANDIDATE" not in connection.build_request(pair, nominate=False).attributes
    assert not await consent.check()
    connection._nominated[1] = pair
    assert "USE-CANDIDATE" in connection.build_request(pair, nominate=False).attributes
    connection.ice_controlling = False
    assert "USE-CANDIDATE" not in connection.build_request(pair, nominate=False).attributes
