"""The HTTP side: calls, tokens, hang-up as OpenAI has them (GA and beta paths), and the control endpoints."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from aiohttp import web

from edge_agent.protocol import malformed
from edge_agent.protocol.dialect import Dialect, turn_session
from edge_agent.protocol.malformed import Malformed
from edge_agent.server.exchange import Attempt, Exchange, TooManyCalls
from edge_agent.server.peer import BadOffer
from edge_agent.server.scenario import (
    DeadAnswer,
    EndlessBody,
    HtmlPage,
    HttpFault,
    HttpStatus,
    NoAnswer,
    NoLocation,
    Redirect,
    SlowBody,
    parse_scenario,
)
from edge_agent.server.settings import is_loopback
from edge_agent.server.websocket import SocketCarrier

MAX_BODY_BYTES = 1 << 20
"""An offer has 2 kB, a session with many tools some 100."""

TOKEN_LIFETIME_S = 600
MIN_TOKEN_LIFETIME_S = 10
MAX_TOKEN_LIFETIME_S = 7200
"""OpenAI's default and limits of ``expires_after.seconds``."""

BETA_TOKEN_LIFETIME_S = 60
"""Life of a token of the beta generation."""

ENDLESS_BODY_BYTES = 1 << 30
"""Even a body without end ends some day."""

NO_ANSWER_S = 3600.0

HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>"

_EXCHANGE = web.AppKey("exchange", Exchange)
_DIALECT = web.AppKey("dialect", Dialect)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(exchange: Exchange, dialect: Dialect) -> web.Application:
    """Return the application. ``dialect`` is spoken in calls to the GA path; the beta paths speak beta."""
    app = web.Application(middlewares=[_record, _say_errors_in_json], client_max_size=MAX_BODY_BYTES)
    app[_EXCHANGE] = exchange
    app[_DIALECT] = dialect
    app.add_routes(
        [
            web.post("/v1/realtime/calls", _call),
            web.post("/v1/realtime/calls/{call_id}/hangup", _hang_up),
            web.delete("/v1/realtime/calls/{call_id}", _hang_up),
            web.post("/v1/realtime/client_secrets", _mint),
            web.post("/v1/realtime", _call_beta),
            web.get("/v1/realtime", _connect),
            web.post("/v1/realtime/sessions", _mint_beta),
            web.get("/control/state", _state),
            web.post("/control/scenario", _play),
            web.post("/control/say", _say),
        ]
    )
    return app


class Refused(Exception):
    """The request can't be served: an answer with ``status`` and an error object."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def response(self) -> web.Response:
        """Return the answer."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": str(self), "type": kind, "code": self.code, "param": self.param}
        return web.json_response({"error": error}, status=self.status)


# Calls


async def _call(request: web.Request) -> web.StreamResponse:
    return await _place(request, request.app[_DIALECT])


async def _call_beta(request: web.Request) -> web.StreamResponse:
    return await _place(request, Dialect.BETA)


async def _place(request: web.Request, dialect: Dialect) -> web.StreamResponse:
    exchange = request.app[_EXCHANGE]
    fault = exchange.stage.take_for_request("call")
    if fault and (refusal := await _refusal(request, fault)):
        return refusal
    secret = _secret(request)
    if not exchange.may_call(secret):
        raise _unauthorised(secret)
    offer, session = await _offer_of(request, dialect)
    try:
        call_id, answer = await exchange.place_call(offer, session, secret, dialect)
    except BadOffer as error:
        raise Refused(400, str(error), code="invalid_offer") from error
    except TooManyCalls:
        raise Refused(429, "Too many calls at once.", code="rate_limit_exceeded") from None
    headers = {} if isinstance(fault, NoLocation) else {"Location": f"/v1/realtime/calls/{call_id}"}
    if request.content_type == "application/json":
        body = {"sdp": answer, "session_id": call_id}
        response = web.json_response(body, status=201, headers=headers)
    else:
        response = web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)
    return await _deliver(request, response, fault)


async def _offer_of(request: web.Request, dialect: Dialect) -> tuple[str, object]:
    """Return the SDP offer of a request, and its session object if it has one."""
    model = request.query.get("model")
    session: object = None
    if request.content_type == "multipart/form-data":
        form = await request.post()
        offer, session_text = _part(form.get("sdp")), _part(form.get("session"))
        if session_text is not None:
            session = _json(session_text, "session")
    elif request.content_type == "application/sdp":
        offer = await request.text()
    elif request.content_type == "application/json":
        body = await _object(request)
        offer, session, model = _part(body.get("sdp")), body.get("session"), _part(body.get("model")) or model
    else:
        raise Refused(415, "Send application/sdp, or multipart/form-data with the parts sdp and session.")
    if not offer or not offer.endswith("\n"):
        raise Refused(400, "Failed to parse offer: failed to unmarshal SDP: EOF", code="invalid_offer")
    if session is None and model is not None:
        session = {"model": model} | ({"type": "realtime"} if dialect is Dialect.GA else {})
    return offer, session


def _part(value: object) -> str | None:
    if isinstance(value, web.FileField):
        value = value.file.read()
    if isinstance(value, bytes | bytearray):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


async def _hang_up(request: web.Request) -> web.StreamResponse:
    exchange, secret = request.app[_EXCHANGE], _secret(request)
    if not exchange.may_call(secret):
        raise _unauthorised(secret)
    if not await exchange.hang_up(request.match_info["call_id"]):
        raise Refused(404, "No such call.", code="call_not_found")
    return web.Response()


# Calls over a WebSocket


async def _connect(request: web.Request) -> web.StreamResponse:
    exchange = request.app[_EXCHANGE]
    fault = exchange.stage.take_for_request("call")
    if fault and (refusal := await _refusal(request, fault)):
        return refusal
    secret = _secret(request)
    if not exchange.may_call(secret):
        raise _unauthorised(secret)
    socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=MAX_BODY_BYTES)
    if not socket.can_prepare(request):
        raise Refused(426, "Connect with a WebSocket, or POST an offer.")
    try:
        call = exchange.open_call(_session_of(request), secret, request.app[_DIALECT], streams_sound=True)
    except TooManyCalls:
        raise Refused(429, "Too many calls at once.", code="rate_limit_exceeded") from None
    carrier = SocketCarrier(call, socket)
    try:
        call.carry(carrier)
        if exchange.stage.take(DeadAnswer):
            carrier.cut_off()
        await socket.prepare(request)
        exchange.records.counters["calls"] += 1
        await carrier.serve()
    finally:
        await call.close("closed by the client")
    return socket


def _session_of(request: web.Request) -> object:
    model = request.query.get("model")
    if model is None:
        return None
    is_ga = request.app[_DIALECT] is Dialect.GA
    return {"model": model} | ({"type": "realtime"} if is_ga else {})


# Tokens


async def _mint(request: web.Request) -> web.StreamResponse:
    exchange = request.app[_EXCHANGE]
    body, fault = await _token_request(request)
    if fault and (refusal := await _refusal(request, fault)):
        return refusal
    seconds = _lifetime_s(body.get("expires_after"))
    token = exchange.mint(body.get("session"), seconds, Dialect.GA)
    session = msgspec.to_builtins(token.session)
    answer = {"value": token.value, "expires_at": token.expires_at_unix, "session": session}
    return await _deliver(request, web.json_response(answer), fault)


async def _mint_beta(request: web.Request) -> web.StreamResponse:
    exchange = request.app[_EXCHANGE]
    body, fault = await _token_request(request)
    if fault and (refusal := await _refusal(request, fault)):
        return refusal
    token = exchange.mint(body, BETA_TOKEN_LIFETIME_S, Dialect.BETA)
    secret = {"value": token.value, "expires_at": token.expires_at_unix}
    session = turn_session(msgspec.to_builtins(token.session), Dialect.BETA)
    return await _deliver(request, web.json_response(session | {"client_secret": secret}), fault)


async def _token_request(request: web.Request) -> tuple[dict[str, object], HttpFault | None]:
    exchange, secret = request.app[_EXCHANGE], _secret(request)
    fault = exchange.stage.take_for_request("token")
    if fault is None and not exchange.may_mint(secret):
        raise _unauthorised(secret)
    return await _object(request), fault


async def _object(request: web.Request) -> dict[str, object]:
    """Return the body of a request; none at all is an empty object."""
    text = await request.text()
    body = _json(text, "") if text.strip() else {}
    if not isinstance(body, dict):
        raise Refused(400, "The body has to be a JSON object.", code="invalid_type")
    return body


def _lifetime_s(expires_after: object) -> int:
    if expires_after is None:
        return TOKEN_LIFETIME_S
    seconds = expires_after.get("seconds", TOKEN_LIFETIME_S) if isinstance(expires_after, dict) else None
    if isinstance(seconds, int) and MIN_TOKEN_LIFETIME_S <= seconds <= MAX_TOKEN_LIFETIME_S:
        return seconds
    allowed = f"{MIN_TOKEN_LIFETIME_S} to {MAX_TOKEN_LIFETIME_S}"
    raise malformed.wrong_value("expires_after.seconds", allowed)


# Control: from this machine only


async def _state(request: web.Request) -> web.StreamResponse:
    exchange = _controlled(request)
    return web.Response(body=msgspec.json.encode(exchange.snapshot()), content_type="application/json")


async def _play(request: web.Request) -> web.StreamResponse:
    exchange = _controlled(request)
    try:
        scenario = parse_scenario(await request.read())
    except ValueError as error:
        raise Refused(400, f"Not a scenario: {error}") from error
    exchange.play(scenario)
    return web.json_response({"faults": len(scenario.faults)})


async def _say(request: web.Request) -> web.StreamResponse:
    exchange = _controlled(request)
    body = _json(await request.text(), "")
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise Refused(400, 'Send {"text": "what to say"}.')
    return web.json_response({"calls": exchange.announce(text)})


def _controlled(request: web.Request) -> Exchange:
    """Return the exchange to who may control it. Web pages may not: they say where they come from."""
    if not is_loopback(request.remote or "") or "Origin" in request.headers:
        raise Refused(403, "Control is for programs on this machine.")
    return request.app[_EXCHANGE]


# Faults


async def _refusal(request: web.Request, fault: HttpFault) -> web.StreamResponse | None:
    """Return the answer that a fault gives instead of the right one."""
    match fault:
        case HttpStatus():
            return _refused_with(fault)
        case Redirect():
            return web.Response(status=307, headers={"Location": fault.location})
        case HtmlPage():
            return web.Response(text=HTML, content_type="text/html")
        case NoAnswer():
            await asyncio.sleep(NO_ANSWER_S)
            return web.Response(status=504)
        case EndlessBody():
            return await _endless(request)
        case _:
            return None


def _refused_with(fault: HttpStatus) -> web.Response:
    if fault.body == "json":
        response = Refused(fault.status, fault.message, fault.code).response()
    elif fault.body == "html":
        response = web.Response(status=fault.status, text=HTML, content_type="text/html")
    else:
        response = web.Response(status=fault.status)
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=201, headers={"Content-Type": "application/sdp"})
    await response.prepare(request)
    block = b"a=candidate:0 1 udp 1 192.0.2.1 9 typ host\r\n" * 1000
    for _ in range(ENDLESS_BODY_BYTES // len(block)):
        try:
            await response.write(block)
        except ConnectionError:
            break
    return response


async def _deliver(request: web.Request, answer: web.Response, fault: HttpFault | None) -> web.StreamResponse:
    """Return ``answer``, or send it slowly."""
    if not isinstance(fault, SlowBody) or not isinstance(answer.body, bytes):
        return answer
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    for byte in answer.body:
        await asyncio.sleep(1 / fault.bytes_per_s)
        try:
            await response.write(bytes((byte,)))
        except ConnectionError:
            break
    return response


# For all


@web.middleware
async def _record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Remember every request that is not about control."""
    exchange = request.app[_EXCHANGE]
    if request.path.startswith("/control/"):
        return await handler(request)
    at_s = round(time.monotonic() - exchange.started_at, 3)
    attempt = Attempt(at_s, request.method, request.path)
    exchange.records.attempts.append(attempt)
    exchange.records.counters["attempts"] += 1
    response = await handler(request)
    attempt.status = response.status
    return response


@web.middleware
async def _say_errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return refused.response()
    except Malformed as problem:
        return Refused(400, str(problem), problem.code, problem.param).response()
    except web.HTTPException as error:
        return Refused(error.status, f"{error.reason}.").response()


def _secret(request: web.Request) -> str:
    """Return the key or token of a request, "" for none."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    return request.headers.get("api-key", "")


def _unauthorised(secret: str) -> Refused:
    if not secret:
        return Refused(401, "Missing bearer authentication in header.")
    return Refused(401, "Incorrect API key provided.", code="invalid_api_key")


def _json(text: str, param: Literal["session", ""]) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "Not JSON.", code="invalid_json", param=param or None) from None
    return parsed
