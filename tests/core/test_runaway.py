"""An agent that talks with itself, and people who only look like one."""

from __future__ import annotations

from edge_agent.core.commands import CloseLink, OpenLink, Tell
from edge_agent.core.notices import Notice
from edge_agent.core.runaway import REPEATS_LIMIT, REST_S, Runaway
from tests.core.scenes import Scene, delta, says, speech_started, wrote

ANSWER = "The kitchen timer rings in five minutes."
OTHER = "It will be sunny all day."


def repeat(runaway: Runaway, heard: str, answer: str = ANSWER) -> bool:
    """The agent says something, and something is heard. Returns whether that was once too often."""
    runaway.see(says(answer), 100.0, is_sounding=True)
    return runaway.see(wrote(heard), 100.0, is_sounding=False)


def test_words_that_come_back_again_and_again_are_noticed_once() -> None:
    runaway = Runaway()
    heard = ["the kitchen timer rings in five", "kitchen timer rings in minutes", ANSWER, ANSWER]
    assert [repeat(runaway, words) for words in heard] == [False, False, True, False]


def test_a_person_may_repeat_an_answer_now_and_then() -> None:
    runaway = Runaway()
    for _ in range(5):
        assert not repeat(runaway, ANSWER)
        assert not repeat(runaway, ANSWER)
        assert not repeat(runaway, "And what will the weather be like?", OTHER)


def test_what_interrupts_an_answer_is_for_others_to_judge() -> None:
    runaway = Runaway()
    for _ in range(2 * REPEATS_LIMIT):
        runaway.see(says(ANSWER), 100.0, is_sounding=True)
        runaway.see(speech_started(), 100.0, is_sounding=True)
        assert not runaway.see(wrote(ANSWER), 101.0, is_sounding=False)


def talk_with_itself(scene: Scene) -> None:
    for _ in range(REPEATS_LIMIT):
        scene.hear(says(ANSWER), wrote(ANSWER))


def test_an_agent_that_talks_with_itself_closes_its_session_and_says_so() -> None:
    scene = Scene().up()
    scene.take()
    talk_with_itself(scene)
    commands = scene.take()
    assert CloseLink(1) in commands
    assert [told.notice for told in commands if isinstance(told, Tell)].count(Notice.TALKS_WITH_ITSELF) == 1
    assert scene.state == "idle"


def test_an_answer_that_was_cut_short_may_come_back_as_well() -> None:
    scene = Scene().up()
    for number in range(REPEATS_LIMIT):
        pieces = [delta(f"resp_{number}", ANSWER[:20]), delta(f"resp_{number}", ANSWER[20:])]
        scene.hear(*pieces, wrote(ANSWER))
    assert len(scene.told(Notice.TALKS_WITH_ITSELF)) == 1


def test_it_listens_again_after_a_while() -> None:
    scene = Scene().up()
    talk_with_itself(scene)
    scene.take()
    scene.until(scene.now + REST_S - 1.0)
    assert not [command for command in scene.take() if isinstance(command, OpenLink)]
    scene.until(scene.now + 2.0)
    assert [command.epoch for command in scene.take() if isinstance(command, OpenLink)] == [2]


def test_it_listens_again_at_once_when_somebody_presses_a_button() -> None:
    scene = Scene().up()
    talk_with_itself(scene)
    scene.until(scene.now + 5.0).take()
    scene.tap()
    assert [command.epoch for command in scene.take() if isinstance(command, OpenLink)] == [2]
