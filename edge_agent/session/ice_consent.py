"""Checks on the pair of addresses in use that every server answers, and extra ones when in doubt.

RFC 7675 wants the other side's consent to go on sending: a binding request that it answers, every five
seconds. OpenAI's servers (ICE lite) stop answering requests without USE-CANDIDATE once a pair is chosen, but
aioice sends no others then, and ends a healthy session after half a minute. The attribute does no harm with
others: it nominates the pair that is nominated (RFC 8445 section 7.3.1.5).

All this is private to aioice. An aioice that does not look as expected is left alone.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from typing import Any

import aioice
import aioice.stun

logger = logging.getLogger(__name__)

ANSWER_LIMIT_S = 25.0
"""So long an answer is waited for: one that comes late tells a slow way from a dead one. After so much
silence a session is given up (:data:`~edge_agent.core.liveness.PATH_DEAD_AFTER_S`)."""

# Private attributes and methods of aioice.Connection.
_PAIRS = "_nominated"
_BUILD_REQUEST = "build_request"
_PAIR_PARAMETERS = ("pair", "nominate")


class IceConsent:
    """The checks of one connection. All calls are made in the event loop's thread."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._build_request = getattr(connection, _BUILD_REQUEST)
        self._pairs: dict[int, Any] = getattr(connection, _PAIRS)
        setattr(connection, _BUILD_REQUEST, self._request)

    @property
    def local_address(self) -> str | None:
        """The address of this machine from which the connection sends; None while, or by TURN, unknown."""
        pair = self._pair
        if pair is None or pair.local_candidate.type == "relay":
            return None
        return str(pair.local_addr[0])

    async def check(self) -> bool:
        """Send one request, and tell whether it was answered, however late, within ``ANSWER_LIMIT_S``.

        aioice waits for half a second and never knows of an answer that comes later. False as well while no
        pair is chosen.
        """
        pair = self._pair
        password = self._connection.remote_password
        if pair is None or not password:
            return False
        request = self._build_request(pair, nominate=self._connection.ice_controlling)
        request.add_message_integrity(password.encode())
        answer = _Answer(password.encode())
        pair.protocol.transactions[request.transaction_id] = answer
        try:
            pair.protocol.send_stun(request, pair.remote_addr)
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await answer.came.wait()
        except TimeoutError:
            return False
        finally:
            del pair.protocol.transactions[request.transaction_id]
        return True

    @property
    def _pair(self) -> Any:
        return next(iter(self._pairs.values()), None)

    def _request(self, pair: Any, nominate: bool) -> Any:
        """Build a request as aioice does; one on a pair that is in use is a consent check."""
        is_in_use = any(pair is used for used in self._pairs.values())
        return self._build_request(pair, nominate=nominate or is_in_use)


class _Answer:
    """Waits for the answer to one request, in the place of an ``aioice.stun.Transaction``."""

    def __init__(self, integrity_key: bytes) -> None:
        self._integrity_key = integrity_key
        self.came = asyncio.Event()

    def response_received(self, message: Any, _addr: Any) -> None:
        """Take what came as an answer, if it is one of the other side's (RFC 8489 section 9.1.4)."""
        is_answer = message.message_class == aioice.stun.Class.RESPONSE
        if is_answer and message.check_message_integrity(self._integrity_key):
            self.came.set()


def nominate_in_consent_checks(connection: Any) -> IceConsent | None:
    """Let the consent checks of an ``aioice.Connection`` carry USE-CANDIDATE while it is controlling.

    None, and no change, if this aioice is not known from the inside.
    """
    build_request = getattr(connection, _BUILD_REQUEST, None)
    is_known = (
        callable(build_request)
        and tuple(inspect.signature(build_request).parameters) == _PAIR_PARAMETERS
        and isinstance(getattr(connection, _PAIRS, None), dict)
        and hasattr(connection, "ice_controlling")
        and hasattr(connection, "remote_password")
    )
    if not is_known:
        _tell_unknown(aioice.__version__)
        return None
    return IceConsent(connection)


@functools.cache
def _tell_unknown(version: str) -> None:
    """Say it once in the life of the process: sessions come and go, the library stays."""
    logger.warning(
        "aioice %s is not known from the inside: a server that answers only checks with USE-CANDIDATE, as "
        "OpenAI's do, will be lost every half minute; install aioice 0.13",
        version,
    )
