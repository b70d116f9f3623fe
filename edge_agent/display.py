"""What people get to see of the agent: journal, systemd's status, LEDs and control socket.

Everything that is shown comes through here, and nothing of it is decided here. Each place is used from the
time on at which it is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge_agent import journal
from edge_agent.audio.level import FLOOR_DBFS
from edge_agent.control.listener import ControlSocket
from edge_agent.control.messages import (
    LedShown,
    Level,
    NoticeTold,
    StateShown,
    StatisticsShown,
    Transcript,
    TurnAnswered,
    WireEvent,
)
from edge_agent.core.commands import Tell
from edge_agent.core.indicator import PATTERNS
from edge_agent.core.notices import Notice
from edge_agent.core.status import Status
from edge_agent.core.transcripts import Line, Transcripts
from edge_agent.gpio.light import LedTask
from edge_agent.protocol.server_events import ServerEvent
from edge_agent.supervision import Supervisor

logger = logging.getLogger(__name__)

LEVEL_PERIOD_S = 0.2
"""Five times a second is what an eye follows."""

STATISTICS_PERIOD_S = 5.0
"""How often the control socket's clients get the statistics without asking."""

Levels = Callable[[], tuple[float, float]]
"""Tells how loud microphone and loudspeaker are now, in dBFS."""

Report = Callable[[], dict[str, dict[str, float | None]]]
"""Tells the statistics."""


class Display:
    """For the event loop's thread. ``log_transcripts``: whether what is said goes into the journal."""

    def __init__(self, supervisor: Supervisor, *, log_transcripts: bool) -> None:
        self._supervisor = supervisor
        self._log_transcripts = log_transcripts
        self._transcripts = Transcripts()
        self.light: LedTask | None = None
        self.control: ControlSocket | None = None

    def show(self, status: Status, now: float) -> None:
        """Show another state; ``now`` is monotonic seconds."""
        pattern = PATTERNS[status.state]
        fields = {"EDGE_STATE": status.state.value, "EDGE_EVENT": status.cause}
        if status.session_id:
            fields["EDGE_SESSION_ID"] = status.session_id
        if status.response_id:
            fields["EDGE_RESPONSE_ID"] = status.response_id
        journal.tell(Notice.STATE_CHANGED, f"{status.state.value} ({status.cause})", fields)
        self._supervisor.status(f"{status.state.value} ({status.cause})")
        if self.light is not None:
            self.light.show(pattern)
        if self.control is not None:
            at_s = self.control.since_start_s(now)
            self.control.publish(StateShown(status.state.value, at_s))
            self.control.publish(LedShown(pattern.name, at_s))

    def tell(self, told: Tell) -> None:
        """Say something to whoever runs the device."""
        journal.tell(told.notice, told.text, told.fields)
        if self.control is None:
            return
        notice = told.notice
        self.control.publish(NoticeTold(notice.name.lower(), notice.severity.name.lower(), told.text))
        if notice is Notice.TURN_ANSWERED:
            latency_ms = told.fields.get("EDGE_LATENCY_MS")
            self.control.publish(TurnAnswered(None if latency_ms is None else float(latency_ms)))

    def server_said(self, event: ServerEvent) -> None:
        """Show what was said, as far as the event says."""
        for line in self._transcripts.see(event):
            self._show_line(line)

    def saw_wire_type(self, wire_type: str) -> None:
        """Show that the server has sent an event, by the name that it has on the wire."""
        if self.control is not None:
            self.control.publish(WireEvent(wire_type))

    def saw_malformed(self, reason: str) -> None:
        """Tell that the server has sent something else."""
        self.tell(Tell(Notice.MALFORMED_EVENT, f"the server sent a message that is no event: {reason}"))

    def show_statistics(self, report: Report) -> None:
        """Show what was counted, if anybody can see it."""
        if self.control is not None:
            at_s = self.control.since_start_s(asyncio.get_running_loop().time())
            self.control.publish(StatisticsShown(at_s, report()))

    async def keep_showing_levels(self, control: ControlSocket, levels: Levels) -> None:
        """Show how loud it is, while anybody looks, until cancelled."""
        while True:
            await control.wait_for_client()
            await asyncio.sleep(LEVEL_PERIOD_S)
            input_dbfs, output_dbfs = levels()
            control.publish(Level(_shown_level(input_dbfs), _shown_level(output_dbfs)))

    async def keep_showing_statistics(self, control: ControlSocket, report: Report) -> None:
        """Show the statistics now and then, while anybody looks, until cancelled."""
        while True:
            await control.wait_for_client()
            self.show_statistics(report)
            await asyncio.sleep(STATISTICS_PERIOD_S)

    def _show_line(self, line: Line) -> None:
        if self.control is not None:
            self.control.publish(Transcript(line.role, line.item_id, line.text, line.is_final))
        if self._log_transcripts and line.is_final:
            logger.info("%s: %s", line.role, line.text, extra={"EDGE_ITEM_ID": line.item_id})


def _shown_level(level_dbfs: float) -> float | None:
    """A level with as many digits as a person reads; None for silence."""
    return None if level_dbfs <= FLOOR_DBFS else round(level_dbfs, 1)
