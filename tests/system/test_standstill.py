from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.system.standstill import Standstills, standstills

STOPPED_S = 0.1


def test_what_was_under_way_between_two_moments_counts() -> None:
    machine = Standstills([(10.0, 0.05), (20.0, 0.5)])
    assert machine.longest_s(0.0, 9.0) == 0.0
    assert machine.longest_s(10.04, 11.0) == 0.05
    assert machine.longest_s(5.0, 20.1) == 0.5


def test_a_processor_that_gives_nothing_for_a_while_is_seen() -> None:
    task = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    others = set(task.read_text().split())
    with standstills() as machine:
        watches = [int(pid) for pid in set(task.read_text().split()) - others]
        assert len(watches) == len(os.sched_getaffinity(0))
        time.sleep(1.0)  # until they watch
        since = time.monotonic()
        for watch in watches:
            os.kill(watch, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        for watch in watches:
            os.kill(watch, signal.SIGCONT)
        time.sleep(STOPPED_S)
        until = time.monotonic()
    assert machine.longest_s(since, until) >= STOPPED_S / 2
    for watch in watches:
        with pytest.raises(ProcessLookupError):
            os.kill(watch, 0)
