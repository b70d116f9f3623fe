"""From the configuration's prices and limits to those of the budget."""

from __future__ import annotations

import math

from edge_agent.config import schema
from edge_agent.config.wishes import truncation_of
from edge_agent.core.limits import Costs, Limits, MoneyLimit
from edge_agent.core.periods import Period
from edge_agent.core.prices import MICROS, Prices, TokenKind, Tokens

LONGEST_INPUT_TOKENS = 16_000
"""What is taken for the longest history where ``session.truncation`` does not say: minutes of talk."""

LONGEST_OUTPUT_TOKENS = 4096
"""What is taken for the longest answer where ``session.max_output_tokens`` does not say: the most that it can
say, three and a half minutes of speech."""

CHARS_PER_TOKEN = 2
"""Of instructions; English has four, other languages less."""

TRANSCRIBED_MS = 60_000
"""Of one turn; few people talk longer."""

PERIODS = tuple(reversed(Period))
"""The longest first."""


def limits_of(budget: schema.Budget) -> Limits:
    """Return the budget's limits."""
    money = {
        period: MoneyLimit(
            _micros(getattr(budget, f"soft_per_{period.value}")),
            _micros(getattr(budget, f"hard_per_{period.value}")),
        )
        for period in PERIODS
    }
    return Limits(
        currency=budget.currency or "",
        money=money,
        sessions_per_day=budget.sessions_per_day,
        responses_per_minute=budget.responses_per_minute,
        responses_per_day=budget.responses_per_day,
        open_hours_per_day=budget.open_hours_per_day,
    )


def costs_of(config: schema.Config, endpoint: schema.Endpoint) -> Costs:
    """Return what an endpoint costs, and the most that one answer may."""
    prices = _prices_of(endpoint.prices)
    worst = prices.of_tokens(_longest_turn(config, endpoint))
    if config.session.transcription not in (None, "none"):
        worst += prices.of_transcribed_ms(TRANSCRIBED_MS)
    return Costs(endpoint.name, prices, worst)


def _longest_turn(config: schema.Config, endpoint: schema.Endpoint) -> Tokens:
    truncation = truncation_of(config.session, endpoint)
    limits = truncation.token_limits if isinstance(truncation, schema.RetentionRatio) else None
    history = limits.post_instructions if limits else LONGEST_INPUT_TOKENS
    most = config.session.max_output_tokens
    instructions = math.ceil(len(config.session.instructions or "") / CHARS_PER_TOKEN)
    return {
        TokenKind.OTHER_INPUT: history + instructions,
        TokenKind.OTHER_OUTPUT: most if isinstance(most, int) else LONGEST_OUTPUT_TOKENS,
    }


def _prices_of(written: schema.Prices) -> Prices:
    by_name = {kind.value: kind for kind in TokenKind}
    per_million = {
        by_name[name]: micros
        for name in written.per_million_tokens.__struct_fields__
        if (micros := _micros(getattr(written.per_million_tokens, name))) is not None
    }
    return Prices(
        per_million=per_million,
        per_minute=_micros(written.per_minute) or 0,
        per_session=_micros(written.per_session) or 0,
        per_transcribed_minute=_micros(written.per_transcribed_minute),
    )


def _micros(amount: float | None) -> int | None:
    return None if amount is None else round(amount * MICROS)
