"""Conversations in a room that carries the loudspeaker's sound back to the microphone.

Everything is real but the air: the daemon and the server as processes, ALSA handles, the server's voice
detection, and flite as the person.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from tests.echo_room import Room, RoomSettings, echo_room
from tests.processes import Watch, running_daemon
from tests.speech import spoken
from tests.system.local_server import local_server
from tests.virtual_cards import VirtualCards, virtual_cards

QUESTIONS = (
    "what is seven plus five",
    "what day is it today",
    "what is nine times eight",
    "good morning",
    "what is twenty minus six",
    "what time is it",
    "what is seven plus eight",
    "thank you",
    "what is nine plus nine",
    "what day is it today",
)
LONG_ANSWER = "what can you do"
"""It is answered for eight seconds."""

BARGE_INS = ("what is seven plus five", "what day is it today", "what is twenty minus six")

UNDER_WAY_LEVELS = 6
"""The person interrupts when the loudspeaker has been seen to sound so often, five times a second."""

ROOM = RoomSettings(delay_ms=60, attenuation_db=6.0)

PLAYOUT_FILL_MS = 150
"""More than a device needs: a gap in the sound of a busy machine moves the echo, and the canceller has to
find it again."""

NICENESS = -15
"""Sound cards and rooms do not wait for tests that run beside this one, where that is permitted."""

ATTEMPTS = 3
"""How often a conversation is held before a failure counts. A machine without real-time guarantees moves the
echo by tens of milliseconds now and then, inside the sound server too, where nobody can count it; the
canceller then needs a second or so of sound to find it again, and the breaker is there for what happens."""

SPEECH_STARTED = "input_audio_buffer.speech_started"


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """Let everything that a test starts come before what else the machine does."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    yield
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualCards]:
    with virtual_cards() as cards:
        for name, value in cards.environment.items():
            monkeypatch.setenv(name, value)
        yield cards


@dataclass(frozen=True, slots=True)
class Talk:
    """A person in a room with the device."""

    room: Room
    seen: Watch

    def ask(self, question: str) -> None:
        """Ask, and hear the answer out."""
        mark = self.seen.mark
        self.room.say(spoken(question))
        self.seen.wait_for_state("speaking", mark=mark)
        self.seen.wait_for_state("ready", mark=mark)

    def interrupt(self, question: str) -> None:
        """Ask for a long answer, and ask something else in the middle of it."""
        mark = self.seen.mark
        self.room.say(spoken(LONG_ANSWER))
        self.seen.wait_for_state("speaking", mark=mark)
        self._wait_until_it_speaks(UNDER_WAY_LEVELS)
        mark = self.seen.mark
        self.room.say(spoken(question))
        self.seen.wait_for_notice("barge_in", mark=mark)
        self.seen.wait_for_state("thinking", mark=mark)
        self.seen.wait_for_state("speaking", mark=mark)
        self.seen.wait_for_state("ready", mark=mark)

    def count(self, notice: str, mark: int = 0) -> int:
        return [told["notice"] for told in self.seen.since(mark, "notice")].count(notice)

    def speech_starts(self, mark: int = 0) -> int:
        return [event["name"] for event in self.seen.since(mark, "event")].count(SPEECH_STARTED)

    def said(self, role: str, mark: int = 0) -> list[str]:
        lines = self.seen.since(mark, "transcript")
        return [line["text"] for line in lines if line["final"] and line["role"] == role]

    def _wait_until_it_speaks(self, times: int) -> None:
        mark = self.seen.mark
        for _ in range(times):
            self.seen.wait_for(
                lambda message: message["type"] == "level" and message["output_dbfs"] is not None,
                "a loudspeaker that sounds",
                mark=mark,
            )
            mark = self.seen.mark


def hold(conversation: Callable[[Talk], None], cards: VirtualCards, **sound: object) -> None:
    """Hold a conversation, in duplex auto unless ``sound`` says otherwise.

    What fails is tried again: see ATTEMPTS.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _talk(cards, sound) as person:
                conversation(person)
        except AssertionError as error:
            sys.stderr.write(f"attempt {attempt}: {error}\n")
            if attempt == ATTEMPTS:
                raise
        else:
            return


@contextmanager
def _talk(cards: VirtualCards, sound: Mapping[str, object]) -> Iterator[Talk]:
    """Bring a person and a device together."""
    with local_server() as server:
        config = {
            "endpoints": [server.endpoint()],
            "session": {"transcription": {"model": "local"}},
            "sound": {"input": "mic", "output": "strict", "playout_fill_ms": PLAYOUT_FILL_MS, **sound},
        }
        with running_daemon(config, cards.environment) as daemon, echo_room(cards, ROOM) as room:
            daemon.seen.wait_for_state("ready")
            yield Talk(room, daemon.seen)


@pytest.mark.timeout(400)
def test_full_duplex_with_echo_cancellation_hears_the_person_and_never_itself(cards: VirtualCards) -> None:
    def conversation(person: Talk) -> None:
        for question in QUESTIONS:
            person.ask(question)
        assert person.speech_starts() == len(QUESTIONS)
        assert person.count("barge_in") == person.count("self_interruption") == 0
        assert person.count("turn_answered") == len(QUESTIONS)
        mark = person.seen.mark
        for question in BARGE_INS:
            person.interrupt(question)
        assert person.count("barge_in", mark) == len(BARGE_INS)
        assert person.speech_starts(mark) == 2 * len(BARGE_INS)
        assert person.count("self_interruption") == person.count("hears_itself") == 0

    hold(conversation, cards)


@pytest.mark.timeout(400)
def test_echo_that_is_not_cancelled_trips_the_breaker_and_the_next_answers_are_whole(
    cards: VirtualCards,
) -> None:
    """The configuration says that the device cancels the echo, and it does not."""

    def conversation(person: Talk) -> None:
        person.room.say(spoken(LONG_ANSWER))
        person.seen.wait_for_notice("hears_itself")
        mark = person.seen.mark
        assert person.count("self_interruption") == person.count("barge_in") == 2
        person.seen.wait_for_state("ready", mark=mark)
        person.ask("what is nine plus nine")
        assert person.count("barge_in", mark) == 0
        assert "The answer is the number eighteen." in person.said("assistant", mark)
        person.seen.wait_for_notice("full_duplex_again", 60.0)
        mark = person.seen.mark
        person.room.say(spoken(LONG_ANSWER))
        person.seen.wait_for_notice("hears_itself", mark=mark)
        assert person.count("self_interruption", mark) == 1

    hold(conversation, cards, echo={"cancellation": "hardware"})


@pytest.mark.timeout(200)
def test_half_duplex_cannot_hear_itself(cards: VirtualCards) -> None:
    def conversation(person: Talk) -> None:
        for question in QUESTIONS[:2]:
            person.ask(question)
        assert person.speech_starts() == 2

    hold(conversation, cards, duplex="half")
