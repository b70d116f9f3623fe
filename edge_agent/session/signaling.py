"""The call over HTTP: token, offer and answer, hang-up.

Rules held here: a key travels by https, or by http to this machine, and nowhere else; every exchange has one
deadline from name lookup to last byte; bodies are bounded; what is said about a failure never holds the
request. That redirects are not followed and proxies not used is held by http_request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPMethod
from urllib.parse import urljoin, urlsplit, urlunsplit

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.errors import SignalingError
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.profiles import Handshake, Hangup, TokenStyle
from edge_agent.session.connection_faults import fault_of_exception
from edge_agent.session.endpoint import Endpoint
from edge_agent.session.endpoint_request import check_is_secure, key_header, key_of, own_headers, url_of
from edge_agent.session.http_answers import (
    Reply,
    call_id_of_location,
    fault_of_status,
    sdp_of_answer,
    token_of_answer,
)
from edge_agent.session.http_request import NotHttp, Request, Response, exchange

logger = logging.getLogger(__name__)

BODY_LIMIT_BYTES = 64 * 1024
"""An SDP answer has 2 to 4 KiB, a token answer repeats the session."""

ERROR_BODY_LIMIT_BYTES = 4 * 1024
ERROR_BODY_S = 2.0
"""So much of an error's body, and so long for it, is worth having; the status alone says enough."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server took the call."""

    sdp: str
    call_id: str | None
    session_sent: bool


@dataclass(frozen=True, slots=True)
class _Body:
    """What a request carries."""

    content_type: str
    content: bytes


class Signaling:
    """One call at one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._profile = endpoint.profile
        self._server = urlsplit(endpoint.base_url).hostname or endpoint.name
        self._token: str | None = None
        self._secrets: tuple[str, ...] = ()
        self._farewell: tuple[HTTPMethod, str] | None = None

    async def authorize(self, session: JsonObject) -> None:
        """Fetch the short-lived token, if the profile works with one. Raises SignalingError."""
        path = self._profile.token_path
        if self._profile.token_style is TokenStyle.NONE or path is None:
            return
        is_beta = self._profile.token_style is TokenStyle.BETA_SESSION
        content = _json_bytes(session if is_beta else {"session": session})
        logger.debug("> token request")
        reply = await self._exchange(
            HTTPMethod.POST,
            url_of(self._endpoint, path, self._profile.token_query),
            _Body("application/json", content),
            step="token request",
        )
        self._token = token_of_answer(reply, server=self._server)
        self._secrets += (self._token,)
        logger.debug("< token")

    async def call(self, offer_sdp: str, session: JsonObject) -> Answer:
        """Send the offer, return the answer. Raises SignalingError."""
        url = url_of(self._endpoint, self._profile.calls_path, self._profile.calls_query)
        reply = await self._exchange(HTTPMethod.POST, url, self._call_body(offer_sdp, session), step="call")
        location = reply.headers.get("Location")
        self._farewell = self._farewell_for(url, location)
        sdp = sdp_of_answer(reply, self._profile.answer_path, server=self._server)
        went_along = self._token is not None or self._profile.handshake is not Handshake.RAW_SDP
        return Answer(sdp, call_id_of_location(location), session_sent=went_along and bool(session))

    async def hang_up(self) -> None:
        """Tell the server that the call is over, within ``hang_up_s``; a failure is only logged."""
        farewell, self._farewell = self._farewell, None
        if farewell is None:
            return
        method, url = farewell
        logger.debug("> hang-up")
        try:
            async with asyncio.timeout(self._endpoint.deadlines.hang_up_s):
                await self._exchange(method, url, None, step="hang-up", prefer_key=True)
        except TimeoutError:
            logger.debug("x hang-up: no answer in time")
        except SignalingError as error:
            logger.debug("x hang-up: %s", error.fault.message)

    def _call_body(self, offer_sdp: str, session: JsonObject) -> _Body:
        match self._profile.handshake:
            case Handshake.RAW_SDP:
                return _Body("application/sdp", offer_sdp.encode())
            case Handshake.JSON:
                call: JsonObject = {"sdp": offer_sdp, "session": session}
                if self._endpoint.model is not None:
                    call["model"] = self._endpoint.model
                return _Body("application/json", _json_bytes(call))
            case Handshake.MULTIPART:
                parts = {
                    "sdp": _Body("application/sdp", offer_sdp.encode()),
                    "session": _Body("application/json", _json_bytes(session)),
                }
                return _multipart(parts)

    def _farewell_for(self, call_url: str, location: str | None) -> tuple[HTTPMethod, str] | None:
        """Work out how to hang up. A Location at another server is not trusted with the key."""
        if location is None or call_id_of_location(location) is None or self._profile.hangup is Hangup.NONE:
            return None
        target = urlsplit(urljoin(call_url, location))
        if _origin(target.geturl()) != _origin(call_url):
            return None
        if self._profile.hangup is Hangup.DELETE_LOCATION:
            return HTTPMethod.DELETE, target.geturl()
        return HTTPMethod.POST, urlunsplit(target._replace(path=target.path.rstrip("/") + "/hangup"))

    def _headers(self, content_type: str | None, *, prefer_key: bool) -> dict[str, str]:
        """Make the headers of one request. Raises SignalingError if there is no usable key."""
        headers = own_headers(self._endpoint)
        if content_type is not None:
            headers["Content-Type"] = content_type
        has_key = self._endpoint.key is not None
        if self._token is not None and not (prefer_key and has_key):
            headers["Authorization"] = f"Bearer {self._token}"
        elif (key := key_of(self._endpoint)) is not None:
            self._secrets = tuple({*self._secrets, key})
            headers |= key_header(self._endpoint, key)
        return headers

    async def _exchange(
        self, method: HTTPMethod, url: str, body: _Body | None, *, step: str, prefer_key: bool = False
    ) -> Reply:
        """Make one bounded exchange and return the 2xx answer. Raises SignalingError for anything else."""
        check_is_secure(url)
        headers = self._headers(body.content_type if body else None, prefer_key=prefer_key)
        limit_s = self._endpoint.deadlines.http_s
        server = urlsplit(url).hostname or self._server
        request = Request(method, url, headers, body.content if body else b"")
        try:
            async with asyncio.timeout(limit_s), exchange(request) as response:
                reply = await self._read(response, server)
        except TimeoutError:
            message = f"{server} did not answer the {step} within {limit_s:g} s"
            raise _signaling(FaultKind.TIMEOUT, message) from None
        except (NotHttp, OSError, ValueError) as error:
            raise SignalingError(fault_of_exception(error, server, step)) from error
        if not reply.is_success:
            raise SignalingError(fault_of_status(reply, step=step, server=server, secrets=self._secrets))
        return reply

    async def _read(self, response: Response, server: str) -> Reply:
        if 200 <= response.status < 300:
            content, is_whole = await _read_up_to(response, BODY_LIMIT_BYTES)
            if not is_whole:
                message = f"{server} sent more than {BODY_LIMIT_BYTES // 1024} KiB as an answer"
                raise _signaling(FaultKind.BAD_ANSWER, message)
            return Reply(response.status, response.headers, content)
        content = b""
        try:
            async with asyncio.timeout(ERROR_BODY_S):
                content, _ = await _read_up_to(response, ERROR_BODY_LIMIT_BYTES)
        except (OSError, NotHttp):
            logger.debug("the body of status %d did not come", response.status)
        return Reply(response.status, response.headers, content)


async def _read_up_to(response: Response, limit_bytes: int) -> tuple[bytes, bool]:
    """Return at most ``limit_bytes`` of the body, and whether that is all of it."""
    content = bytearray()
    async for chunk in response.body:
        content += chunk
        if len(content) > limit_bytes:
            return bytes(content[:limit_bytes]), False
    return bytes(content), True


def _multipart(parts: Mapping[str, _Body]) -> _Body:
    """Put ``parts`` together as form data (RFC 7578): each with a type of its own, none with a file name."""
    boundary = uuid.uuid4().hex
    content = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'
        f"Content-Type: {part.content_type}\r\n\r\n".encode()
        + part.content
        + b"\r\n"
        for name, part in parts.items()
    )
    return _Body(f"multipart/form-data; boundary={boundary}", content + f"--{boundary}--\r\n".encode())


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _json_bytes(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _signaling(kind: FaultKind, message: str) -> SignalingError:
    return SignalingError(Fault(kind, message))
