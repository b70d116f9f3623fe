"""Which fault calls for what, whatever channel it arrives on."""

from __future__ import annotations

import pytest

from edge_agent.core.faults import (
    ACCOUNT_CODES,
    BENIGN_CODES,
    Fault,
    FaultKind,
    Reaction,
    fault_in,
    is_benign,
)
from edge_agent.core.policy import rule_for
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ApiError, Response, ResponseStatusDetails
from tests.core import scenes

KEEP, BACK_OFF, RENEW, STOP = (
    Reaction.KEEP,
    Reaction.BACK_OFF,
    Reaction.RENEW,
    Reaction.STOP_AND_TELL,
)

CASES: list[tuple[Fault, Reaction]] = [
    (Fault(FaultKind.NETWORK, "refused"), BACK_OFF),
    (Fault(FaultKind.TIMEOUT, "15 s"), BACK_OFF),
    (Fault(FaultKind.TLS, "self-signed"), BACK_OFF),
    (Fault(FaultKind.NO_PATH, "UDP"), BACK_OFF),
    (Fault(FaultKind.BAD_ANSWER, "HTML"), BACK_OFF),
    (Fault(FaultKind.CLOSED, "bye"), BACK_OFF),
    (Fault(FaultKind.LOST, "silence"), BACK_OFF),
    (Fault(FaultKind.PATH_DEAD, "no way"), BACK_OFF),
    *((Fault(kind, "gone"), RENEW) for kind in (FaultKind.PEER_DEAD, FaultKind.MOVED, FaultKind.DEAF)),
    (Fault(FaultKind.EXPIRED, "an hour"), RENEW),
    (Fault(FaultKind.UNANSWERED, "twice"), RENEW),
    (Fault(FaultKind.CLOSED, "an hour", "session_expired"), RENEW),
    (Fault(FaultKind.ERROR_EVENT, "an hour", "session_expired"), RENEW),
    (Fault(FaultKind.SETUP_REFUSED, "no such voice", "invalid_value"), STOP),
    (Fault(FaultKind.SETUP_REFUSED, "hiccup", error_type="server_error"), BACK_OFF),
    *((Fault(FaultKind.ERROR_EVENT, "account", code), STOP) for code in sorted(ACCOUNT_CODES)),
    (Fault(FaultKind.RESPONSE_FAILED, "no credit", "insufficient_quota"), STOP),
    *((Fault(FaultKind.ERROR_EVENT, "race", code), KEEP) for code in sorted(BENIGN_CODES)),
    (Fault(FaultKind.ERROR_EVENT, "our mistake", "invalid_value", param="session.voice"), KEEP),
    (Fault(FaultKind.ERROR_EVENT, "never heard of"), KEEP),
    (Fault(FaultKind.ERROR_EVENT, "hiccup", error_type="server_error"), BACK_OFF),
    (Fault(FaultKind.RESPONSE_FAILED, "slow down", "rate_limit_exceeded"), BACK_OFF),
    (Fault(FaultKind.RESPONSE_FAILED, "slow down", "inference_rate_limit_exceeded"), BACK_OFF),
    (Fault(FaultKind.RESPONSE_FAILED, "cut short", "max_output_tokens"), KEEP),
    (Fault(FaultKind.TRANSCRIPTION_FAILED, "no such model", "model_not_found"), KEEP),
    (Fault(FaultKind.TRANSCRIPTION_FAILED, "hiccup", error_type="server_error"), KEEP),
    (Fault(FaultKind.HTTP_STATUS, "key", http_status=401), STOP),
    (Fault(FaultKind.HTTP_STATUS, "key", http_status=403), STOP),
    (Fault(FaultKind.HTTP_STATUS, "path", http_status=404), STOP),
    (Fault(FaultKind.HTTP_STATUS, "redirect", http_status=302), STOP),
    (Fault(FaultKind.HTTP_STATUS, "slow down", http_status=429), BACK_OFF),
    (Fault(FaultKind.HTTP_STATUS, "no credit", "insufficient_quota", http_status=429), STOP),
    (Fault(FaultKind.HTTP_STATUS, "slow", http_status=408), BACK_OFF),
    (Fault(FaultKind.HTTP_STATUS, "busy", http_status=500), BACK_OFF),
    (Fault(FaultKind.HTTP_STATUS, "busy", http_status=503), BACK_OFF),
    (Fault(FaultKind.HTTP_STATUS, "no status at all"), STOP),
]


@pytest.mark.parametrize(("fault", "reaction"), CASES)
def test_every_fault_has_its_reaction(fault: Fault, reaction: Reaction) -> None:
    assert rule_for(fault).reaction is reaction


def test_every_kind_of_fault_is_in_the_table() -> None:
    assert {fault.kind for fault, _ in CASES} == set(FaultKind)


def test_only_known_races_are_benign() -> None:
    assert all(is_benign(Fault(FaultKind.ERROR_EVENT, "race", code)) for code in BENIGN_CODES)
    assert not is_benign(Fault(FaultKind.ERROR_EVENT, "?", "invalid_value"))
    assert not is_benign(Fault(FaultKind.ERROR_EVENT, "?"))


def test_an_error_event_is_a_fault_in_the_servers_words() -> None:
    event = scenes.error(
        "invalid_value", "no such voice", type="invalid_request_error", param="session.voice"
    )
    assert fault_in(event) == Fault(
        FaultKind.ERROR_EVENT, "no such voice", "invalid_value", "invalid_request_error", "session.voice"
    )


@pytest.mark.parametrize(
    ("error_type", "code", "name"),
    [
        ("invalid_request_error", "invalid_value", "invalid_value"),
        ("invalid_request_error", None, None),
        ("session_limit_reached", None, "session_limit_reached"),
        ("", None, None),
    ],
)
def test_a_type_names_an_error_where_there_is_no_code(
    error_type: str, code: str | None, name: str | None
) -> None:
    fault = fault_in(scenes.error(code, type=error_type))
    assert fault is not None
    assert (fault.code, fault.error_type) == (name, error_type or None)


def test_a_failed_transcription_is_a_fault() -> None:
    event = said.ConversationItemInputAudioTranscriptionFailed(error=ApiError(code="audio_unintelligible"))
    assert fault_in(event) == Fault(
        FaultKind.TRANSCRIPTION_FAILED, "the server gave no reason", "audio_unintelligible"
    )


def test_a_failed_response_is_a_fault_with_or_without_a_reason() -> None:
    fault = fault_in(scenes.failed("rate_limit_exceeded"))
    assert fault == Fault(FaultKind.RESPONSE_FAILED, "it went wrong", "rate_limit_exceeded")
    for details in (None, ResponseStatusDetails(type="failed")):
        event = said.ResponseDone(response=Response(status="failed", status_details=details))
        assert fault_in(event) == Fault(FaultKind.RESPONSE_FAILED, "the server gave no reason")


@pytest.mark.parametrize(
    ("details", "reason"),
    [(ResponseStatusDetails(reason="content_filter"), "content_filter"), (None, "no reason given")],
)
def test_a_response_that_was_cut_short_is_a_fault(details: ResponseStatusDetails | None, reason: str) -> None:
    event = said.ResponseDone(response=Response(status="incomplete", status_details=details))
    assert fault_in(event) == Fault(FaultKind.RESPONSE_FAILED, f"it was cut short ({reason})", reason)


@pytest.mark.parametrize("event", [scenes.done(), scenes.done(status="cancelled"), scenes.speech_started()])
def test_everything_else_is_no_fault(event: said.ServerEvent) -> None:
    assert fault_in(event) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Fault(FaultKind.NETWORK, "refused"), Fault(FaultKind.NETWORK, "refused"), True),
        (Fault(FaultKind.NETWORK, "refused"), Fault(FaultKind.NETWORK, "no such name"), False),
        (Fault(FaultKind.NETWORK, "late"), Fault(FaultKind.TIMEOUT, "late"), False),
        (
            Fault(FaultKind.HTTP_STATUS, "busy, req_1", http_status=503),
            Fault(FaultKind.HTTP_STATUS, "busy, req_2", http_status=503, retry_after_s=9.0),
            True,
        ),
        (
            Fault(FaultKind.HTTP_STATUS, "busy", http_status=503),
            Fault(FaultKind.HTTP_STATUS, "busy", http_status=500),
            False,
        ),
        (
            Fault(FaultKind.ERROR_EVENT, "no credit, req_1", "insufficient_quota"),
            Fault(FaultKind.ERROR_EVENT, "no credit, req_2", "insufficient_quota"),
            True,
        ),
    ],
)
def test_the_same_trouble_is_known_again_by_its_name_or_its_words(
    one: Fault, other: Fault, same: bool
) -> None:
    assert one.is_same_as(other) is same
    assert other.is_same_as(one) is same
