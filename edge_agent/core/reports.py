"""What the agent tells a person: the text and the journal fields of each notice, and the cause of a state."""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.commands import Tell
from edge_agent.core.conversation import TurnAnswered
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.notices import Notice
from edge_agent.core.ways import TransportKind
from edge_agent.protocol.server_events import ServerEvent, UnknownEvent

WORDS: dict[FaultKind, str] = {
    FaultKind.RESPONSE_FAILED: "a response failed",
    FaultKind.TRANSCRIPTION_FAILED: "a transcription failed",
}
"""What failed; anything else that a server reports is just an error."""

MINUTES_FROM_S = 120.0
"""Waits from here on are told in minutes."""


def cause_of(event: happened.Event) -> str:
    """Return in a few words what ``event`` is, as the cause of a new state."""
    match event:
        case happened.ServerSaid(event=said):
            return _name_of(said)
        case happened.LinkUp():
            return "session is open"
        case happened.LinkDown(fault=fault):
            return _code_of(fault)
        case happened.LinkDoubted():
            return "no sign of life"
        case happened.LinkTrusted():
            return "sign of life"
        case happened.LinkLapsed():
            return "silence of the server"
        case happened.LinkStirred():
            return "something from the server"
        case happened.LinkMended():
            return "way is open again"
        case happened.SoundStarted():
            return "sound"
        case happened.SoundEnded():
            return "end of sound"
        case happened.MicrophoneCaughtUp() | happened.MicrophonePaused():
            return "microphone"
        case happened.EchoMeasured():
            return "echo"
        case happened.WakeWordHeard():
            return "wake word"
        case happened.VoiceHeard():
            return "voice"
        case happened.ButtonPressed(button=name) | happened.ButtonReleased(button=name):
            return f"button {name}"
        case happened.DeviceLost(device=device):
            return f"no {device.value}"
        case happened.DeviceBack(device=device):
            return f"{device.value} is back"
        case happened.MuteRequested(muted=muted):
            return "mute" if muted else "unmute"
        case happened.VolumeRequested() | happened.VolumeChanged():
            return "volume"
        case happened.NetworkChanged():
            return "network changed"
        case happened.ClockRead():
            return "clock"
        case happened.ClockSet():
            return "clock is set"
        case happened.RawEventRequested():
            return "request"


def session_opened(session_id: str, attempts: int) -> Tell:
    """A session is open, at the ``attempts``-th attempt since there was one."""
    name = session_id or "without a name"
    effort = f" after {attempts} attempts" if attempts > 1 else ""
    return Tell(Notice.SESSION_OPENED, f"session {name} is open{effort}", {"EDGE_SESSION_ID": session_id})


def session_renewed(session_id: str, former_id: str, fault: Fault | None = None) -> Tell:
    """The session ``session_id`` follows ``former_id``, in time or (``fault``) because that has ended."""
    name, former = session_id or "without a name", former_id or "without a name"
    why = "" if fault is None else f", which ended: {fault.message}"
    text = f"session {name} has taken over from session {former}{why}"
    return Tell(Notice.SESSION_RENEWED, text, {"EDGE_SESSION_ID": session_id})


def no_successor(fault: Fault, retry_in_s: float) -> Tell:
    """The session that was to follow could not be opened, or has ended; the current one goes on."""
    text = f"no session to follow this one: {fault.message} (next try in {_duration(retry_in_s)})"
    return Tell(Notice.NO_SUCCESSOR, text, {"EDGE_ERROR_CODE": _code_of(fault)})


def endpoint_left(left: str, taken: str, fault: Fault | None) -> Tell:
    """The endpoint ``left`` can't be used, and ``taken`` has taken over."""
    why = "" if fault is None else f": {fault.message}"
    fields = {"EDGE_ENDPOINT": taken} | ({} if fault is None else {"EDGE_ERROR_CODE": _code_of(fault)})
    text = f"endpoint {taken} has taken over, because {left} can't be used{why}"
    return Tell(Notice.ENDPOINT_LEFT, text, fields)


def endpoint_too_dear(left: str, taken: str) -> Tell:
    """What may be spent at the endpoint ``left`` is spent, and ``taken`` has taken over."""
    text = f"endpoint {taken} has taken over, because the budget for {left} is spent"
    return Tell(Notice.ENDPOINT_LEFT, text, {"EDGE_ENDPOINT": taken, "EDGE_ERROR_CODE": "budget"})


def endpoint_back(taken: str, left: str) -> Tell:
    """The preferred endpoint ``taken`` works again, and has taken over from ``left``."""
    text = f"endpoint {taken} works again, and has taken over from {left}"
    return Tell(Notice.ENDPOINT_BACK, text, {"EDGE_ENDPOINT": taken})


def no_way_back(endpoint: str, fault: Fault, retry_in_s: float) -> Tell:
    """A better way than the one in use, to ``endpoint``, was tried and can't be used yet."""
    text = f"endpoint {endpoint} can't be used yet: {fault.message} (next try in {_duration(retry_in_s)})"
    return Tell(Notice.NO_WAY_BACK, text, {"EDGE_ENDPOINT": endpoint, "EDGE_ERROR_CODE": _code_of(fault)})


def transport_changed(endpoint: str, transport: TransportKind) -> Tell:
    """The endpoint is reached by another transport than before."""
    text = f"endpoint {endpoint} is reached by {transport.value} now"
    if transport is TransportKind.WEBSOCKET:
        text += ", because UDP does not get through; WebRTC is tried again every now and then"
    return Tell(Notice.TRANSPORT_CHANGED, text, {"EDGE_ENDPOINT": endpoint})


def link_is_down(
    fault: Fault,
    retry_in_s: float,
    session_id: str | None,
    *,
    is_parked: bool,
    is_told: bool,
    is_held_back: bool = False,
) -> Tell:
    """The session ``session_id`` ended, or (None) an attempt failed; the next one comes in ``retry_in_s``.

    ``is_told``: the attempt before failed alike, which a person has read already. ``is_held_back``: it could
    come sooner, but too many sessions were opened.
    """
    soon = f"{retry_in_s:.1f} s" if retry_in_s < MINUTES_FROM_S else _duration(retry_in_s)
    hint = "; a button press or a reload tries at once" if is_parked else ""
    if is_held_back:
        hint = "; until then as many sessions were opened as the section reconnect allows"
    what = "no session" if session_id is None else "the session ended"
    fields = {"EDGE_ERROR_CODE": _code_of(fault)}
    if session_id:
        fields["EDGE_SESSION_ID"] = session_id
    text = f"{what}: {fault.message} (next try in {soon}{hint})"
    return Tell(_notice_of_down(session_id, is_parked=is_parked, is_told=is_told), text, fields)


def link_is_doubted(session_id: str, *, is_doubted: bool) -> Tell:
    """Nothing comes from the server of the session any more, or something comes again."""
    fields = {"EDGE_SESSION_ID": session_id}
    if is_doubted:
        text = "the server gives no sign of life; looking whether it or the way to it has failed"
        return Tell(Notice.LINK_DOUBTED, text, fields)
    return Tell(Notice.LINK_TRUSTED, "the server is heard again; the session goes on", fields)


def server_trouble(fault: Fault, response_id: str) -> Tell:
    """The server reports a failure inside a session that goes on; ``response_id`` may be ``""``."""
    is_response = fault.kind is FaultKind.RESPONSE_FAILED
    where = f" (parameter {fault.param})" if fault.param else ""
    what = WORDS.get(fault.kind, "the server reports an error")
    fields = {"EDGE_ERROR_CODE": fault.code or fault.error_type or "unknown"}
    if response_id:
        fields["EDGE_RESPONSE_ID"] = response_id
    notice = Notice.RESPONSE_FAILED if is_response else Notice.SERVER_ERROR
    return Tell(notice, f"{what}: {fault.message}{where}", fields)


def answered(answer: TurnAnswered) -> Tell:
    """The first sound of an answer."""
    fields = {"EDGE_RESPONSE_ID": answer.response_id}
    if answer.voice_to_voice_s is None:
        return Tell(Notice.TURN_ANSWERED, "answered", fields)
    latency_ms = round(answer.voice_to_voice_s * 1000)
    text = f"answered {latency_ms} ms after the person's last sound"
    return Tell(Notice.TURN_ANSWERED, text, {**fields, "EDGE_LATENCY_MS": str(latency_ms)})


def interrupted(response_id: str) -> Tell:
    """A person spoke while an answer was audible."""
    return Tell(Notice.BARGE_IN, "interrupted by speech", {"EDGE_RESPONSE_ID": response_id})


def heard_itself(response_id: str) -> Tell:
    """The server took the agent's own voice for a person's; ``response_id`` (or ``""``) is what it said."""
    text = "interrupted by its own voice: the microphone hears the loudspeaker"
    return Tell(Notice.SELF_INTERRUPTION, text, {"EDGE_RESPONSE_ID": response_id} if response_id else {})


def half_duplex_for(wait_s: float) -> Tell:
    """The agent keeps interrupting itself; it does not listen while it speaks, until that is tried again."""
    text = (
        f"it keeps interrupting itself; half duplex for {_duration(wait_s)}: answers are whole, but can't be "
        "interrupted by speech. Turn the volume down, or move microphone and loudspeaker apart"
    )
    return Tell(Notice.HEARS_ITSELF, text)


def no_answer(limit_s: float) -> Tell:
    """An answer that was due has not come."""
    return Tell(Notice.NO_ANSWER, f"the server did not answer within {limit_s:.0f} s; giving up this turn")


def device_lost(device: happened.Device, reason: str) -> Tell:
    """A sound device can't be used; ``reason`` says why and what to do."""
    return Tell(Notice.DEVICE_LOST, f"{device.value}: {reason}")


def device_back(device: happened.Device) -> Tell:
    """A sound device works again."""
    return Tell(Notice.DEVICE_BACK, f"the {device.value} works again")


FULL_DUPLEX_FAILS = Tell(
    Notice.HEARS_ITSELF,
    "it keeps interrupting itself, and full duplex is configured; set sound.duplex to auto or half",
)
TALKS_WITH_ITSELF = Tell(
    Notice.TALKS_WITH_ITSELF,
    "it answers its own words, again and again, and is silent for ten minutes; a button ends that",
)
FULL_DUPLEX_AGAIN = Tell(
    Notice.FULL_DUPLEX_AGAIN, "full duplex again, to see whether it still interrupts itself"
)


def volume_changed(percent: int) -> Tell:
    """The loudspeaker is louder or softer than before."""
    return Tell(Notice.VOLUME_CHANGED, f"the volume is {percent} %", {"EDGE_VOLUME_PERCENT": str(percent)})


def budget_is_low(spent: str, period: str) -> Tell:
    """As much was spent in a period ("hour", "day", "month") as a person wants to be warned of."""
    return Tell(Notice.BUDGET_LOW, f"{spent} were spent in this {period}")


def budget_is_spent(reason: str, until: str) -> Tell:
    """A limit is reached: no session until then ("the next day")."""
    return Tell(Notice.BUDGET_SPENT, f"the budget is spent until {until}: {reason}")


BUDGET_AGAIN = Tell(Notice.BUDGET_AGAIN, "there is budget again")


MUTED = Tell(Notice.MUTED, "muted: the microphone device is closed")
UNMUTED = Tell(Notice.UNMUTED, "the microphone is open again")


def _duration(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s < MINUTES_FROM_S else f"{wait_s / 60:.0f} min"


def _notice_of_down(session_id: str | None, *, is_parked: bool, is_told: bool) -> Notice:
    if is_told:
        return Notice.STILL_NO_SESSION
    if is_parked:
        return Notice.PARKED
    return Notice.CONNECT_FAILED if session_id is None else Notice.SESSION_ENDED


def _name_of(event: ServerEvent) -> str:
    return event.type if isinstance(event, UnknownEvent) else event.wire_type


def _code_of(fault: Fault) -> str:
    return fault.code or fault.kind.value
