"""What every request to an endpoint has: an address, headers, and the key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from edge_agent import __version__
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.errors import SignalingError
from edge_agent.session.endpoint import Endpoint
from edge_agent.session.http_answers import is_header_value, is_secure_or_local, shown


def url_of(endpoint: Endpoint, path: str, query: Mapping[str, str]) -> str:
    """Return ``path`` below the endpoint's address, or ``path`` itself if it is a whole URL."""
    url = path if "://" in path else endpoint.base_url.rstrip("/") + path
    filled = {key: value.replace("{model}", endpoint.model or "") for key, value in query.items()}
    parts = urlsplit(url)
    joined = "&".join(part for part in (parts.query, urlencode(filled, safe="/")) if part)
    return urlunsplit(parts._replace(query=joined))


def check_is_secure(url: str) -> None:
    """Raise SignalingError if a key must not travel to ``url``."""
    if not is_secure_or_local(url):
        raise unfit(f"{shown(url)} is neither https nor http to this machine: the key is not sent there")


def own_headers(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers of every request, without the key."""
    headers = {"User-Agent": f"edge-agent/{__version__}", "Accept-Encoding": "identity"}
    return headers | endpoint.extra_headers


def key_of(endpoint: Endpoint) -> str | None:
    """Return the key, None for a server that wants none. Raises SignalingError if there is no usable one."""
    if endpoint.key is None:
        if endpoint.profile.needs_key:
            raise unfit(f"endpoint {endpoint.name} needs an API key and there is none")
        return None
    key = endpoint.key().strip()
    if not is_header_value(key):
        raise unfit(f"the key of endpoint {endpoint.name} is empty or holds odd characters")
    return key


def key_header(endpoint: Endpoint, key: str) -> dict[str, str]:
    """Return the header that carries ``key``."""
    profile = endpoint.profile
    return {profile.auth_header: f"{profile.auth_scheme} {key}".strip()}


def unfit(message: str) -> SignalingError:
    """Our own settings make the attempt pointless: only a person can mend that."""
    return SignalingError(Fault(FaultKind.SETUP_REFUSED, message))
