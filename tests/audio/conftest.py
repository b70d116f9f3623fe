from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.virtual_cards import VirtualCards, virtual_cards


@pytest.fixture(scope="module")
def cards() -> Iterator[VirtualCards]:
    """Virtual sound cards that this process sees as well."""
    with virtual_cards() as cards, pytest.MonkeyPatch.context() as patch:
        for name, value in cards.environment.items():
            patch.setenv(name, value)
        yield cards
