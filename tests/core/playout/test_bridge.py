from __future__ import annotations

from itertools import pairwise

import pytest

from edge_agent.core.pcm import SAMPLE_BYTES
from edge_agent.core.playout.bridge import (
    BRIDGE_STEP_SAMPLES,
    FORGOTTEN_SAMPLES,
    LONGEST_BRIDGE_SAMPLES,
    LONGEST_STAND_IN_SAMPLES,
    MADE_UP_SAMPLES,
    Bridge,
)
from edge_agent.core.playout.repeating import LIBOPUS_ALONE_SAMPLES
from edge_agent.core.playout.samples import CROSS_FADE_SAMPLES, cross_fade, fade_to_silence, is_audible, peak
from edge_agent.core.playout.statistics import PlayoutStatistics
from tests.core.playout.scenes import LOUD, PITCH_SAMPLES, QUIET, FakeDecoder, payload, voice

PACKET_SAMPLES = 960


class Gap:
    """A voice that speaks, and whose next packet does not come: it begins at ``at_samples``."""

    def __init__(self, *, is_neural: bool = False) -> None:
        self.decoder = FakeDecoder(is_neural=is_neural)
        self.statistics = PlayoutStatistics()
        self.bridge = Bridge(self.decoder, self.statistics)
        self.at_samples = PACKET_SAMPLES
        self.decode(0)

    def decode(self, at_samples: int, kind: int = LOUD, *, is_next: bool = False) -> bytes:
        return self.bridge.decode(payload(at_samples, kind), PACKET_SAMPLES, is_next=is_next)

    def go_on(self, steps: int) -> bytes:
        return b"".join(self.bridge.go_on() for _ in range(steps))

    def rejoin(self, late_samples: int) -> bytes:
        return self.bridge.rejoin(payload(self.at_samples), PACKET_SAMPLES, late_samples)


@pytest.fixture
def gap() -> Gap:
    return Gap()


def count(pcm: bytes) -> int:
    return len(pcm) // SAMPLE_BYTES


def test_a_bridge_goes_on_like_the_sound_before_in_steps_that_libopus_can_make(gap: Gap) -> None:
    assert gap.go_on(4) == voice(gap.at_samples, 4 * BRIDGE_STEP_SAMPLES)
    concealed = [call.samples for call in gap.decoder.calls if call.what == "conceal"]
    assert concealed == [MADE_UP_SAMPLES] * 2


def test_a_longer_bridge_goes_on_without_the_decoder_and_softer(gap: Gap) -> None:
    gap.go_on(LIBOPUS_ALONE_SAMPLES // BRIDGE_STEP_SAMPLES)
    gap.decoder.decode(payload(0, QUIET), PACKET_SAMPLES)  # from now on it makes up silence
    peaks = [peak(gap.go_on(1)) for _ in range(12)]
    assert peaks[0] < peaks[3] < peak(voice(0, PITCH_SAMPLES))  # repetition comes in
    assert all(before > after for before, after in pairwise(peaks[4:]))
    assert is_audible(gap.go_on(1))


def test_nothing_is_added_to_what_a_neural_network_makes_up() -> None:
    gap, steps = Gap(is_neural=True), LONGEST_BRIDGE_SAMPLES // BRIDGE_STEP_SAMPLES - 1
    assert gap.go_on(steps) == voice(gap.at_samples, steps * BRIDGE_STEP_SAMPLES)


def test_a_bridge_ends_in_silence(gap: Gap) -> None:
    steps = LONGEST_BRIDGE_SAMPLES // BRIDGE_STEP_SAMPLES
    assert not gap.bridge.is_at_its_end
    bridged = gap.go_on(steps)
    assert gap.bridge.is_at_its_end
    assert not is_audible(bridged[-20 * SAMPLE_BYTES :])
    assert gap.statistics.concealed_samples == LONGEST_BRIDGE_SAMPLES
    assert gap.statistics.concealment_events == 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_packet_that_is_late_for_once_is_played_without_its_beginning(gap: Gap, steps: int) -> None:
    bridged = gap.go_on(steps)
    played = bridged + gap.rejoin(late_samples=10_000)
    # The time goes on as if nothing had happened, but for the place where both are alike.
    assert abs(count(played) - PACKET_SAMPLES) <= PITCH_SAMPLES
    assert played == voice(gap.at_samples, count(played))
    assert gap.statistics.concealed_samples == count(bridged)


def test_a_packet_that_is_late_because_the_path_became_slower_is_played_whole(gap: Gap) -> None:
    bridged = gap.go_on(3)
    played = bridged + gap.rejoin(late_samples=0)
    assert count(played) >= count(bridged) + PACKET_SAMPLES
    assert gap.statistics.concealed_samples == count(played) - PACKET_SAMPLES


def test_nothing_is_left_out_after_a_long_bridge(gap: Gap) -> None:
    bridged = gap.go_on(LONGEST_STAND_IN_SAMPLES // BRIDGE_STEP_SAMPLES + 1)
    assert count(gap.rejoin(late_samples=10_000)) >= PACKET_SAMPLES
    assert count(bridged) > LONGEST_STAND_IN_SAMPLES


def test_a_packet_never_vanishes_behind_its_bridge(gap: Gap) -> None:
    gap.go_on(LONGEST_STAND_IN_SAMPLES // BRIDGE_STEP_SAMPLES)
    assert gap.rejoin(late_samples=10_000)


def test_the_decoder_knows_nothing_of_a_bridge_to_a_late_packet(gap: Gap) -> None:
    gap.go_on(2)
    gap.rejoin(late_samples=10_000)
    assert [call.what for call in gap.decoder.calls][-2:] == ["take back", "decode"]


def test_a_decoder_that_has_made_up_much_begins_anew(gap: Gap) -> None:
    """What it remembers is not what was sent: what comes is decoded better without it."""
    gap.go_on(FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES)
    at_samples = gap.at_samples + FORGOTTEN_SAMPLES
    decoded = gap.decode(at_samples)
    other = Gap()
    other.go_on(FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES)
    faded = cross_fade(other.go_on(1), voice(at_samples, CROSS_FADE_SAMPLES))
    assert decoded == faded + voice(at_samples, PACKET_SAMPLES)[len(faded) :]
    assert [call.what for call in gap.decoder.calls][-3:] == ["conceal", "reset", "decode"]
    gap.decode(at_samples + PACKET_SAMPLES)
    assert [call.what for call in gap.decoder.calls][-2:] == ["decode", "decode"]


def test_what_comes_after_a_long_hole_fades_in_from_what_was_made_up(gap: Gap) -> None:
    gap.go_on(FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES)
    at_samples = gap.at_samples + FORGOTTEN_SAMPLES
    decoded = gap.decode(at_samples, QUIET)
    other = Gap()
    other.go_on(FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES)
    faded = fade_to_silence(other.go_on(1))
    assert is_audible(faded)
    assert len(faded) == CROSS_FADE_SAMPLES * SAMPLE_BYTES
    assert decoded == faded.ljust(PACKET_SAMPLES * SAMPLE_BYTES, b"\0")


@pytest.mark.parametrize("steps", [1, 4, FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES + 1])
def test_the_decoder_knows_nothing_of_what_was_made_up_in_a_pause(gap: Gap, steps: int) -> None:
    """The stream goes on where it was, however long the bridge into the pause."""
    gap.go_on(steps)
    gap.bridge.end()
    decoded = gap.decode(gap.at_samples, is_next=True)
    assert decoded[CROSS_FADE_SAMPLES * SAMPLE_BYTES :] == voice(
        gap.at_samples + CROSS_FADE_SAMPLES, PACKET_SAMPLES - CROSS_FADE_SAMPLES
    )
    assert [call.what for call in gap.decoder.calls][-2:] == ["take back", "decode"]
    gap.decode(gap.at_samples + PACKET_SAMPLES, is_next=True)
    assert [call.what for call in gap.decoder.calls][-2:] == ["decode", "decode"]


def test_what_was_made_up_for_a_lost_packet_is_not_kept_from_the_decoder(gap: Gap) -> None:
    gap.bridge.conceal(PACKET_SAMPLES)
    gap.decode(gap.at_samples + PACKET_SAMPLES)
    assert not [call for call in gap.decoder.calls if call.what == "take back"]


@pytest.mark.parametrize("packets", [1, 2, 3, 4])
def test_after_a_reset_nothing_of_the_sound_before_is_heard(gap: Gap, packets: int) -> None:
    gap.go_on(packets * PACKET_SAMPLES // BRIDGE_STEP_SAMPLES)
    gap.bridge.reset()
    silence = bytes(PACKET_SAMPLES * SAMPLE_BYTES)
    assert gap.decode(0, QUIET) == silence
    assert not is_audible(gap.go_on(8))


def test_a_decoder_that_has_made_up_little_goes_on(gap: Gap) -> None:
    gap.go_on(FORGOTTEN_SAMPLES // BRIDGE_STEP_SAMPLES - 2)
    gap.decode(gap.at_samples + FORGOTTEN_SAMPLES)
    assert not [call for call in gap.decoder.calls if call.what == "reset"]


def test_what_stands_for_lost_packets_counts_once(gap: Gap) -> None:
    gap.go_on(4)
    assert gap.bridge.settle() == 4 * BRIDGE_STEP_SAMPLES
    assert gap.bridge.settle() == 0


def test_what_was_made_up_and_not_played_comes_before_what_is_recovered(gap: Gap) -> None:
    gap.go_on(1)
    gap.bridge.settle()
    assert gap.bridge.recover(payload(gap.at_samples), 240) == voice(gap.at_samples + 240, 240)
    assert not [call for call in gap.decoder.calls if call.what == "recover"]
    assert gap.statistics.fec_samples_recovered == 0


def test_a_lost_packet_is_recovered_with_the_help_of_the_next(gap: Gap) -> None:
    gap.bridge.recover(payload(2 * PACKET_SAMPLES), PACKET_SAMPLES)
    assert gap.decoder.calls[-1].what == "recover"
    assert gap.statistics.fec_samples_recovered == gap.statistics.concealed_samples == PACKET_SAMPLES


def test_each_gap_is_an_event_of_its_own(gap: Gap) -> None:
    gap.go_on(2)
    gap.bridge.end()
    gap.go_on(1)
    assert gap.statistics.concealment_events == 2
