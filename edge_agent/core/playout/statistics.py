"""What playout did, named as in W3C webrtc-stats: https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict*."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class PlayoutStatistics:
    """Counters that only grow, of samples at 48 kHz unless the name says otherwise.

    ``jitter_buffer_delay`` and ``jitter_buffer_target_delay`` are sums of seconds over emitted samples:
    divide a difference of them by that of ``jitter_buffer_emitted_count`` for the mean.
    """

    packets_received: int = 0
    packets_discarded: int = 0
    """Too late, a duplicate, of an answer that was cut off, or no Opus."""
    jitter_buffer_delay: float = 0.0
    jitter_buffer_target_delay: float = 0.0
    jitter_buffer_emitted_count: int = 0
    total_samples_received: int = 0
    """Everything emitted while an answer plays, concealed samples included."""
    concealed_samples: int = 0
    silent_concealed_samples: int = 0
    concealment_events: int = 0
    fec_samples_recovered: int = 0
    """Concealed samples that were asked of the next packet's in-band FEC (no W3C name)."""
    inserted_samples_for_deceleration: int = 0
    removed_samples_for_acceleration: int = 0
    audible_corrections: int = 0
    """How often sound, not silence, was shortened or lengthened (no W3C name)."""

    def as_w3c(self) -> dict[str, int | float]:
        """Return the counters under their W3C names, such as ``concealedSamples``."""
        return {_camel(name): value for name, value in asdict(self).items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
