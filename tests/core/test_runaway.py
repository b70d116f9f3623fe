"""An agent that talks with itself, and people who only look like one."""

from __future__ import annotations

from edge_agent.core.runaway import ANSWERS_LIMIT, AT_ONCE_S, Alarm, Runaway
from tests.core.scenes import created, says, speech_started, wrote

ANSWER = "The kitchen timer rings in five minutes."
OTHER = "It will be sunny all day."


class Room:
    """A conversation of short answers; time is a number."""

    def __init__(self) -> None:
        self.runaway = Runaway()
        self.now = 100.0

    def turn(self, pause_s: float, *, is_asked: bool = True) -> Alarm | None:
        """Sound, silence, and so much later an answer begins."""
        self.runaway.sound_started()
        self.now += 3.0
        self.runaway.sound_ended(self.now)
        self.now += pause_s
        if is_asked:
            self.runaway.server_said(speech_started(), self.now)
        return self.runaway.server_said(created(), self.now)

    def repeat(self, heard: str, answer: str = ANSWER) -> Alarm | None:
        """The agent says something, and something is heard."""
        self.runaway.server_said(says(answer), self.now)
        return self.runaway.server_said(wrote(heard), self.now)


def test_answers_that_follow_their_own_sound_at_once_are_noticed() -> None:
    room = Room()
    assert [room.turn(0.4) for _ in range(ANSWERS_LIMIT)] == [None, None, Alarm.AT_ONCE]
    assert [room.turn(0.4) for _ in range(ANSWERS_LIMIT)] == [None, None, Alarm.AT_ONCE]


def test_an_answer_that_begins_while_another_sounds_is_at_once() -> None:
    room = Room()
    alarms = []
    for _ in range(ANSWERS_LIMIT):
        room.runaway.sound_started()
        room.runaway.server_said(speech_started(), room.now)
        alarms.append(room.runaway.server_said(created(), room.now + 30.0))
    assert alarms[-1] is Alarm.AT_ONCE


def test_a_person_who_takes_time_to_think_breaks_the_row() -> None:
    room = Room()
    assert [room.turn(pause_s) for pause_s in (0.4, 0.4, AT_ONCE_S, 0.4, 0.4)] == [None] * 5


def test_a_button_breaks_the_row() -> None:
    room = Room()
    for _ in range(5):
        assert [room.turn(0.4), room.turn(0.4)] == [None, None]
        room.runaway.somebody_is_here()


def test_answers_that_nobody_asked_for_by_voice_do_not_count() -> None:
    room = Room()
    assert [room.turn(0.1, is_asked=False) for _ in range(9)] == [None] * 9


def test_words_that_come_back_twice_in_a_row_are_noticed() -> None:
    room = Room()
    assert room.repeat("the kitchen timer rings in five") is None
    assert room.repeat("kitchen timer rings in minutes") is Alarm.REPEATED


def test_a_person_may_repeat_an_answer_once() -> None:
    room = Room()
    for _ in range(5):
        assert room.repeat(ANSWER) is None
        assert room.repeat("And what will the weather be like?", OTHER) is None
