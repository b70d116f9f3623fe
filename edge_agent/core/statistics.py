"""From what was counted to what is told of it.

Groups and names are those of W3C webrtc-stats where they exist (https://www.w3.org/TR/webrtc-stats/).
Knows no device and no clock: two counts go in, a report comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.core.pcm import SAMPLE_RATE_HZ

Group = dict[str, float | None]
"""Numbers by name; None is not known, or nothing to divide by."""

Report = dict[str, Group]
"""Groups by name: ``process``, ``cpu``, ``outbound-rtp``, ``inbound-rtp``, ``media-source``,
``media-playout`` and ``echo``."""

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted up to ``at`` (monotonic seconds); each number only grows.

    ``process_cpu_s`` is the processor time of all threads, ``thread_cpu_s`` that of some by name.
    ``captured_samples`` is the microphone's sample clock, which goes on while it is muted, so it also is how
    much sound there was. ``inbound`` is what playout counts, by its W3C names.
    """

    at: float
    process_cpu_s: float = 0.0
    thread_cpu_s: Mapping[str, float] = field(default_factory=dict)
    captured_samples: int = 0
    capture_xruns: int = 0
    playback_xruns: int = 0
    packets_sent: int = 0
    packets_discarded_on_send: int = 0
    bytes_sent: int = 0
    inbound: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readings:
    """What is so now. ``drift_ppm``: how much faster a device's clock is than this machine's, None if not
    known; ``echo_likeness``: how much of the microphone's sound follows the loudspeaker's, 0 to 1."""

    microphone_drift_ppm: float | None = None
    loudspeaker_drift_ppm: float | None = None
    echo_likeness: float | None = None


def report(before: Counts, now: Counts, readings: Readings) -> Report:
    """Return what happened between two counts of one run."""
    sound_s = (now.captured_samples - before.captured_samples) / SAMPLE_RATE_HZ
    cpu_s = now.process_cpu_s - before.process_cpu_s
    return {
        "process": {
            "seconds": _rounded(now.at - before.at),
            "soundSeconds": sound_s,
            "cpuSeconds": _rounded(cpu_s),
        },
        "cpu": _cpu_per_sound_second(before, now, sound_s),
        "outbound-rtp": {
            "packetsSent": now.packets_sent - before.packets_sent,
            "bytesSent": now.bytes_sent - before.bytes_sent,
            "packetsDiscardedOnSend": now.packets_discarded_on_send - before.packets_discarded_on_send,
        },
        "inbound-rtp": _inbound(before.inbound, now.inbound),
        "media-source": {
            "totalSamplesCaptured": now.captured_samples - before.captured_samples,
            "droppedSamplesEvents": now.capture_xruns - before.capture_xruns,
            "driftPpm": readings.microphone_drift_ppm,
        },
        "media-playout": {
            "synthesizedSamplesEvents": now.playback_xruns - before.playback_xruns,
            "driftPpm": readings.loudspeaker_drift_ppm,
        },
        "echo": {"likeness": _rounded(readings.echo_likeness)},
    }


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a report that tell whether the sound is well."""

    sound_s: float
    cpu_share: float | None
    delay_ms: float | None
    concealed_share: float | None
    packets_sent: int
    packets_dropped: int
    xruns: int

    def in_words(self) -> str:
        """Return one line for the journal; what is not known is left out."""
        parts = [f"{self.sound_s:.0f} s of sound"]
        if self.cpu_share is not None:
            parts.append(f"{self.cpu_share:.1%} of a processor")
        if self.delay_ms is not None:
            parts.append(f"{self.delay_ms:.0f} ms of delay")
        if self.concealed_share is not None:
            parts.append(f"{self.concealed_share:.2%} concealed")
        parts += [
            f"{self.packets_sent} packets sent",
            f"{self.packets_dropped} dropped",
            f"{self.xruns} xruns",
        ]
        return ", ".join(parts)

    def fields(self) -> dict[str, str]:
        """Return the figures as the journal's fields; "" for what is not known."""
        return {
            "EDGE_SOUND_S": f"{self.sound_s:.1f}",
            "EDGE_CPU_SHARE": _digits(self.cpu_share, 4),
            "EDGE_DELAY_MS": _digits(self.delay_ms, 1),
            "EDGE_CONCEALED_SHARE": _digits(self.concealed_share, 5),
            "EDGE_PACKETS_SENT": str(self.packets_sent),
            "EDGE_PACKETS_DROPPED": str(self.packets_dropped),
            "EDGE_XRUNS": str(self.xruns),
        }


def summary(told: Report) -> Summary:
    """Return the figures of ``told`` that matter most."""
    outbound, inbound = told["outbound-rtp"], told["inbound-rtp"]
    delay_s = inbound["meanJitterBufferDelay"]
    xruns = (told["media-source"]["droppedSamplesEvents"], told["media-playout"]["synthesizedSamplesEvents"])
    return Summary(
        sound_s=told["process"]["soundSeconds"] or 0.0,
        cpu_share=told["cpu"]["process"],
        delay_ms=None if delay_s is None else delay_s * 1000,
        concealed_share=inbound["concealedShare"],
        packets_sent=int(outbound["packetsSent"] or 0),
        packets_dropped=int(outbound["packetsDiscardedOnSend"] or 0),
        xruns=int(sum(number or 0 for number in xruns)),
    )


def as_text(told: Report) -> str:
    """Return a report as a person reads it: a heading for each group, and a line for each number."""
    lines: list[str] = []
    for group, numbers in told.items():
        lines.append(f"{group}:")
        lines += [
            f"  {name:<36} {'-' if value is None else f'{value:.10g}'}" for name, value in numbers.items()
        ]
    return "\n".join(lines) + "\n"


def _cpu_per_sound_second(before: Counts, now: Counts, sound_s: float) -> Group:
    """Seconds of processor time for a second of sound: of the process and of each thread."""
    used = {"process": now.process_cpu_s - before.process_cpu_s}
    used |= {name: cpu_s - before.thread_cpu_s.get(name, 0.0) for name, cpu_s in now.thread_cpu_s.items()}
    return {name: _rounded(_share(cpu_s, sound_s)) for name, cpu_s in used.items()}


def _inbound(before: Mapping[str, float], now: Mapping[str, float]) -> Group:
    """What playout counted in between, with the two quotients that everybody makes of it."""
    counted: dict[str, float] = {name: value - before.get(name, 0) for name, value in now.items()}
    delay_s = _share(counted.get("jitterBufferDelay", 0), counted.get("jitterBufferEmittedCount", 0))
    concealed = _share(counted.get("concealedSamples", 0), counted.get("totalSamplesReceived", 0))
    numbers = {name: _rounded(value) for name, value in counted.items()}
    return {**numbers, "meanJitterBufferDelay": _rounded(delay_s), "concealedShare": _rounded(concealed)}


def _digits(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else round(value, DIGITS)
