"""Money: prices and limits."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from edge_agent.config.sections.kinds import (
    Section,
)

Price = Annotated[float, Meta(ge=0, le=100_000)]
"""In units of ``budget.currency``."""

Amount = Annotated[float, Meta(gt=0, le=100_000)]
"""In units of ``budget.currency``."""


class TokenPrices(Section, frozen=True):
    """Prices of a million tokens. Null: cached as not cached, anything else as the dearest of its
    direction."""

    text_input: Annotated[Price | None, Meta(description="Text that the model reads.")] = None
    text_cached_input: Annotated[Price | None, Meta(description="The same, read before.")] = None
    audio_input: Annotated[Price | None, Meta(description="Speech that the model hears.")] = None
    audio_cached_input: Annotated[Price | None, Meta(description="The same, heard before.")] = None
    image_input: Annotated[Price | None, Meta(description="Images that the model sees.")] = None
    image_cached_input: Annotated[Price | None, Meta(description="The same, seen before.")] = None
    transcription_input: Annotated[Price | None, Meta(description="Speech that is written down.")] = None
    text_output: Annotated[Price | None, Meta(description="Text that the model writes.")] = None
    audio_output: Annotated[Price | None, Meta(description="Speech that the model makes.")] = None
    transcription_output: Annotated[Price | None, Meta(description="What was written down.")] = None


class Prices(Section, frozen=True):
    """What a server charges for, in units of ``budget.currency``. Null: it does not charge for that."""

    per_million_tokens: Annotated[TokenPrices, Meta(description="Prices of a million tokens.")] = (
        TokenPrices()
    )
    per_minute: Annotated[Price | None, Meta(description="A minute of an open session.")] = None
    per_session: Annotated[Price | None, Meta(description="Opening a session.")] = None
    per_transcribed_minute: Annotated[
        Price | None, Meta(description="A minute of speech that is written down, if that is told in seconds.")
    ] = None


class Budget(Section, frozen=True):
    """What may be used. Money needs prices at the endpoints. Null: no limit."""

    currency: Annotated[
        Annotated[str, Meta(pattern=r"^\S{1,8}$", extra={"expected": "a currency such as EUR"})] | None,
        Meta(description="Currency of all prices and amounts."),
    ] = None
    soft_per_hour: Annotated[Amount | None, Meta(description="Money in an hour, from which it warns.")] = None
    hard_per_hour: Annotated[Amount | None, Meta(description="Money in an hour, not exceeded.")] = None
    soft_per_day: Annotated[Amount | None, Meta(description="Money in a day, from which it warns.")] = None
    hard_per_day: Annotated[Amount | None, Meta(description="Money in a day, not exceeded.")] = None
    soft_per_month: Annotated[Amount | None, Meta(description="Money in a month, from which it warns.")] = (
        None
    )
    hard_per_month: Annotated[Amount | None, Meta(description="Money in a month, not exceeded.")] = None
    responses_per_minute: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="Answers in any minute.")
    ] = 30
    responses_per_day: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="Answers in a day.")
    ] = 3000
    sessions_per_day: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="Sessions in a day.")
    ] = None
    open_hours_per_day: Annotated[
        Annotated[float, Meta(gt=0, le=24)] | None, Meta(description="Time with an open session in a day.")
    ] = None
