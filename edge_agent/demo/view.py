"""Showing the conversation as lines of text, for logs and for terminals that can do no more."""

from __future__ import annotations

import os
from typing import Protocol, TextIO

from edge_agent.control.messages import LedShown, Message, NoticeTold, StateShown, Transcript, TurnAnswered
from edge_agent.demo.record import Record

SPEAKERS = {"user": "you", "assistant": "agent"}
LOUD_SEVERITIES = frozenset({"error", "warning"})


class View(Protocol):
    """Something that shows the conversation to a person."""

    def say(self, text: str) -> None:
        """Show one line that stays."""

    def see(self, message: Message) -> None:
        """Take note of what happened."""

    def draw(self, record: Record, t_s: float) -> None:
        """Show how things are; called some times a second with the time in seconds."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class PlainView:
    """One line for each thing that happens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._state = ""

    def say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def see(self, message: Message) -> None:
        match message:
            case StateShown(name=name):
                self._state = name
            case LedShown(name=name, at_s=at_s):
                self.say(f"{at_s:8.3f} s  {self._state:<12} LED {name}")
            case Transcript(final=True, role=role, text=text):
                self.say(f"{SPEAKERS.get(role, role):>10}  {text}")
            case TurnAnswered(voice_to_voice_ms=latency_ms) if latency_ms is not None:
                self.say(f"{'':>10}  (answered after {latency_ms:.0f} ms)")
            case NoticeTold(severity=severity, text=text) if severity in LOUD_SEVERITIES:
                self.say(f"{severity:>10}  {text}")

    def draw(self, record: Record, t_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def open_view(stream: TextIO) -> View:
    """Return a live view if the stream is a terminal that can show one and rich is installed, else lines."""
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return PlainView(stream)
    try:
        from edge_agent.demo.live import LiveView
    except ModuleNotFoundError:
        return PlainView(stream)
    return LiveView(stream)
