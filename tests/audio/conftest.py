from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from edge_agent.audio import alsa
from tests.virtual_cards import VirtualCards, virtual_cards

PATIENT_PERIODS = 200
"""A capture buffer of two seconds."""


@pytest.fixture(scope="module")
def cards() -> Iterator[VirtualCards]:
    """Virtual sound cards that this process sees as well."""
    with virtual_cards() as cards, pytest.MonkeyPatch.context() as patch:
        for name, value in cards.environment.items():
            patch.setenv(name, value)
        yield cards


def hear_everything(patch: pytest.MonkeyPatch) -> None:
    """Let a microphone hear late what has waited for a busy machine, instead of dropping it."""
    patch.setattr(alsa, "OLDEST_CAPTURE_S", math.inf)
    patch.setattr(alsa, "CAPTURE_PERIODS", PATIENT_PERIODS)
