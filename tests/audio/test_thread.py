from __future__ import annotations

import threading

import pytest

from edge_agent.audio.thread import DeviceStory, SoundThread
from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event
from edge_agent.errors import AudioDeviceError
from tests.audio.sounds import wait_until


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
