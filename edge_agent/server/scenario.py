"""Misbehaviour on order: what a test wants to go wrong, as data.

A scenario is a list of faults; each is taken as often as its ``times`` says (null: until the scenario
changes) by the code that can commit it. ``after_s`` counts from the opening of a call's event channel, or
from the arrival of the scenario for a call that runs already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge_agent.server.settings import USAGE, CannotServe

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """One thing that goes wrong, so many ``times``: requests, calls, responses or updates."""

    times: Annotated[int, Meta(ge=1)] | None = None


# Requests to the HTTP side. ``on`` is the request that a fault meets: the call itself or the token before it.


class RequestFault(Fault, frozen=True, kw_only=True):
    """A fault of one HTTP request."""

    on: Literal["call", "token"] = "call"


class HttpStatus(RequestFault, frozen=True, kw_only=True, tag="http_status"):
    """Refuse with ``status``, as OpenAI does (json), as a proxy does (html), or without a word (empty)."""

    status: Annotated[int, Meta(ge=300, le=599)] = 500
    retry_after_s: Annotated[int, Meta(ge=0)] | None = None
    body: Literal["json", "html", "empty"] = "json"
    code: str | None = None
    message: str = "The server was told to refuse."


class Redirect(RequestFault, frozen=True, kw_only=True, tag="redirect"):
    """Send the client somewhere else, with 307."""

    location: str


class HtmlPage(RequestFault, frozen=True, kw_only=True, tag="html_page"):
    """Answer 200 with a page, as captive portals do."""


class NoAnswer(RequestFault, frozen=True, kw_only=True, tag="no_answer"):
    """Take the request and say nothing until the client gives up."""


class SlowBody(RequestFault, frozen=True, kw_only=True, tag="slow_body"):
    """Answer rightly, but only so many bytes a second."""

    bytes_per_s: Annotated[float, Meta(gt=0)] = 1.0


class EndlessBody(RequestFault, frozen=True, kw_only=True, tag="endless_body"):
    """Answer with a body that does not end."""


class NoLocation(RequestFault, frozen=True, kw_only=True, tag="no_location"):
    """Leave the Location header out: the client does not learn the call's name."""


# Calls


class DeadAnswer(Fault, frozen=True, kw_only=True, tag="dead_answer"):
    """Answer with candidates that lead nowhere."""


class SlowChannel(Fault, frozen=True, kw_only=True, tag="slow_channel"):
    """Acknowledge the data channel late by ``open_after_s``, deliver every event late by ``delay_s``."""

    open_after_s: Seconds = 0.0
    delay_s: Seconds = 0.0


class Vanish(Fault, frozen=True, kw_only=True, tag="vanish"):
    """Stop sending and hearing anything on UDP, without a word."""

    after_s: Seconds = 0.0


class CloseCall(Fault, frozen=True, kw_only=True, tag="close_call"):
    """End the call cleanly."""

    after_s: Seconds = 0.0


class Expire(Fault, frozen=True, kw_only=True, tag="expire"):
    """End the session for its age. ``announced``: ``expires_at`` says so from the beginning."""

    after_s: Seconds = 0.0
    announced: bool = True


class StopMedia(Fault, frozen=True, kw_only=True, tag="stop_media"):
    """Send no more RTP, while everything else goes on."""

    after_s: Seconds = 0.0


class EmptyPayload(Fault, frozen=True, kw_only=True, tag="empty_payload"):
    """Send one RTP packet without payload: decoders like FFmpeg's never decode anything after it."""

    after_s: Seconds = 0.0


class IgnoreConsent(Fault, frozen=True, kw_only=True, tag="ignore_consent"):
    """Answer no more STUN requests, the checks of consent (RFC 7675), while everything else goes on."""

    after_s: Seconds = 0.0


class PauseRtp(Fault, frozen=True, kw_only=True, tag="pause_rtp"):
    """Send no RTP between utterances; timestamps jump."""


class NoOutputEvents(Fault, frozen=True, kw_only=True, tag="no_output_events"):
    """Never send ``output_audio_buffer.*``."""


class LateStopped(Fault, frozen=True, kw_only=True, tag="late_stopped"):
    """Hold ``output_audio_buffer.stopped`` back until ``delay_s`` after the next response has started."""

    delay_s: Seconds = 0.2


class SendError(Fault, frozen=True, kw_only=True, tag="send_error"):
    """Send an ``error`` event that nobody asked for."""

    after_s: Seconds = 0.0
    type: str = "invalid_request_error"
    code: str | None = "insufficient_quota"
    message: str = "You exceeded your current quota, please check your plan and billing details."


class SendMessage(Fault, frozen=True, kw_only=True, tag="send_message"):
    """Send a message that is no good event. ``size_bytes`` is that of an oversized one, ``text`` of raw."""

    kind: Literal["oversized", "unknown", "malformed", "binary", "invalid_utf8", "deep", "raw"]
    after_s: Seconds = 0.0
    size_bytes: Annotated[int, Meta(ge=1, le=16 << 20)] = 1 << 20
    text: str = ""


# Updates of the session


class RejectUpdate(Fault, frozen=True, kw_only=True, tag="reject_update"):
    """Answer ``session.update`` with an error, whatever it says."""

    code: str = "invalid_value"
    param: str | None = "session.audio.output.voice"
    message: str = "Invalid value: the server was told to refuse it."


class IgnoreUpdate(Fault, frozen=True, kw_only=True, tag="ignore_update"):
    """Say nothing to ``session.update``."""


# Responses


class SilentResponse(Fault, frozen=True, kw_only=True, tag="silent_response"):
    """Send ``response.created``, and nothing more of that response."""


class FailResponse(Fault, frozen=True, kw_only=True, tag="fail_response"):
    """End a response with ``failed`` and an error, or with ``incomplete`` and a reason."""

    status: Literal["failed", "incomplete"] = "failed"
    type: str = "server_error"
    code: str | None = "rate_limit_exceeded"
    message: str = "The server was told to fail."
    reason: str = "content_filter"


class FailTranscription(Fault, frozen=True, kw_only=True, tag="fail_transcription"):
    """Send ``conversation.item.input_audio_transcription.failed`` for what was said, and answer anyway."""

    code: str = "audio_unintelligible"
    message: str = "The audio could not be transcribed."


HttpFault = HttpStatus | Redirect | HtmlPage | NoAnswer | SlowBody | EndlessBody | NoLocation
CallFault = DeadAnswer | SlowChannel | Expire | PauseRtp | NoOutputEvents | LateStopped
TimedFault = Vanish | CloseCall | StopMedia | EmptyPayload | IgnoreConsent | SendError | SendMessage
ConversationFault = RejectUpdate | IgnoreUpdate | SilentResponse | FailResponse | FailTranscription
AnyFault = HttpFault | CallFault | TimedFault | ConversationFault


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, in the order in which it is taken."""

    faults: tuple[AnyFault, ...] = ()


F = TypeVar("F", bound=Fault)


class Stage:
    """The scenario that is on, and how often each of its faults was taken."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self.play(scenario or Scenario())

    def play(self, scenario: Scenario) -> None:
        """Begin another scenario; nothing of the old one is left."""
        self.scenario = scenario
        self.taken = [0] * len(scenario.faults)

    def take(self, kind: type[F]) -> F | None:
        """Return the first fault of ``kind`` that is left, and count it as committed; None for none."""
        for index, fault in enumerate(self.scenario.faults):
            if isinstance(fault, kind) and self._is_left(index):
                self.taken[index] += 1
                return fault
        return None

    def take_for_request(self, on: Literal["call", "token"]) -> HttpFault | None:
        """Return the first fault that is left for an HTTP request, and count it."""
        for index, fault in enumerate(self.scenario.faults):
            if isinstance(fault, HttpFault) and fault.on == on and self._is_left(index):
                self.taken[index] += 1
                return fault
        return None

    def take_timed(self) -> list[TimedFault]:
        """Return every fault with a time that is left, each once, and count them."""
        found: list[TimedFault] = []
        for index, fault in enumerate(self.scenario.faults):
            if isinstance(fault, TimedFault) and self._is_left(index):
                self.taken[index] += 1
                found.append(fault)
        return found

    def _is_left(self, index: int) -> bool:
        times = self.scenario.faults[index].times
        return times is None or self.taken[index] < times


def parse_scenario(text: bytes) -> Scenario:
    """Return the scenario that JSON ``text`` says. Raises ValueError that names the place."""
    return msgspec.json.decode(text, type=Scenario)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario from a file: ``.json`` is JSON, all others are YAML. Raises CannotServe."""
    try:
        text = path.read_bytes()
        if path.suffix == ".json":
            return parse_scenario(text)
        return msgspec.yaml.decode(text, type=Scenario)
    except OSError as error:
        raise CannotServe(f"{path}: can't read the scenario: {error.strerror}", exit_code=USAGE) from error
    except (ValueError, UnicodeError) as error:
        raise CannotServe(
            f"{path}: not a scenario: {' '.join(str(error).split())}", exit_code=USAGE
        ) from error
