"""What is done to a conversation, and how long it takes until it goes on: seconds by their names.

Each case begins while the server speaks, and is measured at the loudspeaker.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.core.liveness import DEAF_AFTER_S
from tests.network.place import COUNTING, Place, ServerKind, place
from tests.network.wires import Wires
from tests.processes import DEADLINE_S
from tests.system.local_server import until

Figures = dict[str, float]

LONG_WAIT_S = 60.0
"""For what takes half a minute by design."""


PATIENT = {"conversation": {"answer_limit_s": 60}}
"""Nothing is asked here: a server that is slow to make its speech, on a busy machine, owes nothing."""


def _nothing(_: Wires) -> None:
    return None


@dataclass(frozen=True)
class Case:
    """One way to do harm. ``limits``: what the figures may be at most, in seconds, or how often."""

    harm: Callable[[Place], Figures]
    limits: Figures
    servers: int = 1
    countings: int = 5
    """How often the server counts to ten at the beginning: 2.5 s each."""
    quiet_s: float = 0.0
    """How long nobody speaks before: in so long it shows whether a server tells the ends of its sounds."""
    before: Callable[[Wires], None] = _nothing
    """What is done before the daemon starts."""


def run(case: Case, kind: ServerKind = ServerKind.EMBEDDED) -> Figures:
    """Set a conversation up, do the harm, and return the figures."""
    started_at: list[float] = []

    def before(wires: Wires) -> None:
        case.before(wires)
        started_at.append(time.monotonic())

    with place(PATIENT, servers=case.servers, kind=kind, before=before) as there:
        there.daemon.seen.wait_for_state("ready")
        ready_s = time.monotonic() - started_at[0]
        time.sleep(case.quiet_s)
        speak(there, COUNTING * case.countings)
        made_before = there.sessions_made()
        figures = case.harm(there) | {"in conversation": ready_s}
        if case.servers == 1:
            figures["new sessions"] = there.sessions_made() - made_before
        return figures


def speak(there: Place, text: str = "here I am again") -> float:
    """Let the server speak as soon as there is a call; return when it is heard."""
    until(lambda: there.server.open_calls(), "a call")
    asked_at = time.monotonic()
    there.server.say(text)
    return there.ear.wait_for_sound(asked_at, LONG_WAIT_S)


def crash(there: Place) -> Figures:
    """Kill the server while another stands by in its place."""
    return _gone(there, signal.SIGKILL)


def freeze(there: Place) -> Figures:
    """Stop the server: its sockets stay, and nobody reads from them."""
    return _gone(there, signal.SIGSTOP)


def _gone(there: Place, number: signal.Signals) -> Figures:
    former, standby = there.servers
    mark, began = there.daemon.seen.mark, time.monotonic()
    former.process.signal(number)
    there.lead_to(standby)
    there.daemon.seen.wait_for_notice("link_doubted", mark=mark)
    doubted_s = time.monotonic() - began
    there.daemon.seen.wait_for_notice("session_ended", mark=mark)
    replaced_s = time.monotonic() - began
    return {
        "suspected": doubted_s,
        "replaced": replaced_s,
        "speaking": speak(there) - began,
        "new sessions": standby.calls_made(),
    }


def close(there: Place) -> Figures:
    """End the call as a polite server does."""
    began = time.monotonic()
    there.server.hang_up()
    return {"speaking": speak(there) - began}


def outage(lasts_s: float) -> Callable[[Place], Figures]:
    """Lose every packet on the way for so long."""

    def harm(there: Place) -> Figures:
        there.wires.cut()
        time.sleep(lasts_s)
        mended = time.monotonic()
        there.wires.mend()
        return {"sound": there.ear.wait_for_sound(mended) - mended}

    return harm


def long_outage(there: Place) -> Figures:
    """Lose every packet for 40 s: the session is over, and so is the speech."""
    there.wires.cut()
    return _is_back(there, there.wires.mend)


def unplugged(there: Place) -> Figures:
    """Take the device's own link away for 40 s: the kernel tells both ends of that."""
    there.wires.unplug()
    return _is_back(there, there.wires.plug_in)


def _is_back(there: Place, mend: Callable[[], None]) -> Figures:
    """Wait for 40 s, mend, and wait for the next session."""
    time.sleep(40.0)
    mended, mark = time.monotonic(), there.daemon.seen.mark
    mend()
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    return {"ready": time.monotonic() - mended}


def move(there: Place) -> Figures:
    """Give the device another address."""
    began, mark = time.monotonic(), there.daemon.seen.mark
    there.wires.change_address()
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    return {"ready": time.monotonic() - began}


def stop_media(there: Place) -> Figures:
    """Send no more sound, while ICE and events go on."""
    began, mark = time.monotonic(), there.daemon.seen.mark
    there.server.play({"fault": "stop_media", "times": 1})
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    newest = there.server.open_calls
    until(lambda: len(newest()) == 1, "the end of the call before")
    return {"speaking": speak(there) - began}


def stop_media_later(there: Place) -> Figures:
    """The same in a session that was never quiet, at a server that has told an earlier one where it ends."""
    there.daemon.seen.wait_for_event("output_audio_buffer.stopped")
    mark = there.daemon.seen.mark
    close(there)
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    speak(there, COUNTING * 5)
    before = there.sessions_made()
    figures = stop_media(there)
    return {**figures, "sessions after that": there.sessions_made() - before}


def empty_payload(there: Place) -> Figures:
    """One packet without payload: nothing happens, but with the stock decoder it is the end of all sound."""
    there.server.play({"fault": "empty_payload", "times": 1})
    there.server.wait_until_taken()
    taken = time.monotonic()
    return {"sound": there.ear.wait_for_sound(taken + 1.0) - taken - 1.0}


def ignore_consent(there: Place) -> Figures:
    """Answer no checks any more: after half a minute there is no leave to send, however well it sounds."""
    mark = there.daemon.seen.mark
    there.server.play({"fault": "ignore_consent", "times": 1})
    there.daemon.seen.wait_for_notice("session_ended", LONG_WAIT_S, mark)
    ended = time.monotonic()
    there.daemon.seen.wait_for_notice("session_opened", DEADLINE_S, mark)
    return {"speaking": speak(there) - ended}


def lose_sound(there: Place) -> Figures:
    """Let no sound of the server through, while ICE and events go on, until there is another session.

    Something is said meanwhile: a server that pauses without saying so is missed when it has answered.
    """
    began, mark = time.monotonic(), there.daemon.seen.mark
    there.wires.drop_sound()
    there.server.say("here I am")
    there.daemon.seen.wait_for_notice("session_ended", LONG_WAIT_S, mark)
    there.wires.mend()
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    return {"speaking": speak(there) - began}


def lose_checks(there: Place) -> Figures:
    """Let no check of ICE through: after half a minute there is no leave to send, however well it sounds."""
    mark = there.daemon.seen.mark
    there.wires.drop_checks()
    there.daemon.seen.wait_for_notice("session_ended", LONG_WAIT_S, mark)
    ended = time.monotonic()
    there.wires.mend()
    there.daemon.seen.wait_for_notice("session_opened", mark=mark)
    return {"speaking": speak(there) - ended}


def only_speak(there: Place) -> Figures:
    """Do no harm but what was done before."""
    began = time.monotonic()
    return {"speaking": speak(there) - began}


CASES: dict[str, Case] = {
    "server killed": Case(crash, {"suspected": 5, "replaced": 8, "speaking": 12, "new sessions": 1}, 2),
    "server frozen": Case(freeze, {"suspected": 5, "replaced": 8, "speaking": 12, "new sessions": 1}, 2),
    "clean close": Case(close, {"speaking": 3, "new sessions": 1}),
    "outage of 3 s": Case(outage(3.0), {"sound": 0.5, "new sessions": 0}),
    "outage of 10 s": Case(outage(10.0), {"sound": 0.5, "new sessions": 0}, countings=10),
    "outage of 20 s": Case(outage(20.0), {"sound": 0.5, "new sessions": 0}, countings=16),
    "outage of 40 s": Case(long_outage, {"ready": 5, "new sessions": 1}),
    "unplugged for 40 s": Case(unplugged, {"ready": 5, "new sessions": 1}),
    "address changed": Case(move, {"ready": 6, "new sessions": 1}),
    "media stops": Case(stop_media, {"speaking": 8, "new sessions": 1}, quiet_s=DEAF_AFTER_S + 1.0),
    "media stops later": Case(stop_media_later, {"speaking": 8, "sessions after that": 1}, countings=1),
    "empty payload": Case(empty_payload, {"sound": 0.5, "new sessions": 0}),
    "consent ignored": Case(ignore_consent, {"speaking": 8, "new sessions": 1}),
}

_PLAYED = frozenset({"media stops", "media stops later", "empty payload", "consent ignored"})
"""What a server has to play by itself."""

_BY_WIRE: dict[str, Case] = {
    "sound lost": Case(lose_sound, {"speaking": 8, "new sessions": 1}, quiet_s=DEAF_AFTER_S + 1.0),
    "checks lost": Case(lose_checks, {"speaking": 8, "new sessions": 1}, countings=16),
    "udp dropped": Case(only_speak, {"in conversation": 10}, before=Wires.drop_udp),
}


def cases_of(kind: ServerKind) -> dict[str, Case]:
    """Return what can be done to that kind of server."""
    if kind is ServerKind.EMBEDDED:
        return {**CASES, **_BY_WIRE}
    return {**{name: case for name, case in CASES.items() if name not in _PLAYED}, **_BY_WIRE}
