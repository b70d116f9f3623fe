from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Mapping, Sequence

import pytest

from edge_agent.control.messages import (
    LedShown,
    Level,
    Message,
    NoticeTold,
    StateShown,
    Transcript,
    TurnAnswered,
    WireEvent,
)
from edge_agent.core.indicator import PATTERNS, Pattern
from edge_agent.demo.live import LiveView
from edge_agent.demo.record import Record
from edge_agent.demo.view import PlainView, View, open_view

CONVERSATION: list[Message] = [
    StateShown("ready", 1.5),
    LedShown("green-steady", 1.5),
    WireEvent("input_audio_buffer.speech_started"),
    Transcript("user", "u1", "what", final=False),
    Transcript("user", "u1", "what time is it", final=True),
    TurnAnswered(812.4),
    Transcript("assistant", "a1", "it is ten", final=True),
    Level(-30.0, None),
    NoticeTold("state_changed", "info", "not for the view"),
    NoticeTold("server_error", "warning", "unknown event"),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal with all colours, whatever the one is that the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def show(view: View, record: Record) -> None:
    for message in CONVERSATION:
        record.see(message)
        view.see(message)
        view.draw(record, 1.0)
    view.close()


def test_lines_tell_states_texts_latencies_and_warnings() -> None:
    stream = io.StringIO()
    show(PlainView(stream), Record())
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["1.500", "s", "ready", "LED", "green-steady"],
        ["you", "what", "time", "is", "it"],
        ["(answered", "after", "812", "ms)"],
        ["agent", "it", "is", "ten"],
        ["warning", "unknown", "event"],
    ]


def test_the_live_view_shows_state_texts_levels_and_latencies(terminal: Terminal) -> None:
    show(LiveView(terminal), Record())
    shown = terminal.getvalue()
    for expected in ("ready", "green-steady", "what time is it", "it is ten", "-30 dBFS", "silence"):
        assert expected in shown
    assert "warning: unknown event" in shown
    assert "not for the view" not in shown


def test_the_live_view_shows_the_led_in_its_colour(terminal: Terminal) -> None:
    show(LiveView(terminal), Record())
    green = round(255 * 0.3 ** (1 / 2.2))
    assert f"48;2;0;{green};0" in terminal.getvalue()


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=lambda pattern: pattern.name)
def test_the_live_view_can_show_every_pattern(pattern: Pattern, terminal: Terminal) -> None:
    view = LiveView(terminal)
    record = Record(leds=[(pattern.name, 0.0)])
    for step in range(20):
        view.draw(record, step * 0.1)
    view.close()


def test_a_terminal_gets_the_live_view(terminal: Terminal) -> None:
    view = open_view(terminal)
    view.close()
    assert isinstance(view, LiveView)


def test_a_file_gets_lines() -> None:
    assert isinstance(open_view(io.StringIO()), PlainView)


def test_a_dumb_terminal_gets_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_view(terminal), PlainView)


def test_without_rich_a_terminal_gets_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def import_without_rich(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        if name.split(".")[0] == "rich":
            raise ModuleNotFoundError(name)
        return real_import(name, globals, locals, fromlist or (), level)

    monkeypatch.delitem(sys.modules, "edge_agent.demo.live")
    monkeypatch.setattr(builtins, "__import__", import_without_rich)
    assert isinstance(open_view(terminal), PlainView)
