"""Watches one session that is up: counts what comes, asks when nothing does, and says when it is over.

The shell around :mod:`edge_agent.core.liveness`, which decides.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine

from edge_agent.core.faults import Fault
from edge_agent.core.lapse import Missed, Passage, Sending
from edge_agent.core.liveness import Liveness, Signs, Trust
from edge_agent.core.owed_sound import OwedSound
from edge_agent.protocol.client_events import (
    ClientEvent,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
)
from edge_agent.protocol.server_events import (
    TEXT_PIECES,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCreated,
    ServerEvent,
)
from edge_agent.session.path_probe import PathProbe
from edge_agent.session.transport import Transport

LOOK_EVERY_S = 0.5
"""Often enough for limits of seconds; a look takes less than 0.1 ms."""

LOOK_IN_SILENCE_EVERY_S = 0.1
"""The same while nothing comes: whoever speaks waits for it to go on."""


class Watch:
    """The watch over one transport.

    ``tell_doubt`` is called with True and False in turns; ``tell_passage`` when it changes whether what is
    said arrives, with what was missed when it does again. All methods are called in the event loop's thread.
    ``ends_are_known``: see :class:`~edge_agent.core.liveness.Liveness`.
    """

    def __init__(
        self,
        transport: Transport,
        path: PathProbe,
        tell_doubt: Callable[[bool], None],
        tell_passage: Callable[[Passage, Missed | None], None],
        *,
        ends_are_known: bool = False,
    ) -> None:
        self._transport = transport
        self._path = path
        self._tell_doubt = tell_doubt
        self._tell_passage = tell_passage
        self._ends_are_known = ends_are_known
        self._plays = False
        self._owed = OwedSound()
        self._path_is_open: bool | None = None
        self._probe: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._answered_checks: list[float] = []

    def saw(self, event: ServerEvent) -> None:
        """Take an event of the server: some say whether its sound is on its way."""
        if isinstance(event, TEXT_PIECES):
            return
        self._owed.see(event)
        match event:
            case ResponseCreated():
                self._owed.begin(self._sound_packets)
            case OutputAudioBufferStarted():
                self._plays = True
            case OutputAudioBufferStopped() | OutputAudioBufferCleared():
                self._plays = False
            case _:
                pass

    def sent(self, event: ClientEvent) -> None:
        """Take an event that the server was sent: after some, what it has made is not waited for."""
        if isinstance(event, ResponseCreate | ResponseCancel | OutputAudioBufferClear):
            self._owed.forget()

    async def run(self) -> Fault:
        """Watch until the session is to be given up, and return why. Cancel it when the session ends."""
        now = asyncio.get_running_loop().time
        liveness = Liveness(now(), loses=self._transport.loses, ends_are_known=self._ends_are_known)
        self._ask(self._path.prepare())
        try:
            while True:
                passage = liveness.passage
                is_soon = passage is not Passage.OPEN or liveness.is_silent
                await asyncio.sleep(LOOK_IN_SILENCE_EVERY_S if is_soon else LOOK_EVERY_S)
                is_doubted = liveness.trust is Trust.DOUBTED
                judgement = liveness.look(self._signs(is_doubted), now())
                if judgement.fault is not None:
                    return judgement.fault
                self._tell(is_doubted, passage, liveness, judgement.missed)
                if judgement.check_peer:
                    self._ask(self._check())
                if judgement.probe_path and (self._probe is None or self._probe.done()):
                    self._probe = self._ask(self._probe_path())
        finally:
            for task in self._asking:
                task.cancel()

    def _tell(
        self, was_doubted: bool, passage_before: Passage, liveness: Liveness, missed: Missed | None
    ) -> None:
        """Tell what has changed: a lapse before the doubt that follows it, also if one look finds both."""
        is_doubted = liveness.trust is Trust.DOUBTED
        has_changed = liveness.passage is not passage_before
        has_lapsed = has_changed and liveness.passage is Passage.LAPSED
        if has_lapsed:
            self._tell_passage(Passage.LAPSED, None)
        if is_doubted != was_doubted:
            self._tell_doubt(is_doubted)
        if has_changed and not has_lapsed:
            self._tell_passage(liveness.passage, missed)

    @property
    def _sound_packets(self) -> int:
        counters = self._transport.counters
        return counters.sound_packets_received - counters.sound_packets_undecodable

    def _signs(self, is_doubted: bool) -> Signs:
        counters = self._transport.counters
        address_is_gone = is_gone(self._transport.local_address)
        answered, self._answered_checks = tuple(self._answered_checks), []
        if not (is_doubted or address_is_gone):
            self._path_is_open = None
        return Signs(
            packets=counters.datagrams_received,
            sound_packets=self._sound_packets,
            plays=self._plays,
            owes_sound=self._owed.is_owed(self._sound_packets),
            path_is_open=self._path_is_open,
            address_is_gone=address_is_gone,
            is_stuck=self._transport.is_stuck,
            heard_at=counters.datagram_at,
            sending=Sending(
                packets=counters.packets_sent + counters.packets_dropped,
                since=counters.first_packet_at,
                reception=counters.reception,
                answered_checks=answered,
            ),
        )

    async def _check(self) -> None:
        sent_at = asyncio.get_running_loop().time()
        if await self._transport.check():
            self._answered_checks.append(sent_at)

    async def _probe_path(self) -> None:
        self._path_is_open = await self._path.is_open()

    def _ask(self, question: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Ask in the background; each question ends by itself."""
        task = asyncio.create_task(question, name="watch")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task


def is_gone(address: str | None) -> bool:
    """Tell whether this machine no longer has ``address``: it can't be bound to. False for None."""
    if address is None:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError as error:
            return error.errno == errno.EADDRNOTAVAIL
    return False
