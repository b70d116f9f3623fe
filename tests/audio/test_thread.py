from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading

import pytest

from edge_agent.audio.thread import REALTIME_PRIORITY, DeviceStory, SoundThread, take_realtime_priority
from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import wait_until

needs_right_to_real_time = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the right for certain")


def nothing_crashes(error: BaseException) -> None:
    raise AssertionError(error)


def test_a_thread_counts_its_progress_and_ends_when_told() -> None:
    def body(thread: SoundThread) -> None:
        while not thread.is_stopping:
            thread.tick()
            thread.wait(0.001)

    thread = SoundThread("busy", body, nothing_crashes)
    thread.start()
    wait_until(lambda: thread.progress > 3, "progress")
    assert thread.stop(5.0)
    assert thread.error is None


REALTIME_THREAD = """
import os, resource, sys
resource.getrlimit = lambda which: (int(sys.argv[1]),) * 2
from edge_agent.audio.thread import SoundThread
policies = []
thread = SoundThread("sound", lambda thread: policies.append(os.sched_getscheduler(0)), print)
thread.start()
thread.stop(10)
policies.append(os.sched_getscheduler(0))
print([policy & ~os.SCHED_RESET_ON_FORK for policy in policies] == [int(sys.argv[2]), os.SCHED_OTHER])
"""


@pytest.mark.parametrize(
    ("limit", "policy"),
    [
        (0, os.SCHED_OTHER),
        (REALTIME_PRIORITY - 1, os.SCHED_OTHER),
        pytest.param(REALTIME_PRIORITY, os.SCHED_RR, marks=needs_right_to_real_time),
    ],
)
def test_a_sound_thread_alone_is_a_real_time_one_where_that_is_permitted(limit: int, policy: int) -> None:
    command = [sys.executable, "-c", REALTIME_THREAD, str(limit), str(policy)]
    done = subprocess.run(command, timeout=30, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_sandbox_that_forbids_real_time_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not take_realtime_priority()


def test_waiting_ends_with_the_thread() -> None:
    thread = SoundThread("sleeper", lambda thread: thread.wait(3600), nothing_crashes)
    thread.start()
    assert thread.stop(5.0)


def test_a_thread_that_hangs_does_not_hold_up_its_owner() -> None:
    release = threading.Event()

    def body(thread: SoundThread) -> None:
        release.wait(60)

    thread = SoundThread("stuck", body, nothing_crashes)
    thread.start()
    assert not thread.stop(0.01)
    release.set()
    assert thread.stop(5.0)


def test_a_thread_that_was_never_started_has_ended() -> None:
    assert SoundThread("idle", lambda thread: None, nothing_crashes).stop(0.0)


def test_a_crash_is_kept_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    bug = ZeroDivisionError("a bug")
    reported: list[BaseException] = []

    def body(thread: SoundThread) -> None:
        raise bug

    thread = SoundThread("buggy", body, reported.append)
    thread.start()
    wait_until(lambda: reported, "the report")
    assert thread.stop(5.0)
    assert thread.error is bug
    assert reported == [bug]
    assert "buggy: the thread crashed" in caplog.text


def test_a_device_is_told_lost_and_back_once_for_each_change() -> None:
    events: list[Event] = []
    story = DeviceStory(Device.MICROPHONE, events.append)
    story.works()
    assert events == []
    for _ in range(3):
        story.failed(AudioDeviceError("hw:7: No such device"))
    assert events == [DeviceLost(Device.MICROPHONE, "hw:7: No such device")]
    for _ in range(3):
        story.works()
    assert events[1:] == [DeviceBack(Device.MICROPHONE)]


def test_the_time_that_a_thread_used_is_known_after_its_end() -> None:
    def work(thread: SoundThread) -> None:
        sum(range(200_000))
        thread.tick()

    thread = SoundThread("sound", work, nothing_crashes)
    assert thread.cpu_s == 0.0
    thread.start()
    assert thread.stop(5.0)
    assert thread.cpu_s > 0.0
