"""What may stand in ``edge-agent.yaml``: every key with its type, range, unit and default.

The sections are written in :mod:`edge_agent.config.sections`; all of them can be had from here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.config.sections.budget import Budget, Prices, TokenPrices
from edge_agent.config.sections.endpoints import (
    DEFAULT_ENDPOINT,
    Deadlines,
    Endpoint,
    IceServer,
    KeySource,
    ProfileOverrides,
)
from edge_agent.config.sections.kinds import Section
from edge_agent.config.sections.link import Link, Reconnect, Renewal, Wake
from edge_agent.config.sections.panel import Button, Gpio, Led, PwmLed, RgbLed
from edge_agent.config.sections.report import Control, Logging
from edge_agent.config.sections.session import (
    Conversation,
    NoTurnDetection,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    Session,
    TokenLimits,
    Transcription,
)
from edge_agent.config.sections.sound import Echo, Opus, Sound

__all__ = (
    "DEFAULT_ENDPOINT",
    "Budget",
    "Button",
    "Config",
    "Control",
    "Conversation",
    "Deadlines",
    "Echo",
    "Endpoint",
    "Gpio",
    "IceServer",
    "KeySource",
    "Led",
    "Link",
    "Logging",
    "NoTurnDetection",
    "Opus",
    "Prices",
    "ProfileOverrides",
    "PwmLed",
    "Reconnect",
    "Renewal",
    "RetentionRatio",
    "RgbLed",
    "SemanticVad",
    "ServerVad",
    "Session",
    "Sound",
    "TokenLimits",
    "TokenPrices",
    "Transcription",
    "Wake",
)


class Config(Section, frozen=True):
    """The configuration of ``edge-agent run``."""

    mode: Annotated[
        Literal["always-on", "button", "wake-word"],
        Meta(
            description="always-on: it always listens; button: it listens when asked to by a button; "
            "wake-word: when it is called."
        ),
    ] = "always-on"
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Meta(min_length=1, max_length=16, description="The servers. The first one that works is used."),
    ] = (DEFAULT_ENDPOINT,)
    reconnect: Annotated[
        Reconnect, Meta(description="How many sessions are opened at most, whatever goes wrong.")
    ] = Reconnect()
    link: Annotated[Link, Meta(description="When a session is held.")] = Link()
    wake: Annotated[Wake, Meta(description="The wake word.")] = Wake()
    renewal: Annotated[Renewal, Meta(description="When a session is followed by another one.")] = Renewal()
    session: Annotated[Session, Meta(description="What the server is asked for.")] = Session()
    conversation: Annotated[Conversation, Meta(description="Patience with people and answers.")] = (
        Conversation()
    )
    budget: Annotated[Budget, Meta(description="What may be used.")] = Budget()
    sound: Annotated[Sound, Meta(description="Microphone and loudspeaker.")] = Sound()
    leds: Annotated[
        tuple[Led | PwmLed | RgbLed, ...], Meta(max_length=16, description="LEDs; all show the same.")
    ] = ()
    buttons: Annotated[tuple[Button, ...], Meta(max_length=16, description="Push-buttons.")] = ()
    gpio: Annotated[Gpio, Meta(description="Access to the pins.")] = Gpio()
    control: Annotated[Control, Meta(description="A socket that shows what the agent does.")] = Control()
    logging: Annotated[Logging, Meta(description="What is logged.")] = Logging()
