"""What usage costs."""

from __future__ import annotations

import pytest

from edge_agent.core.prices import (
    Prices,
    TokenKind,
    Tokens,
    tokens_of,
    tokens_of_transcription,
    transcribed_ms,
)
from edge_agent.protocol.objects import (
    CachedTokenDetails,
    InputTokenDetails,
    OutputTokenDetails,
    TranscriptionUsage,
    Usage,
)

PRICES = Prices(
    per_million={
        TokenKind.TEXT_INPUT: 4_000_000,
        TokenKind.AUDIO_INPUT: 32_000_000,
        TokenKind.AUDIO_CACHED_INPUT: 400_000,
        TokenKind.AUDIO_OUTPUT: 64_000_000,
        TokenKind.TEXT_OUTPUT: 16_000_000,
    }
)


def test_every_kind_of_token_is_told_apart() -> None:
    usage = Usage(
        input_tokens=132,
        output_tokens=121,
        input_token_details=InputTokenDetails(
            text_tokens=119,
            audio_tokens=13,
            cached_tokens=70,
            cached_tokens_details=CachedTokenDetails(text_tokens=64, audio_tokens=6),
        ),
        output_token_details=OutputTokenDetails(text_tokens=30, audio_tokens=91),
    )
    assert tokens_of(usage) == {
        TokenKind.TEXT_CACHED_INPUT: 64,
        TokenKind.TEXT_INPUT: 55,
        TokenKind.AUDIO_CACHED_INPUT: 6,
        TokenKind.AUDIO_INPUT: 7,
        TokenKind.TEXT_OUTPUT: 30,
        TokenKind.AUDIO_OUTPUT: 91,
    }


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (Usage(), {}),
        (Usage(input_tokens=5, output_tokens=7), {TokenKind.OTHER_INPUT: 5, TokenKind.OTHER_OUTPUT: 7}),
        (
            Usage(input_tokens=9, input_token_details=InputTokenDetails(text_tokens=4, image_tokens=2)),
            {TokenKind.TEXT_INPUT: 4, TokenKind.IMAGE_INPUT: 2, TokenKind.OTHER_INPUT: 3},
        ),
        (
            Usage(input_tokens=-3, output_tokens=-1, input_token_details=InputTokenDetails(text_tokens=-4)),
            {},
        ),
    ],
    ids=["nothing", "no details", "some details", "negative"],
)
def test_what_is_not_explained_is_of_another_kind(usage: Usage, tokens: Tokens) -> None:
    assert tokens_of(usage) == tokens


def test_more_cached_tokens_than_tokens_are_no_discount() -> None:
    details = InputTokenDetails(audio_tokens=5, cached_tokens_details=CachedTokenDetails(audio_tokens=50))
    usage = Usage(input_tokens=5, input_token_details=details)
    assert tokens_of(usage) == {TokenKind.AUDIO_CACHED_INPUT: 5}


@pytest.mark.parametrize(
    ("kind", "price"),
    [
        (TokenKind.AUDIO_CACHED_INPUT, 400_000),
        (TokenKind.TEXT_CACHED_INPUT, 4_000_000),  # as text that is not cached
        (TokenKind.IMAGE_INPUT, 32_000_000),  # the dearest that is read
        (TokenKind.IMAGE_CACHED_INPUT, 32_000_000),
        (TokenKind.OTHER_OUTPUT, 64_000_000),  # the dearest that is written
        (TokenKind.TRANSCRIPTION_OUTPUT, 64_000_000),
    ],
)
def test_a_kind_without_a_price_costs_what_is_like_it_or_the_dearest(kind: TokenKind, price: int) -> None:
    assert PRICES.per_million_of(kind) == price


def test_money_is_rounded_up_once_for_everything_together() -> None:
    prices = Prices(per_million={TokenKind.TEXT_INPUT: 400_000, TokenKind.TEXT_OUTPUT: 1})
    assert prices.of_tokens({TokenKind.TEXT_INPUT: 5}) == 2
    assert prices.of_tokens({TokenKind.TEXT_INPUT: 6, TokenKind.TEXT_OUTPUT: 1}) == 3
    assert prices.of_tokens({}) == 0


def test_minutes_and_transcriptions_have_prices_of_their_own() -> None:
    prices = Prices(per_minute=60_000, per_transcribed_minute=6_000)
    assert prices.of_open_ms(1) == 1
    assert prices.of_open_ms(90_000) == 90_000
    assert prices.of_transcribed_ms(transcribed_ms(TranscriptionUsage(type="duration", seconds=2.5))) == 250


def test_a_transcription_in_seconds_without_a_price_is_taken_for_tokens_of_voice() -> None:
    assert PRICES.of_transcribed_ms(1_001) == 11 * 32


@pytest.mark.parametrize("seconds", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_a_duration_that_is_none_is_nothing(seconds: float | None) -> None:
    assert transcribed_ms(TranscriptionUsage(seconds=seconds)) == 0


def test_a_transcription_in_tokens_is_counted_apart() -> None:
    usage = TranscriptionUsage(type="tokens", input_tokens=20, output_tokens=4)
    assert tokens_of_transcription(usage) == {
        TokenKind.TRANSCRIPTION_INPUT: 20,
        TokenKind.TRANSCRIPTION_OUTPUT: 4,
    }


def test_without_prices_nothing_costs_anything() -> None:
    free = Prices()
    assert not free.are_known
    assert free.of_tokens({TokenKind.AUDIO_OUTPUT: 10**9}) == free.of_transcribed_ms(10**9) == 0
    assert PRICES.are_known
    assert Prices(per_session=1).are_known
