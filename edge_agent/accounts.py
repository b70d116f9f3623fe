"""Reads what the parts of a running appliance have counted, and reports on one session at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from edge_agent.audio.capture import Capture
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.playback import Playback
from edge_agent.audio.uplink import Uplink
from edge_agent.core.commands import Tell
from edge_agent.core.notices import Notice
from edge_agent.core.statistics import Counts, Readings, Report, report, summary
from edge_agent.session.transport import TransportCounters

TOLD_EVERY_S = 3600.0
"""How often a session's statistics are told, beside its end."""


class Accounts:
    """The accounts of one appliance. All methods are called in the event loop's thread.

    ``tell`` gets a session's figures when it ends and, while :meth:`run` runs, every TOLD_EVERY_S of it.
    """

    def __init__(
        self,
        capture: Capture,
        playback: Playback,
        uplink: Uplink,
        downlink: Downlink,
        tell: Callable[[Tell], None],
    ) -> None:
        self._capture = capture
        self._playback = playback
        self._uplink = uplink
        self._downlink = downlink
        self._tell = tell
        self._read_transport: Callable[[], TransportCounters] = TransportCounters
        self._epoch: int | None = None
        self._before = self._counts()

    def begin(self, epoch: int, read_transport: Callable[[], TransportCounters]) -> None:
        """Session ``epoch`` has microphone and loudspeaker now, in place of any other.

        ``read_transport`` returns how far its transport is, also when it has ended.
        """
        if self._epoch is not None:
            self.end(self._epoch)
        self._read_transport = read_transport
        self._epoch = epoch
        self._before = self._counts()

    def end(self, epoch: int) -> None:
        """Session ``epoch`` has ended; nothing unless it is the one that is counted."""
        if epoch == self._epoch:
            self._tell_figures()
            self._epoch = None

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            if self._epoch is not None:
                self._tell_figures()

    def report(self) -> Report:
        """Return what happened since the last session, or the appliance, began; takes about a millisecond."""
        readings = Readings(
            microphone_drift_ppm=self._capture.drift_ppm,
            loudspeaker_drift_ppm=self._playback.drift_ppm,
            echo_likeness=self._capture.echo_likeness,
        )
        return report(self._before, self._counts(), readings)

    def _tell_figures(self) -> None:
        figures = summary(self.report())
        self._tell(Tell(Notice.SOUND_STATISTICS, figures.in_words(), figures.fields()))

    def _counts(self) -> Counts:
        transport = self._read_transport()
        return Counts(
            at=time.monotonic(),
            process_cpu_s=time.process_time(),
            thread_cpu_s={
                "loop": time.thread_time(),
                "capture": self._capture.cpu_s,
                "playback": self._playback.cpu_s,
            },
            captured_samples=self._uplink.clock_samples,
            capture_xruns=self._capture.xruns,
            playback_xruns=self._playback.xruns,
            packets_sent=transport.packets_sent,
            packets_discarded_on_send=transport.packets_dropped,
            bytes_sent=transport.bytes_sent,
            inbound=self._downlink.statistics.as_w3c(),
        )
