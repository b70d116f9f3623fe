"""Checks on the pair of addresses in use that every server answers, and extra ones when in doubt.

RFC 7675 wants the other side's consent to go on sending: a binding request that it answers, every five
seconds. OpenAI's servers (ICE lite) stop answering requests without USE-CANDIDATE once a pair is chosen, but
aioice sends no others then, and ends a healthy session after half a minute. The attribute does no harm with
others: it nominates the pair that is nominated (RFC 8445 section 7.3.1.5).

All this is private to aioice. An aioice that does not look as expected is left alone.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any

import aioice
import aioice.stun

logger = logging.getLogger(__name__)

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
        """Send one request, and tell whether it was answered within aioice's half second.

        False as well while no pair is chosen. A later answer still counts among the packets received.
        """
        pair = self._pair
        password = self._connection.remote_password
        if pair is None or not password:
            return False
        try:
            await pair.protocol.request(
                self._build_request(pair, nominate=self._connection.ice_controlling),
                pair.remote_addr,
                integrity_key=password.encode(),
                retransmissions=0,
            )
        except aioice.stun.TransactionError:
            return False
        return True

    @property
    def _pair(self) -> Any:
        return next(iter(self._pairs.values()), None)

    def _request(self, pair: Any, nominate: bool) -> Any:
        """Build a request as aioice does; one on a pair that is in use is a consent check."""
        is_in_use = any(pair is used for used in self._pairs.values())
        return self._build_request(pair, nominate=nominate or is_in_use)


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
