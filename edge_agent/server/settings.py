"""How the embedded server is to run, and the one error that says why it can't."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.protocol.dialect import Dialect

MAX_SESSION_S = 3600.0
"""OpenAI ends sessions after 60 minutes (guide to Realtime conversations); so does this server."""

MAX_CALLS = 8
"""More calls at once are refused with 429. One call needs 4 % of a PC's core."""


DEFAULT_VOICE = "slt"
"""The voice of flite that speech recognisers understand best of those tried."""

USAGE = 2
"""Exit code for wrong arguments, as of every command of edge-agent."""


class CannotServe(Exception):
    """The server can't start. The text is one line with the next step."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``port`` 0 is any free one. ``scenario``: a file with misbehaviour to begin with (YAML or JSON).

    Without ``key`` any caller is welcome, so only loopback addresses are allowed for ``host``.
    ``max_session_s`` is the age at which a session expires, in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 0
    dialect: Dialect = Dialect.GA
    scenario: Path | None = None
    key: str | None = field(default=None, repr=False)
    max_session_s: float = MAX_SESSION_S
    max_calls: int = MAX_CALLS

    def check(self) -> None:
        """Raise CannotServe unless the settings are safe to use."""
        if not is_loopback(self.host) and not self.key:
            raise CannotServe(
                f"host {self.host} can be reached from other machines: set a key, or use 127.0.0.1",
                exit_code=USAGE,
            )


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` (an address or "localhost") is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ice_addresses(host: str) -> list[str] | None:
    """Return where a server that listens on ``host`` is reached by WebRTC; None is every address it has."""
    if host == "localhost":
        return ["127.0.0.1"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if address.is_unspecified else [str(address)]
