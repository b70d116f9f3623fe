"""One conversation, carried by one session after the other.

It composes the link with what passes from a session to the next: what was said, whose turn it was, and what
the microphone has heard that nobody has answered. Whether a session is wanted, and who may be heard, is the
agent's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from edge_agent.core import events as happened
from edge_agent.core import reports
from edge_agent.core.abilities import refuses_manual_turns
from edge_agent.core.commands import Command, FlushPlayout, Gate, HandOver, MeasureEcho, Send, Tell
from edge_agent.core.dialogue import Dialogue, Reply
from edge_agent.core.failover import Failover
from edge_agent.core.faults import Fault, FaultKind, fault_in, is_benign
from edge_agent.core.gate import MicrophoneGate
from edge_agent.core.history import History
from edge_agent.core.link import UNANSWERED_LIMIT, Link, Unwanted
from edge_agent.core.policy import backoff_delays
from edge_agent.core.renewal import Renewal
from edge_agent.core.settings import AgentSettings, TurnTaking
from edge_agent.core.status import LinkPhase, Turn
from edge_agent.core.ways import Ways
from edge_agent.protocol import client_events as ask
from edge_agent.protocol import server_events as said


class Continuity:
    """Follows ``link`` from session to session, so that ``dialogue`` goes on.

    ``wanted_gate`` tells where the microphone's sound is to go, by what holds at that moment; ``affords``
    whether there is enough to spend for a session with an endpoint.
    """

    def __init__(
        self,
        settings: AgentSettings,
        chance: Callable[[], float],
        dialogue: Dialogue,
        wanted_gate: Callable[[], Gate],
        affords: Callable[[int, float], bool],
    ) -> None:
        self._settings = settings
        self._ways = Ways(settings.offers, chance, settings.caps, affords)
        self._failover = Failover(settings.offers, affords)
        self._dialogue = dialogue
        self._turn_taking = list(settings.turn_taking)
        self._history = History(settings.memory_turns, settings.memory_chars)
        self._wanted_gate = wanted_gate
        self._sounding_since: float | None = None
        self._doubted_epoch = 0
        self.link = Link(self._ways, Renewal(settings.renewal, lambda: backoff_delays(chance)))
        self.gate = MicrophoneGate()

    @property
    def phase(self) -> LinkPhase:
        """How far the connection is, and whether it gives signs of life."""
        is_doubted = self.link.is_up and self._doubted_epoch == self.link.epoch
        return LinkPhase.DOUBTED if is_doubted else self.link.phase

    @property
    def is_sounding(self) -> bool:
        """Whether the loudspeaker is audible."""
        return self._sounding_since is not None

    def next_deadline(self) -> float | None:
        """When :meth:`tick`, or the link, has something to do, or None."""
        deadlines = [part.next_deadline() for part in (self.link, self._history, self.gate)]
        return min((at for at in deadlines if at is not None), default=None)

    def tick(self, now: float) -> None:
        """Forget what was said too long ago, and wait for nobody who speaks for too long."""
        self._history.tick(now)
        self.gate.tick(now)

    def sound_started(self, now: float) -> None:
        """The loudspeaker became audible."""
        self._sounding_since = now

    def sound_ended(self) -> None:
        """The loudspeaker has fallen silent."""
        self._sounding_since = None

    def say(self, replies: Iterable[Reply]) -> list[Command]:
        """Turn replies into commands; what was meant for a server is dropped when there is no session."""
        commands: list[Command] = []
        for reply in replies:
            if isinstance(reply, FlushPlayout | MeasureEcho | Tell):
                commands.append(reply)
            elif self.link.is_up:
                commands.append(Send(self.link.epoch, reply))
        return commands

    # -- the session in use ------------------------------------------------------------------------

    def server_said(self, event: said.ServerEvent, now: float) -> list[Command]:
        """Follow one event of the session in use; a fault may end it."""
        if isinstance(event, said.ResponseDone) and event.response.usage is not None:
            self.link.successor.saw_context(event.response.usage.input_tokens, now)
        if refuses_manual_turns(event):  # from the next session on: this one has been told otherwise
            self._turn_taking[self.link.way.endpoint] = replace(self._turns, takes_manual_turns=False)
        self._history.see(event, now)
        fault = fault_in(event)
        if fault is None:
            replies = self.say(self._dialogue.server_said(event, now))
            self.gate.see(event, self._dialogue.turn, now)
            return replies
        session_id = self.link.session_id
        closing = self.link.trouble(fault, now)
        if closing:
            return [*closing, *self._without_session(fault, session_id, now)]
        response_id = event.response.id if isinstance(event, said.ResponseDone) else ""
        told = [] if is_benign(fault) else [reports.server_trouble(fault, response_id)]
        return [*told, *self.say(self._dialogue.server_said(event, now))]

    def text_grew(self, piece: said.TextPiece, now: float) -> None:
        """Take note of some more text in the session in use."""
        self._history.see(piece, now)
        self._dialogue.text_grew(piece, now)

    def lose_patience(self, now: float) -> list[Command]:
        """Give up what has not come in time, and a session from which nothing comes any more."""
        commands = self.say(self._dialogue.tick(now))
        unanswered = self._dialogue.unanswered_turns
        if unanswered < UNANSWERED_LIMIT or not self.link.is_up:
            return commands
        fault = Fault(FaultKind.UNANSWERED, f"the server left {unanswered} turns in a row unanswered")
        session_id = self.link.session_id
        closing = self.link.trouble(fault, now)
        return [*commands, *closing, *self._without_session(fault, session_id, now)]

    def doubt(self, epoch: int, is_doubted: bool) -> list[Command]:
        """The session gives no sign of life, or gives one again."""
        if not (self.link.is_up and self.link.is_current(epoch)):
            return []
        self._doubted_epoch = epoch if is_doubted else 0
        return [reports.link_is_doubted(self.link.session_id, is_doubted=is_doubted)]

    def lapse(
        self, event: happened.LinkLapsed | happened.LinkStirred | happened.LinkMended, now: float
    ) -> list[Command]:
        """What is said may not reach the server, or does so again."""
        if not (self.link.is_up and self.link.is_current(event.epoch)):
            return []
        match event:
            case happened.LinkLapsed():
                self._dialogue.lapse(now)
                return self.gate.lapse(self._dialogue.turn, now)
            case happened.LinkStirred():
                self.gate.finish(now)
                return []
            case happened.LinkMended(missed=missed):
                self.gate.mend(missed, self._dialogue.turn, now)
                return self.say(self._dialogue.mend(missed, now))

    # -- from one to the next ----------------------------------------------------------------------

    def opened(self, up: happened.LinkUp, now: float) -> list[Command]:
        """A session is up: it is talked on from now on, or waits for its moment to take over."""
        successor = self.link.successor
        if successor.has(up.epoch) and not successor.is_ready:
            successor.up(up.session_id, up.lifetime_s, now)
            return []
        if not self.link.is_opening(up.epoch):
            return []
        told = reports.session_opened(up.session_id, self.link.attempts)
        self.link.up(up.session_id, up.lifetime_s, now)
        return [told, *self._take_over(now)]

    def ended(self, epoch: int, fault: Fault, now: float) -> list[Command]:
        """A session has ended, or an attempt failed."""
        if self.link.successor.has(epoch):
            return [self._no_successor(fault, now)]
        if not self.link.is_current(epoch):
            return []
        session_id = self.link.session_id if self.link.is_up else None
        return [*self.link.down(fault, now), *self._without_session(fault, session_id, now)]

    def want(self, reason_against: Unwanted | None, now: float) -> list[Command]:
        """Open or close the session as it is wanted; what a closed one said last is not played to its end."""
        was_up = self.link.is_up
        commands = self.link.want(reason_against, now)
        if was_up and not self.link.is_up:
            return [*commands, *self._forget_session(now)]
        return commands

    def go_over(self, now: float) -> list[Command]:
        """Leave an endpoint that has become too dear for another."""
        was_up = self.link.is_up
        commands = self.link.go_over(now)
        return [*commands, *(self._forget_session(now) if was_up else [])]

    def renew(self, now: float) -> list[Command]:
        """Open a successor of the session, or let it take over, if this is a moment for it."""
        is_idle = self._dialogue.is_idle and self._history.is_settled and not self.gate.is_lapsed
        if not (is_idle and self.link.successor.is_ready):
            return self.link.renew(now, is_idle=is_idle)
        former_id = self.link.session_id
        held = self.gate.hold_for_successor(self._wanted_gate(), now)
        self.gate.forget_session()
        handed_over = self.link.hand_over(now)
        self._history.session_ended(heard_s=None, is_unanswered=False)
        prepared = self.say([*self._dialogue.session_renewed(self._turns), *self._remembered()])
        told = reports.session_renewed(self.link.session_id, former_id)
        return [*held, *prepared, *handed_over, told, *self._tell_of_way(now)]

    def _take_over(self, now: float) -> list[Command]:
        """Begin to talk on the session that has just become the current one."""
        self.gate.forget_session()
        held = self.gate.hold(self._wanted_gate())
        prepared = self.say([*self._dialogue.session_opened(self._turns, now), *self._remembered()])
        return [*held, *prepared, HandOver(self.link.epoch), *self._tell_of_way(now)]

    def _remembered(self) -> list[ask.ClientEvent]:
        """What a new session is told of what was said before."""
        return [ask.ConversationItemCreate(item=item) for item in self._history.items()]

    def _forget_session(self, now: float) -> list[Command]:
        """The session that was talked on has ended before its time."""
        self.gate.forget_session()
        turn, is_owed = self._dialogue.turn, self._dialogue.owes_answer(now)
        if is_owed:
            self.gate.ask_again()
        heard_s = None
        if is_owed and turn is not Turn.PENDING:
            heard_s = 0.0
        elif turn is Turn.AGENT and self._sounding_since is not None:
            heard_s = now - self._sounding_since
        self._history.session_ended(heard_s=heard_s, is_unanswered=is_owed or turn is Turn.PERSON)
        return self.say(self._dialogue.session_ended(now))

    def _tell_of_way(self, now: float) -> list[Command]:
        """Say that another endpoint or transport has taken over, if one has."""
        return self.say(self._failover.session_began(self.link.way, self._ways.fault_of, now))

    @property
    def _turns(self) -> TurnTaking:
        return self._turn_taking[self.link.way.endpoint]

    def _no_successor(self, fault: Fault, now: float) -> Tell:
        way = self.link.successor.way
        retry_in_s = self.link.successor.down(fault, now)
        if way is None or way == self.link.way:
            return reports.no_successor(fault, retry_in_s)
        return reports.no_way_back(self._settings.offers[way.endpoint].name, fault, retry_in_s)

    def _without_session(self, fault: Fault, session_id: str | None, now: float) -> list[Command]:
        """The session ``session_id`` has ended, or (None) an attempt failed; its successor may be there."""
        ended = [] if session_id is None else self._forget_session(now)
        if self.link.is_up:
            told = reports.session_renewed(self.link.session_id, session_id or "", fault)
            return [*ended, told, *self._take_over(now)]
        told = reports.link_is_down(
            fault,
            self.link.retry_in_s(now),
            session_id,
            is_parked=self.link.phase is LinkPhase.PARKED,
            is_told=self.link.failed_alike,
            is_held_back=self.link.is_held_back,
        )
        return [*ended, told]
