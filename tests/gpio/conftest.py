from __future__ import annotations

from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    """Pretended pins of a Raspberry Pi 3."""
    mock = MockFactory(pin_class=MockPWMPin)
    yield mock
    mock.close()
