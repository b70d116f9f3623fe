"""What an HTTP answer means, without a network."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.policy import CLOCK_NOT_SET
from edge_agent.errors import SignalingError
from edge_agent.session.http_answers import (
    RETRY_AFTER_LIMIT_S,
    WORDS_LIMIT,
    Reply,
    call_id_of_location,
    fault_of_certificate,
    fault_of_status,
    is_header_value,
    is_secure_or_local,
    retry_after_s,
    sdp_of_answer,
    shown,
    token_of_answer,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"


def reply(body: str | bytes = "", status: int = 201, **headers: str) -> Reply:
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status, fields, body.encode() if isinstance(body, str) else body)


def refused(answer: Reply, *secrets: str) -> Fault:
    return fault_of_status(answer, step="call", server="example.org", secrets=secrets)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:80/x",
        "http://localhost:1",
    ],
)
def test_key_may_travel_to(url: str) -> None:
    assert is_secure_or_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://192.168.1.5",
        "http://[::ffff:127.0.0.1]",
        "http://[fe80::1]",
        "http://user@192.0.2.1@127.0.0.1.nip.io",
        "http://127.1",
        "http://0.0.0.0",
        "https://",
        "ftp://localhost",
        "localhost",
        "",
    ],
)
def test_key_must_not_travel_to(url: str) -> None:
    assert not is_secure_or_local(url)


def test_error_of_openai_is_taken_apart() -> None:
    error = {"message": "No such voice.", "type": "invalid_request_error", "code": "bad", "param": "voice"}
    fault = refused(reply(json.dumps({"error": error}), 400))
    assert fault == Fault(
        FaultKind.HTTP_STATUS,
        "example.org answered the call with 400 Bad Request: No such voice.; "
        "check the model, the voice and the other session settings",
        code="bad",
        error_type="invalid_request_error",
        param="voice",
        http_status=400,
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"detail": "Not Found"}', "Not Found"),
        ('{"error": "pool is full"}', "pool is full"),
        ('{"message": "plain"}', "plain"),
        ("no json", "no json"),
        ('{"error": {"code": 7}}', "7"),
        ("[1, 2]", "[1, 2]"),
        ("[" * 5000, "[[["),
        (b"\xff\xfe\x00", "\ufffd"),
        ("", "503 Service Unavailable"),
    ],
)
def test_other_errors_are_shown_as_far_as_they_can(body: str | bytes, words: str) -> None:
    fault = refused(reply(body, 503))
    assert words in fault.message
    assert fault.http_status == 503


@pytest.mark.parametrize(
    "page",
    [reply("<!DOCTYPE html><p>hi", 502), reply(" \n<HTML>", 502), reply("hi", 502, Content_Type="text/html")],
)
def test_html_is_told_and_not_shown(page: Reply) -> None:
    fault = refused(page)
    assert "HTML page" in fault.message
    assert "<" not in fault.message
    assert "hi" not in fault.message.split()


def test_redirect_names_the_target_host_alone() -> None:
    fault = refused(reply("", 307, Location="https://other.example/path?token=secret"))
    assert "other.example" in fault.message
    assert "secret" not in fault.message
    assert "never followed" in fault.message


@pytest.mark.parametrize(
    ("status", "step"), [(401, "API key"), (403, "API key"), (404, "check url"), (415, "profile")]
)
def test_next_step_is_named(status: int, step: str) -> None:
    assert step in refused(reply("", status)).message


def test_unknown_status() -> None:
    assert refused(reply("", 799)).message == "example.org answered the call with 799"


def test_secrets_that_the_server_repeats_are_hidden() -> None:
    body = json.dumps(
        {
            "error": {
                "message": "Incorrect key: hunter2hunter2, sk-proj-abcdef123456",
                "code": "hunter2hunter2",
            }
        }
    )
    fault = refused(reply(body, 401), "hunter2hunter2")
    assert "hunter2" not in repr(fault)
    assert "abcdef" not in repr(fault)


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("2.5", 2.5),
        ("99999999999", RETRY_AFTER_LIMIT_S),
        ("-5", None),
        ("soon", None),
        ("", None),
        (format_datetime(NOON + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOON - timedelta(days=9), usegmt=True), 0.0),
        (format_datetime(NOON + timedelta(days=9), usegmt=True), RETRY_AFTER_LIMIT_S),
    ],
)
def test_retry_after(text: str, expected_s: float | None) -> None:
    assert retry_after_s(CIMultiDict({"retry-after": text}), NOON) == expected_s


def test_retry_after_is_read_by_the_clock_of_the_server() -> None:
    headers = CIMultiDict(
        {
            "Retry-After": format_datetime(NOON + timedelta(seconds=30), usegmt=True),
            "Date": format_datetime(NOON + timedelta(seconds=10), usegmt=True),
        }
    )
    assert retry_after_s(headers, datetime(1970, 1, 1, tzinfo=UTC)) == 20.0


def test_sdp_is_passed_on_untouched() -> None:
    assert sdp_of_answer(reply(SDP), (), server="s") == SDP
    nested = reply(json.dumps({"transport": {"sdp": SDP}}))
    assert sdp_of_answer(nested, ("transport", "sdp"), server="s") == SDP


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (reply(""), ()),
        (reply("<html>v=0"), ()),
        (reply(b"\xff"), ()),
        (reply("{}"), ("sdp",)),
        (reply(json.dumps({"sdp": 7})), ("sdp",)),
        (reply(json.dumps({"sdp": SDP})), ("a", "sdp")),
        (reply(json.dumps([SDP])), ("sdp",)),
        (reply(SDP), ("sdp",)),
        (reply(json.dumps({"sdp": SDP})), ()),
    ],
)
def test_answers_without_sdp(answer: Reply, path: tuple[str, ...]) -> None:
    with pytest.raises(SignalingError) as caught:
        sdp_of_answer(answer, path, server="s")
    assert caught.value.fault.kind is FaultKind.BAD_ANSWER


@pytest.mark.parametrize(
    "answer",
    [{"value": "ek_1"}, {"client_secret": {"value": "ek_1", "expires_at": 1}}, {"client_secret": "ek_1"}],
)
def test_token_in_every_known_form(answer: object) -> None:
    assert token_of_answer(reply(json.dumps(answer)), server="s") == "ek_1"


@pytest.mark.parametrize(
    "body", ["", "{}", '{"value": ""}', '{"value": "a\\r\\nb"}', '{"client_secret": {}}', "<html>"]
)
def test_answers_without_token(body: str) -> None:
    with pytest.raises(SignalingError) as caught:
        token_of_answer(reply(body), server="s")
    assert caught.value.fault.kind is FaultKind.BAD_ANSWER


@pytest.mark.parametrize(
    ("location", "call_id"),
    [
        ("/v1/realtime/calls/rtc_u1_x", "rtc_u1_x"),
        ("https://h/v1/realtime/calls/rtc_1/?q=1#f", "rtc_1"),
        ("rtc_2", "rtc_2"),
        (None, None),
        ("", None),
        ("/", None),
        ("/calls/..%2f..%2fadmin", None),
        ("/calls/a b", None),
        ("/calls/" + "x" * 300, None),
        ("http://[", None),
    ],
)
def test_call_id_of_location(location: str | None, call_id: str | None) -> None:
    assert call_id_of_location(location) == call_id


@pytest.mark.parametrize(
    ("verify_code", "code"), [(9, "certificate_not_yet_valid"), (10, "certificate_expired"), (18, None)]
)
def test_certificates_that_a_wrong_clock_spoils_are_told_apart(verify_code: int, code: str | None) -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = verify_code, "reason of OpenSSL"
    fault = fault_of_certificate(error, server="h", clock_is_set=True)
    assert (fault.kind, fault.code) == (FaultKind.TLS, code)
    assert "reason of OpenSSL" in fault.message
    assert "clock" not in fault.message


@pytest.mark.parametrize(("verify_code", "code"), [(9, CLOCK_NOT_SET), (10, CLOCK_NOT_SET), (18, None)])
def test_a_clock_that_is_not_set_is_waited_for(verify_code: int, code: str | None) -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = verify_code, "reason of OpenSSL"
    fault = fault_of_certificate(error, server="h", clock_is_set=False)
    assert (fault.kind, fault.code) == (FaultKind.TLS, code)
    assert "reason of OpenSSL" in fault.message
    assert ("waiting for this machine's clock" in fault.message) is (code is not None)


@given(st.text(), st.text(min_size=1))
def test_shown_text_is_one_short_line_without_the_secret(text: str, secret: str) -> None:
    line = shown(text + secret + text, (secret,))
    assert len(line) <= WORDS_LIMIT
    assert line.isprintable()


@given(
    st.binary(max_size=300),
    st.integers(300, 599),
    st.dictionaries(
        st.sampled_from(["Location", "Retry-After", "Content-Type", "Date"]), st.text(max_size=40)
    ),
)
def test_no_answer_is_too_odd_to_be_told(body: bytes, status: int, headers: dict[str, str]) -> None:
    fault = refused(Reply(status, CIMultiDict(headers), body))
    assert fault.http_status == status
    assert fault.message.isprintable()


@given(st.text())
def test_header_values_are_visible_ascii(text: str) -> None:
    assert is_header_value(text) == (bool(text) and text.isascii() and text.isprintable() and " " not in text)
