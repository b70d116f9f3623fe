"""What an HTTP answer means: pure reading of statuses, headers and bodies. No request is seen here.

Bodies come from whoever answered, so every text that goes on to a person is cut, made printable and freed of
the secrets that we know, should the other side repeat them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.policy import CLOCK_NOT_SET
from edge_agent.errors import SignalingError

WORDS_LIMIT = 200
"""Characters of a foreign text that are shown."""

RETRY_AFTER_LIMIT_S = 600.0
"""A longer wait than ten minutes is not taken from a server that may be mistaken."""

CALL_ID = re.compile(r"[A-Za-z0-9._:~-]{1,200}")
"""A call id that may be put into a URL and a log line (RFC 3986 section 2.3, and the colon)."""

X509_NOT_YET_VALID = 9
X509_EXPIRED = 10
"""OpenSSL's verify codes (x509_vfy.h) that a wrong clock causes as well."""

TIME_CODES = {X509_NOT_YET_VALID: "certificate_not_yet_valid", X509_EXPIRED: "certificate_expired"}
"""``Fault.code`` of these two where the clock is right; else CLOCK_NOT_SET, to wait for the clock."""

_KEY_LIKE = re.compile(r"\b(?:sk|ek|rk)[-_][A-Za-z0-9_*-]{6,}|(?i:bearer)\s+\S+")

_NEXT_STEP = {
    HTTPStatus.BAD_REQUEST: "check the model, the voice and the other session settings",
    HTTPStatus.UNAUTHORIZED: "check the API key",
    HTTPStatus.FORBIDDEN: "check what the API key is allowed to do",
    HTTPStatus.NOT_FOUND: "check url and profile of this endpoint",
    HTTPStatus.METHOD_NOT_ALLOWED: "check url and profile of this endpoint",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "this server wants another handshake: check the profile",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. ``body`` is complete for 2xx and may be cut otherwise."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive, as HTTP field names are."""
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is any 2xx."""
        return 200 <= self.status < 300

    @property
    def is_html(self) -> bool:
        """Whether a person's browser was meant, not us: a proxy's error page or a captive portal."""
        begins = self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
        kind = self.headers.get("Content-Type", "").lower()
        return "html" in kind or begins.startswith((b"<!doctype html", b"<html"))


def is_secure_or_local(url: str) -> bool:
    """Return whether a key may travel to ``url``: https to anywhere, http only to this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is ``localhost`` (RFC 6761 section 6.3), in 127.0.0.0/8, or ``::1``."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (address.version == 4 and address.is_loopback) or str(address) == "::1"


def fault_of_status(reply: Reply, *, step: str, server: str, secrets: tuple[str, ...]) -> Fault:
    """Put an answer other than 2xx into words and fields."""
    error = _error_object(reply)
    words = _foreign_words(reply, error, secrets)
    sentence = f"{server} answered the {step} with {_status_name(reply.status)}"
    parts = [f"{sentence}: {words}" if words else sentence]
    if next_step := _NEXT_STEP.get(HTTPStatus(reply.status)) if _is_known(reply.status) else None:
        parts.append(next_step)
    return Fault(
        FaultKind.HTTP_STATUS,
        "; ".join(parts),
        code=_short(error.get("code"), secrets),
        error_type=_short(error.get("type"), secrets),
        param=_short(error.get("param"), secrets),
        http_status=reply.status,
        retry_after_s=retry_after_s(reply.headers, datetime.now(UTC)),
    )


def fault_of_certificate(error: Exception, *, server: str, clock_is_set: bool) -> Fault:
    """Put the refusal of a certificate into words; a clock that is not set has a ``code`` of its own."""
    why = shown(getattr(error, "verify_message", "")) or "no reason given"
    code = TIME_CODES.get(getattr(error, "verify_code", 0))
    if code is None or clock_is_set:
        return Fault(FaultKind.TLS, f"the certificate of {server} was not accepted: {why}", code=code)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    clock = f"waiting for this machine's clock, which is not set and shows {today}"
    return Fault(FaultKind.TLS, f"{clock}: the certificate of {server}: {why}", code=CLOCK_NOT_SET)


def retry_after_s(headers: Mapping[str, str], wallclock: datetime) -> float | None:
    """Read ``Retry-After`` (RFC 9110 section 10.2.3: seconds or a date) as seconds in 0..RETRY_AFTER_LIMIT_S.

    A date is taken relative to the server's own ``Date``, because our clock may be wrong; ``wallclock`` is
    used if there is none. None if the field is missing or makes no sense.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return min(float(text), RETRY_AFTER_LIMIT_S)
    due = _http_date(text)
    if due is None:
        return None
    now = _http_date(headers.get("Date", "")) or wallclock
    return min(max(0.0, (due - now).total_seconds()), RETRY_AFTER_LIMIT_S)


def sdp_of_answer(reply: Reply, path: tuple[str, ...], *, server: str) -> str:
    """Return the SDP in a 2xx answer: the body itself if ``path`` is empty, else the text there in its JSON.

    Raises SignalingError (BAD_ANSWER) if there is none. The text is not changed: servers and stacks differ
    in what they make of a missing last line end.
    """
    if reply.is_html:
        raise _bad(f"{server} answered the call with an HTML page: is a login page or a proxy in between?")
    try:
        body = reply.body.decode()
    except UnicodeDecodeError:
        raise _bad(f"{server} answered the call with something that is not text") from None
    sdp = _at_path(_json_object(body), path) if path else body
    if not isinstance(sdp, str) or not sdp.lstrip().startswith("v=0"):
        where = f"the JSON field {'.'.join(path)}" if path else "the body"
        raise _bad(f"{server} answered the call, but {where} is no SDP: check the profile of this endpoint")
    return sdp


def token_of_answer(reply: Reply, *, server: str) -> str:
    """Return the short-lived key of a token answer.

    Known forms: ``{"value": …}`` (GA), ``{"client_secret": {"value": …}}`` (beta), ``{"client_secret": …}``.
    Raises SignalingError (BAD_ANSWER) if there is none that fits into a header.
    """
    answer = _json_object(reply.body.decode(errors="replace"))
    token: object = answer.get("value") or answer.get("client_secret")
    if isinstance(token, dict):
        token = token.get("value")
    if not isinstance(token, str) or not is_header_value(token):
        raise _bad(f"{server} answered the token request, but there is no client secret in it")
    return token


def call_id_of_location(location: str | None) -> str | None:
    """Return the last path element of a ``Location``, or None if there is none that can be used."""
    if not location:
        return None
    try:
        last = unquote(urlsplit(location).path.rstrip("/").rpartition("/")[2])
    except ValueError:
        return None
    return last if CALL_ID.fullmatch(last) else None


def is_header_value(text: str) -> bool:
    """Return whether ``text`` can be a credential in an HTTP header: visible ASCII, not empty."""
    return bool(text) and all("!" <= letter <= "~" for letter in text)


def shown(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Make a foreign text fit to be shown: one line, WORDS_LIMIT characters, no secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    text = _KEY_LIKE.sub("…", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= WORDS_LIMIT else text[: WORDS_LIMIT - 1] + "…"


def _foreign_words(reply: Reply, error: Mapping[str, object], secrets: tuple[str, ...]) -> str:
    if 300 <= reply.status < 400:
        target = urlsplit(reply.headers.get("Location", "")).hostname or "another place"
        return f"a redirect to {shown(target)}, which is never followed; set url to the final address"
    if reply.is_html:
        return "an HTML page, so probably from a proxy or a login page in between"
    message = error.get("message")
    text = message if isinstance(message, str) else reply.body.decode(errors="replace")
    return shown(text, secrets)


def _error_object(reply: Reply) -> Mapping[str, object]:
    """Find the error in the forms of OpenAI, FastAPI and plain ones; {} if there is none."""
    body = _json_object(reply.body.decode(errors="replace"))
    error = body.get("error", body)
    if isinstance(error, dict):
        detail = error.get("detail")
        return {"message": detail, **error} if isinstance(detail, str) else error
    return {"message": error} if isinstance(error, str) else {}


def _json_object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at_path(found: object, path: tuple[str, ...]) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _short(value: object, secrets: tuple[str, ...]) -> str | None:
    return shown(str(value), secrets) if isinstance(value, str | int) and value != "" else None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _is_known(status: int) -> bool:
    return status in HTTPStatus._value2member_map_


def _status_name(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}" if _is_known(status) else str(status)


def _bad(message: str) -> SignalingError:
    return SignalingError(Fault(FaultKind.BAD_ANSWER, message))
