from __future__ import annotations

import threading
import time

from edge_agent.audio.interrupt import Interrupt

LONG_S = 30.0


def test_it_is_slept_on_to_the_end() -> None:
    began_s = time.monotonic()
    assert not Interrupt().wait(0.02)
    assert time.monotonic() - began_s >= 0.02 - 0.001


def test_raising_it_ends_a_sleep() -> None:
    interrupt = Interrupt()
    threading.Timer(0.02, interrupt.set).start()
    began_s = time.monotonic()
    assert interrupt.wait(LONG_S)
    assert time.monotonic() - began_s < LONG_S
    assert interrupt.is_set()


def test_nobody_sleeps_while_it_is_raised() -> None:
    interrupt = Interrupt()
    interrupt.set()
    interrupt.set()
    assert interrupt.wait(LONG_S)
    assert interrupt.wait(LONG_S)


def test_a_cleared_one_is_slept_on_again() -> None:
    interrupt = Interrupt()
    for _ in range(3):
        interrupt.set()
        interrupt.clear()
        assert not interrupt.is_set()
        assert not interrupt.wait(0.001)


def test_none_of_many_is_missed() -> None:
    asked, answered = Interrupt(), Interrupt()
    rounds = 2000

    def answer() -> None:
        for _ in range(rounds):
            while not asked.wait(LONG_S):
                pass
            asked.clear()
            answered.set()

    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(rounds):
        asked.set()
        while not answered.wait(LONG_S):
            pass
        answered.clear()
    thread.join(LONG_S)
    assert not thread.is_alive()
