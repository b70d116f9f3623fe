"""Ledgers, prices and clocks for tests of money."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edge_agent.core.budget import Budget
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import Costs, Limits, MoneyLimit
from edge_agent.core.periods import Period
from edge_agent.core.prices import Prices, TokenKind
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import OutputTokenDetails, Response, TranscriptionUsage, Usage

NOON_S = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()

HOUR_S = 3600.0

PRICES = Prices({TokenKind.TEXT_INPUT: 1_000_000, TokenKind.AUDIO_OUTPUT: 1_000_000}, per_minute=60_000)
"""A micro-unit for each token and each millisecond."""

WORST = 1_000


def hour(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H")


def ledger(text: str | None = None, wall_s: float = NOON_S, now: float = 0.0) -> Ledger:
    """An empty ledger, or that of a text, at noon."""
    made = Ledger(hour) if text is None else Ledger.read(text, hour)
    made.begin(wall_s, now)
    return made


def limits(**changes: Any) -> Limits:
    """Limits of a day of 10,000 micro-units, with a warning at 5,000."""
    values: dict[str, Any] = {"currency": "EUR", "money": {Period.DAY: MoneyLimit(5_000, 10_000)}}
    return Limits(**{**values, **changes})


def costs(prices: Prices | None = None, worst: int = WORST) -> Costs:
    """Those of an endpoint ``cloud``, by tokens only."""
    return Costs("cloud", prices or Prices(PRICES.per_million), worst)


def budget(with_limits: Limits | None = None, *of: Costs, books: Ledger | None = None) -> Budget:
    """A budget over endpoints ``of``, or one of them."""
    return Budget(with_limits or limits(), of or (costs(),), books or ledger())


def done(
    response_id: str = "resp_1", tokens: int | None = 100, status: str = "completed"
) -> said.ServerEvent:
    """``response.done`` that was billed for so many tokens of sound; None: it does not say."""
    details = OutputTokenDetails(audio_tokens=tokens or 0)
    usage = None if tokens is None else Usage(output_tokens=tokens, output_token_details=details)
    return said.ResponseDone(response=Response(id=response_id, status=status, usage=usage))


def created(response_id: str = "resp_1") -> said.ServerEvent:
    return said.ResponseCreated(response=Response(id=response_id, status="in_progress"))


def heard(tokens: int = 10) -> said.ServerEvent:
    """What the person said is written down, for so many tokens."""
    usage = TranscriptionUsage(type="tokens", input_tokens=tokens)
    return said.ConversationItemInputAudioTranscriptionCompleted(usage=usage)


SPOKE = said.InputAudioBufferSpeechStarted(item_id="item_1")
COMMITTED = said.InputAudioBufferCommitted(item_id="item_1")
