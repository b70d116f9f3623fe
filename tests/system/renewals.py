"""A conversation over sessions that soon end, and what can be told of it afterwards.

Everything is real: the daemon and the server as processes, speech by flite into the microphone, the server's
voice detection and recognition, the loudspeaker's sound in a file.
"""

from __future__ import annotations

import random
import time
import wave
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from tests.processes import Daemon, running_daemon
from tests.speech import spoken
from tests.system.local_server import LocalServer, local_server
from tests.system.loudspeaker import AnswerGap, Loudspeaker, gaps

SESSION_S = 10
RENEWED_AFTER_PERCENT = 30
"""From 3 s on: a turn takes about five, and has to end before the session does."""


@dataclass(frozen=True)
class Bench:
    """A server, and the configuration by which sessions with it soon end."""

    server: Callable[[], AbstractContextManager[LocalServer]]
    config: Mapping[str, Any]


EMBEDDED = Bench(
    lambda: local_server("--max-session-s", str(SESSION_S)),
    {"renewal": {"after_percent": RENEWED_AFTER_PERCENT}},
)

QUESTIONS = (
    "what is seven plus five",
    "what day is it today",
    "what time is it",
    "what is nine times eight",
    "what is twenty minus six",
    "thank you",
    "what is nine plus nine",
)
"""All are understood wherever the samples fall: where one is misheard, sound was missing. "Good morning" is
"the mining" at three of four places, straight from the synthesizer."""

MEMORY = "what did i say before"
TURN_LIMIT_S = 25.0
PAUSES_S = (0.6, 2.6)
"""How long the person waits before the next question."""


@dataclass
class Findings:
    """What was said and heard, turn by turn, and the sessions that carried it."""

    asked: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """What the server recognised."""
    answers: list[str] = field(default_factory=list)
    turns: list[tuple[float, float]] = field(default_factory=list)
    """When each began and was over, in monotonic seconds."""
    unanswered: list[str] = field(default_factory=list)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    loudspeaker_s: float = 0.0
    elapsed_s: float = 0.0
    notices: list[str] = field(default_factory=list)
    gaps: list[AnswerGap] = field(default_factory=list)
    late_s: float = 0.0
    """By how much the loudspeaker was ever late at a hand-over."""
    late_at_end_s: float = 0.0

    @property
    def renewals(self) -> int:
        """How often a session took over from another."""
        return sum("has taken over" in text and "which ended" not in text for text in self.notices)

    @property
    def losses(self) -> list[str]:
        """Ends of sessions that were not followed in time."""
        return [text for text in self.notices if "ended" in text]

    def gaps_s(self, *, by_hand_over: bool) -> list[float]:
        """The longest gap of each answer, where it lay at a hand-over, or where it did not."""
        return [gap.longest_s for gap in self.gaps if gap.is_by_hand_over == by_hand_over]

    @property
    def overlaps_s(self) -> list[float]:
        """How long each session was open beside one that was open before, as the server saw it."""
        return overlaps_s(self.calls.values())

    @property
    def misheard_turns(self) -> list[int]:
        """The turns of :attr:`mistaken`, if each was heard as something."""
        if len(self.asked) != len(self.heard):
            return []
        return [n for n, asked in enumerate(self.asked) if asked != self.heard[n]]

    @property
    def mistaken(self) -> list[tuple[str, str]]:
        """Questions that were not heard as they were asked: lost, doubled or misheard."""
        if len(self.asked) != len(self.heard):
            return [(f"{len(self.asked)} asked", f"{len(self.heard)} heard")]
        return [(self.asked[n], self.heard[n]) for n in self.misheard_turns]

    @property
    def forgotten(self) -> list[tuple[str, str]]:
        """Questions for what was said before, with answers that do not tell it."""
        pairs = zip(self.asked, self.asked[1:], self.answers[1:], strict=False)
        told = [(before, answer) for before, question, answer in pairs if question == MEMORY]
        return [(before, answer) for before, answer in told if f"You said: {before}." != answer]


def overlaps_s(every_call: Iterable[Mapping[str, Any]]) -> list[float]:
    """How long each call but the first was open beside one that was open before, as the server saw it."""
    calls = [call for call in every_call if call["opened_at_s"] and call["ended_at_s"]]
    calls.sort(key=lambda call: call["opened_at_s"])
    found = []
    for at, call in enumerate(calls[1:], start=1):
        ends_s = [min(former["ended_at_s"], call["ended_at_s"]) for former in calls[:at]]
        found.append(max(0.0, max(ends_s) - call["opened_at_s"]))
    return found


def converse(goes_on: Callable[[Findings], bool], bench: Bench = EMBEDDED) -> Findings:
    """Talk as long as ``goes_on`` says, and return what came of it."""
    found = Findings()
    with bench.server() as server:
        config = {
            "endpoints": [server.endpoint()],
            "session": {"transcription": {"model": "local"}},
            "sound": {"duplex": "full"},
            **bench.config,
        }
        with running_daemon(config) as daemon:
            daemon.seen.wait_for_state("ready")
            began = time.monotonic()
            loudspeaker, begins = Loudspeaker(daemon), []
            chance = random.Random(1)
            while goes_on(found):
                begins.append(loudspeaker.place)
                question = MEMORY if len(found.asked) % 3 == 2 else chance.choice(QUESTIONS)
                _one_turn(daemon, question, found)
                _count_calls(server, found)
                time.sleep(chance.uniform(*PAUSES_S))  # a person who thinks
            found.elapsed_s = time.monotonic() - began
            _count_calls(server, found)
            loudspeaker.close()
            daemon.close()
            _conclude(daemon, found)
            found.late_s, found.late_at_end_s = loudspeaker.lateness_s()
            hand_overs = [place for _, place in loudspeaker.hand_overs]
            found.gaps = gaps(daemon, found.answers, [*begins, loudspeaker.place], hand_overs)
    return found


def _one_turn(daemon: Daemon, question: str, found: Findings) -> None:
    mark = daemon.seen.mark
    found.asked.append(question)
    daemon.say(spoken(question))
    began = time.monotonic()
    deadline = began + TURN_LIMIT_S
    while time.monotonic() < deadline:
        states = daemon.seen.states(mark)
        if "speaking" in states and states[-1] == "ready":
            break
        time.sleep(0.02)
    else:
        found.unanswered.append(f"{question}: {daemon.seen.states(mark)}")
    found.turns.append((began, time.monotonic()))
    final = [line for line in daemon.seen.since(mark, "transcript") if line["final"]]
    found.answers.append(" ".join(line["text"] for line in final if line["role"] == "assistant"))


def _count_calls(server: LocalServer, found: Findings) -> None:
    state = server.state()
    found.calls.update({call["id"]: call for call in (*state["ended_calls"], *state["calls"])})


def _conclude(daemon: Daemon, found: Findings) -> None:
    lines = daemon.seen.since(0, "transcript")
    found.heard = [line["text"] for line in lines if line["final"] and line["role"] == "user"]
    found.notices = [notice["text"] for notice in daemon.seen.since(0, "notice")]
    with wave.open(str(daemon.loudspeaker), "rb") as recording:
        found.loudspeaker_s = recording.getnframes() / recording.getframerate()
