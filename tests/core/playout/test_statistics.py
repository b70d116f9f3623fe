from __future__ import annotations

from dataclasses import fields

import pytest

from edge_agent.core.playout.statistics import PlayoutStatistics

W3C_NAMES = {
    "packetsReceived",
    "packetsDiscarded",
    "jitterBufferDelay",
    "jitterBufferTargetDelay",
    "jitterBufferEmittedCount",
    "totalSamplesReceived",
    "concealedSamples",
    "silentConcealedSamples",
    "concealmentEvents",
    "insertedSamplesForDeceleration",
    "removedSamplesForAcceleration",
}
"""https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict* (and receivedrtpstats-dict)."""

OUR_NAMES = {"fecSamplesRecovered", "audibleCorrections"}


def test_everything_is_counted_from_zero() -> None:
    assert set(PlayoutStatistics().as_w3c().values()) == {0}


def test_the_counters_have_their_names_of_the_standard() -> None:
    assert set(PlayoutStatistics().as_w3c()) == W3C_NAMES | OUR_NAMES


@pytest.mark.parametrize("field", [field.name for field in fields(PlayoutStatistics)])
def test_each_counter_stands_under_its_own_name(field: str) -> None:
    counted = PlayoutStatistics(**{field: 7}).as_w3c()
    assert [name.lower() for name, value in counted.items() if value] == [field.replace("_", "")]
