"""When a session is held, and when another one is opened; the wake word."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.config.sections.kinds import (
    AbsolutePath,
    Section,
)


class Reconnect(Section, frozen=True):
    """How many sessions are opened at most, whatever goes wrong."""

    storm_limit: Annotated[
        int, Meta(ge=1, le=100, description="Sessions that follow a failure, in any ten minutes.")
    ] = 10
    daily_limit: Annotated[
        int, Meta(ge=1, le=10_000, description="Sessions that follow a failure, in any 24 hours.")
    ] = 60
    paid_hourly_limit: Annotated[
        int,
        Meta(ge=1, le=1000, description="Sessions in any hour at servers that want a key, for any reason."),
    ] = 60


class Link(Section, frozen=True):
    """When a session is held. Between sessions no sound leaves the device."""

    sleep_after_s: Annotated[
        Annotated[float, Meta(ge=5, le=86_400)] | None,
        Meta(
            description="Mode always-on: silence after which the session is closed, until somebody speaks. "
            "Null: never."
        ),
    ] = None
    keep_warm_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)] | None,
        Meta(
            description="Modes button and wake-word: how long the session outlives a conversation. "
            "Null: for ever in mode button, not at all in mode wake-word."
        ),
    ] = None


class Wake(Section, frozen=True):
    """The wake word of mode wake-word, which is found on the device itself; from the extra wake."""

    word: Annotated[
        Literal["okay_nabu", "hey_jarvis", "hey_mycroft", "alexa"],
        Meta(description="Which of the words that come with the package."),
    ] = "okay_nabu"
    model: Annotated[
        AbsolutePath | None,
        Meta(description="A word of your own: the .json of a microWakeWord model, its .tflite beside it."),
    ] = None
    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="How sure it has to be; lower hears more, and more that is not it. Null: the model's."
        ),
    ] = None
    refractory_s: Annotated[
        float, Meta(ge=0, le=60, description="Time after a wake word in which it is not heard again.")
    ] = 2.0
    follow_up_s: Annotated[
        float,
        Meta(ge=1, le=600, description="How long it listens without the word, at first and after an answer."),
    ] = 8.0
    sound: Annotated[bool, Meta(description="Whether short sounds tell that it wakes and falls asleep.")] = (
        True
    )


class Renewal(Section, frozen=True):
    """When a session is followed by another one, before the server ends it."""

    after_percent: Annotated[
        int, Meta(ge=5, le=99, description="Share of a session's life after which an idle moment renews it.")
    ] = 80
    latest_percent: Annotated[
        int,
        Meta(ge=10, le=99, description="Share of it after which no idle moment is waited for to prepare."),
    ] = 95
    max_age_s: Annotated[
        Annotated[float, Meta(ge=5, le=86_400)] | None,
        Meta(description="Age at which a session is renewed in any case. Null: only before its end."),
    ] = None
    max_context_tokens: Annotated[
        Annotated[int, Meta(ge=500, le=1_000_000)] | None,
        Meta(description="Tokens of input to one answer above which the session is renewed. Null: never."),
    ] = None
