"""What becomes of what a person says while the network or the server fails: it is answered, and once.

Each case harms a conversation at some moment of a turn. What the server recognised is compared with what was
said, and what the loudspeaker said is listened to.
"""

from __future__ import annotations

import contextlib
import enum
import signal
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.network.cases import Figures
from tests.network.place import COUNTING, Place, ServerKind, place
from tests.processes import Message
from tests.speech import RATE_HZ, recognised, spoken
from tests.system.local_server import until

QUESTION, ANSWER_WORD = "what is seven plus five", "twelve"
ANSWER_WORDS = ("answer", "number", "twelve")
"""Of "The answer is the number twelve."; one of them or another may be misheard, but not doubled."""

CONFIG = {"session": {"transcription": {"model": "local"}}}

MIDDLE_S = 0.7
"""So far into the question "what is seven" has been said."""

JUST_BEGUN_S = 0.05
"""So long an answer has sounded that has just begun."""

ANSWER_LIMIT_S = 60.0
LISTEN_ON_S = 6.0
"""After the answer: so that a second one is heard."""


class Moment(enum.Enum):
    """When the harm begins, and what the person does."""

    QUIET = "nobody speaks; asked 1 s later"
    SPEAKING = "the server speaks; asked 1 s later"
    ASKING = "the person is asking"
    THINKING = "the person has asked, and the answer is being thought about"
    ANSWERED = "the person has asked, and the answer has just begun to sound"


@dataclass(frozen=True)
class WordsCase:
    """``harm`` does it and returns when it is mended. ``asked_after_s``: so late, where one asks later."""

    harm: Callable[[Place], float]
    moment: Moment
    limits: Figures
    servers: int = 1
    asked_after_s: float = 1.0


def run(case: WordsCase, kind: ServerKind = ServerKind.EMBEDDED) -> Figures:
    """Set a conversation up, harm it, and return what became of the question.

    ``answered``: seconds from the later of the last word and the mending to the answer, the last thing that
    was said. ``heard otherwise``: what the server has understood beside the question, as a part of it.
    """
    with place(CONFIG, servers=case.servers, kind=kind) as there:
        there.daemon.seen.wait_for_state("ready")
        if case.moment is Moment.SPEAKING:
            until(lambda: there.server.open_calls(), "a call")
            asked_at = time.monotonic()
            there.server.say(COUNTING * 4)
            there.ear.wait_for_sound(asked_at)
        mark, before = there.daemon.seen.mark, there.sessions_made()
        with _asked(there, case) as asked:
            mended = case.harm(there)
        heard_from = max(mended, asked.done_at)
        _wait_for_answer(there, mark, heard_from)
        made = there.sessions_made() if case.servers == 1 else there.server.calls_made() + before
        return {**_figures(there, mark, heard_from), "new sessions": made - before}


class _Person(threading.Thread):
    """Says the question after ``wait_s``; ``done_at`` is when the last word was out."""

    def __init__(self, there: Place, wait_s: float) -> None:
        super().__init__(name="person")
        self._there = there
        self._wait_s = wait_s
        self.done_at = 0.0

    def run(self) -> None:
        time.sleep(self._wait_s)
        self._there.daemon.say(spoken(QUESTION))
        self.done_at = time.monotonic()


@contextmanager
def _asked(there: Place, case: WordsCase) -> Iterator[_Person]:
    """Let the person ask beside what is done in the block, which begins at the case's moment."""
    is_later = case.moment in (Moment.QUIET, Moment.SPEAKING)
    person = _Person(there, case.asked_after_s if is_later else 0.0)
    mark = there.daemon.seen.mark
    person.start()
    try:
        if case.moment is Moment.ASKING:
            time.sleep(MIDDLE_S)
        elif case.moment is Moment.THINKING:
            there.daemon.seen.wait_for_state("thinking", mark=mark)
        elif case.moment is Moment.ANSWERED:
            there.daemon.seen.wait_for_state("speaking", mark=mark)
            time.sleep(JUST_BEGUN_S)
        yield person
    finally:
        person.join()


def _is_the_answer(message: Message) -> bool:
    is_answer = message["type"] == "transcript" and message["final"] and message["role"] == "assistant"
    return bool(is_answer and ANSWER_WORD in message["text"])


def _wait_for_answer(there: Place, mark: int, heard_from: float) -> None:
    """Wait until the answer was written and somebody has had the time to hear it, and a second one."""
    with contextlib.suppress(AssertionError):  # what did not come shows in the figures
        there.daemon.seen.wait_for(_is_the_answer, "answer", ANSWER_LIMIT_S, mark)
        there.ear.wait_for_sound(heard_from, ANSWER_LIMIT_S)
        time.sleep(LISTEN_ON_S)


def _figures(there: Place, mark: int, heard_from: float) -> Figures:
    said = [line for line in there.daemon.seen.since(mark, "transcript") if line["final"]]
    heard = [line["text"] for line in said if line["role"] == "user"]
    loudspeaker = _recognised(there.ear.sound_since(heard_from))
    sys.stderr.write(f"heard {heard}, said {loudspeaker!r}\n")  # pytest shows it if the test fails
    return {
        "answered": there.ear.began_last_at() - heard_from,
        "heard": heard.count(QUESTION),
        "heard otherwise": len(heard) - heard.count(QUESTION),
        "answers spoken": max(loudspeaker.split().count(word) for word in ANSWER_WORDS),
    }


def _recognised(pcm: bytes) -> str:
    if not pcm:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "loudspeaker.wav")
        with wave.open(str(path), "wb") as recording:
            recording.setnchannels(1)
            recording.setsampwidth(2)
            recording.setframerate(RATE_HZ)
            recording.writeframes(pcm)
        return recognised(path)


def outage(lasts_s: float) -> Callable[[Place], float]:
    """Lose every packet on the way for so long."""

    def harm(there: Place) -> float:
        there.wires.cut()
        time.sleep(lasts_s)
        there.wires.mend()
        return time.monotonic()

    return harm


def crash(there: Place) -> float:
    """Kill the server while another stands by in its place."""
    return _gone(there, signal.SIGKILL)


def freeze(there: Place) -> float:
    """Stop the server: its sockets stay, and nobody reads from them."""
    return _gone(there, signal.SIGSTOP)


def _gone(there: Place, number: signal.Signals) -> float:
    former, standby = there.servers
    former.process.signal(number)
    there.lead_to(standby)
    return time.monotonic()


def stall(lasts_s: float) -> Callable[[Place], float]:
    """Stop the server for so long: nothing is lost meanwhile, but everything is late."""

    def harm(there: Place) -> float:
        there.server.process.signal(signal.SIGSTOP)
        time.sleep(lasts_s)
        there.server.process.signal(signal.SIGCONT)
        return time.monotonic()

    return harm


def close(there: Place) -> float:
    """End the call as a polite server does."""
    there.server.hang_up()
    return time.monotonic()


def move(there: Place) -> float:
    """Give the device another address."""
    there.wires.change_address()
    return time.monotonic()


def stop_media(there: Place) -> float:
    """Send no more sound, while ICE and events go on."""
    there.server.play({"fault": "stop_media", "times": 1})
    there.server.wait_until_taken()
    return time.monotonic()


SAME, NEXT = 0, 1
"""New sessions: an outage is survived, anything else is followed by one."""


def _case(
    harm: Callable[[Place], float],
    moment: Moment,
    answered_s: float,
    new_sessions: int,
    *,
    servers: int = 1,
    asked_after_s: float = 1.0,
) -> WordsCase:
    is_heard_twice = moment is Moment.ANSWERED and new_sessions == NEXT  # by one session and by the next
    limits = {
        "answered": answered_s,
        "heard": 1 + is_heard_twice,
        "heard otherwise": int(moment is Moment.ASKING and new_sessions == SAME),
        "answers spoken": 1,
        "new sessions": new_sessions,
    }
    return WordsCase(harm, moment, limits, servers, asked_after_s)


CASES: dict[str, WordsCase] = {
    **{
        f"outage of {lasts_s} s, {moment.name.lower()}": _case(outage(lasts_s), moment, 5, SAME)
        for lasts_s in (3, 10, 20)
        for moment in Moment
    },
    "outage of 40 s, quiet": _case(outage(40), Moment.QUIET, 8, NEXT, asked_after_s=32.0),
    **{
        f"server killed, {moment.name.lower()}": _case(crash, moment, 15, NEXT, servers=2)
        for moment in Moment
    },
    **{
        f"server frozen, {moment.name.lower()}": _case(freeze, moment, 15, NEXT, servers=2)
        for moment in Moment
    },
    **{f"clean close, {moment.name.lower()}": _case(close, moment, 6, NEXT) for moment in Moment},
    **{f"address changed, {moment.name.lower()}": _case(move, moment, 9, NEXT) for moment in Moment},
    "media stops, quiet": WordsCase(
        stop_media,
        Moment.QUIET,
        {"answered": 15, "heard": 2, "heard otherwise": 0, "answers spoken": 1, "new sessions": NEXT},
    ),
    "stall of 4 s, asking": _case(stall(4.0), Moment.ASKING, 5, SAME),
    "stall of 4 s, quiet": _case(stall(4.0), Moment.QUIET, 5, SAME),
}

_PLAYED = frozenset({"media stops, quiet"})
"""What a server has to play by itself."""


def cases_of(kind: ServerKind) -> dict[str, WordsCase]:
    """Return what can be done to that kind of server."""
    plays = kind is ServerKind.EMBEDDED
    return {name: case for name, case in CASES.items() if plays or name not in _PLAYED}
