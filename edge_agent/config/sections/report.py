"""What is told of the agent: its control socket and its log."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.config.sections.kinds import (
    AbsolutePath,
    Section,
)


class Control(Section, frozen=True):
    """A Unix socket that shows what the agent does and takes button presses. Only its owner may connect."""

    socket: Annotated[AbsolutePath | None, Meta(description="Path of the socket. Null: there is none.")] = (
        None
    )
    transcripts: Annotated[bool, Meta(description="Whether it carries what is said.")] = False
    raw_events: Annotated[bool, Meta(description="Whether it takes protocol events to send as they are.")] = (
        False
    )


class Logging(Section, frozen=True):
    """What is logged."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least severity.")] = (
        "info"
    )
    transcripts: Annotated[
        bool, Meta(description="Whether what is said is logged. Think of your guests.")
    ] = False
