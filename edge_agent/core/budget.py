"""What may still be used: books what the servers charge, before it is charged, and says when to stop.

It knows events and prices, and neither the link nor the turn. What it books is in
:mod:`~edge_agent.core.ledger`; whoever carries out :class:`~edge_agent.core.commands.SaveLedger` must do so
before what comes after it. A server answers by itself whenever somebody has spoken, so an answer is paid for
in advance from the moment somebody begins to speak, and a session stays open only while another answer fits
in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.core import reports
from edge_agent.core.commands import Command, Earcon, PlaySound, SaveLedger
from edge_agent.core.faults import FaultKind
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import (
    LEASE_MS,
    ORPHAN_MS,
    Costs,
    Limits,
    Refusal,
    money,
    reached_soft,
    refusal,
)
from edge_agent.core.periods import Period
from edge_agent.core.prices import TokenKind, Tokens, tokens_of, tokens_of_transcription, transcribed_ms
from edge_agent.core.tally import Tally
from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import Response, TranscriptionUsage

LOOK_AGAIN_S = 60.0
"""While the budget is spent: how often it is looked whether another hour has begun."""

RATE_WINDOW_S = 60.0

NEVER_BEGAN = frozenset({FaultKind.NETWORK, FaultKind.TLS, FaultKind.HTTP_STATUS, FaultKind.BAD_ANSWER})
"""An attempt that ended so has opened nothing that a server could charge for."""


@dataclass(slots=True)
class _Session:
    """One session that is open or being opened, and what of it is booked."""

    costs: Costs
    began_at: float
    is_up: bool = False
    booked_ms: int = 0
    booked_micros: int = 0
    leased_ms: int = LEASE_MS
    may_renew: bool = True
    """False once the next lease did not fit in: the session is about to be ended."""
    is_asked: bool = False
    """Whether an answer is due."""
    may_answer: bool = False
    """Whether somebody has begun to speak, so that an answer may come."""
    answers: set[str] = field(default_factory=set)
    """The responses that are being made."""

    @property
    def is_charging(self) -> bool:
        """Whether an answer is due or being made."""
        return self.is_asked or bool(self.answers)

    @property
    def held(self) -> int:
        """What is held for it, in micro-units."""
        prices = self.costs.prices
        lease = prices.of_open_ms(self.leased_ms) - self.booked_micros
        answer = self.costs.worst_response if self.may_answer or self.is_charging else 0
        return lease + answer + (0 if self.is_up else prices.per_session)

    def open_ms(self, now: float) -> int:
        """How long it has been open, whole milliseconds, rounded up."""
        return -int((self.began_at - now) * 1000 // 1)


class Budget:
    """The budget of one device over all its sessions; ``costs`` are those of the endpoints, in their
    order."""

    def __init__(self, limits: Limits, costs: Sequence[Costs], ledger: Ledger) -> None:
        self.ledger = ledger
        self._limits = limits
        self._costs = costs
        self._sessions: dict[int, _Session] = {}
        self._answered_at: deque[float] = deque(maxlen=limits.responses_per_minute or 1)
        self._kept: dict[str, object] | None = None
        self._answers: dict[tuple[int | None, int], Refusal | None] = {}
        self._look_at: float | None = None
        self._is_low: bool | None = None

    # -- what is asked -----------------------------------------------------------------------------

    @property
    def is_low(self) -> bool:
        """Whether as much was spent as a person wants to be warned of. Cheap to ask while nothing was
        booked."""
        if self._is_low is None:
            self._is_low = bool(reached_soft(self.ledger, self._limits))
        return self._is_low

    def against(self, epoch: int | None, endpoint: int, now: float) -> Refusal | None:
        """Return why session ``epoch`` (None: the next one) with an endpoint is too much, None if it is not.

        Cheap to ask while nothing was booked.
        """
        if self._look_at is not None and now >= self._look_at:
            self._forget()
        if (epoch, endpoint) not in self._answers:
            self._answers[epoch, endpoint] = refused = self._look(epoch, endpoint, now)
            if refused is not None:
                wait_s = LOOK_AGAIN_S if refused.for_s is None else min(refused.for_s, LOOK_AGAIN_S)
                self._look_at = min(now + wait_s, math.inf if self._look_at is None else self._look_at)
        return self._answers[epoch, endpoint]

    def next_deadline(self) -> float | None:
        """When :meth:`tick` has something to do, or :meth:`against` another answer."""
        leases = [
            session.began_at + (session.leased_ms - ORPHAN_MS) / 1000
            for session in self._sessions.values()
            if session.may_renew
        ]
        return min([*leases, *([] if self._look_at is None else [self._look_at])], default=None)

    def tick(self, now: float) -> list[Command]:
        """Book the minutes of open sessions ahead, if they fit in."""
        due = [
            (epoch, session)
            for epoch, session in self._sessions.items()
            if session.may_renew and self._is_lease_due(session, now)
        ]
        for epoch, session in due:
            self._book_minutes(session, now)
            self._hold_all()
            session.may_renew = self._against_going_on(epoch, now) is None
            if session.may_renew:
                session.leased_ms = session.open_ms(now) + LEASE_MS
        return self._booked(now) if due else []

    def see_clock(self, wall_s: float, now: float) -> None:
        """The clock shows ``wall_s``, seconds since 1970."""
        self.ledger.see_clock(wall_s, now)
        self._forget()

    # -- sessions ----------------------------------------------------------------------------------

    def opening(self, epoch: int, endpoint: int, now: float) -> list[Command]:
        """Session ``epoch`` is about to be opened."""
        self._sessions[epoch] = _Session(self._costs[endpoint], now)
        return self._booked(now)

    def opened(self, epoch: int, now: float) -> list[Command]:
        """Session ``epoch`` is open."""
        session = self._sessions.get(epoch)
        if session is None or session.is_up:
            return []
        self._book_opening(session)
        return self._booked(now)

    def ended(self, epoch: int, now: float, kind: FaultKind | None = None) -> list[Command]:
        """Session ``epoch`` has ended or is hung up; or the attempt failed, with a fault of ``kind``.

        An answer that was under way is booked at its worst: nobody will say what it cost.
        """
        session = self._sessions.pop(epoch, None)
        if session is None:
            return []
        if not session.is_up and kind in NEVER_BEGAN:
            self.ledger.hold(epoch, session.costs.endpoint, 0)
            return []  # not kept: the next attempt holds the same
        if not session.is_up:
            self._book_opening(session)
        self._book_minutes(session, now)
        if session.is_charging:
            self._book(session, Tally(micros=session.costs.worst_response))
        self.ledger.hold(epoch, session.costs.endpoint, 0)
        return self._booked(now)

    # -- answers -----------------------------------------------------------------------------------

    def asked(self, epoch: int, now: float) -> list[Command]:
        """We are about to ask for an answer."""
        session = self._sessions.get(epoch)
        if session is None:
            return []
        session.is_asked = True
        return self._booked(now)

    def server_said(self, epoch: int, event: said.ServerEvent, now: float) -> list[Command]:
        """Book what an event of the server says that something costs, or may cost."""
        session = self._sessions.get(epoch)
        if session is None:
            return []
        match event:
            case said.InputAudioBufferSpeechStarted():
                session.may_answer = True
            case said.InputAudioBufferCommitted():
                session.may_answer = True
                session.is_asked = True
            case said.ResponseCreated(response=response):
                session.answers.add(response.id)
                session.is_asked = False
                self._answered_at.append(now)
            case said.ResponseDone(response=response):
                self._settle(session, response)
            case said.ConversationItemInputAudioTranscriptionCompleted(usage=TranscriptionUsage() as usage):
                self._book_transcription(session, usage)
                if session.may_answer or session.is_charging:
                    self._forget()
                    return self._warned(now)  # what is held covers it; it is kept with what comes next
            case _:
                return []
        return self._booked(now)

    def _settle(self, session: _Session, response: Response) -> None:
        if response.id in session.answers:
            session.answers.discard(response.id)
        else:
            session.answers.clear()
        session.is_asked = session.may_answer = False
        tokens: Tokens = {} if response.usage is None else tokens_of(response.usage)
        micros = session.costs.prices.of_tokens(tokens)
        if response.usage is None and response.status != "failed":
            micros = session.costs.worst_response
        self._book(session, Tally(micros=micros, responses=1, tokens=_by_name(tokens)))

    def _book_transcription(self, session: _Session, usage: TranscriptionUsage) -> None:
        tokens, duration_ms = tokens_of_transcription(usage), transcribed_ms(usage)
        prices = session.costs.prices
        micros = prices.of_tokens(tokens) + (prices.of_transcribed_ms(duration_ms) if duration_ms else 0)
        self._book(session, Tally(micros, transcribed_ms=duration_ms, tokens=_by_name(tokens)))

    # -- booking -----------------------------------------------------------------------------------

    def _book(self, session: _Session, used: Tally) -> None:
        self.ledger.book(session.costs.endpoint, used)

    def _book_opening(self, session: _Session) -> None:
        session.is_up = True
        self._book(session, Tally(micros=session.costs.prices.per_session, sessions=1))

    def _book_minutes(self, session: _Session, now: float) -> None:
        open_ms = session.open_ms(now)
        micros = session.costs.prices.of_open_ms(open_ms) - session.booked_micros
        self._book(session, Tally(micros=micros, open_ms=open_ms - session.booked_ms))
        session.booked_ms = open_ms
        session.booked_micros += micros

    def _look(self, epoch: int | None, endpoint: int, now: float) -> Refusal | None:
        self.ledger.advance(now)
        if epoch is None:
            return self._against_opening(endpoint, now)
        refused = self._against_going_on(epoch, now)
        if refused is None and epoch in self._sessions:
            self._sessions[epoch].may_renew = True
        return refused

    def _forget(self) -> None:
        """What was answered holds no more."""
        self._answers.clear()
        self._look_at = None
        self._is_low = None

    def _against_opening(self, endpoint: int, now: float) -> Refusal | None:
        costs = self._costs[endpoint]
        return self._against_haste(now) or refusal(
            self.ledger, self._limits, costs, costs.to_begin, opens=True
        )

    def _against_going_on(self, epoch: int, now: float) -> Refusal | None:
        """Return why another answer, and the lease if it is about to end, do not fit in."""
        session = self._sessions.get(epoch)
        if session is None:
            return None
        needed = 0 if session.may_answer or session.is_charging else session.costs.worst_response
        if self._is_lease_due(session, now):
            needed += self._next_lease(session)
        return self._against_haste(now) or refusal(
            self.ledger, self._limits, session.costs, needed, opens=False
        )

    def _is_lease_due(self, session: _Session, now: float) -> bool:
        return session.open_ms(now) >= session.leased_ms - ORPHAN_MS

    def _next_lease(self, session: _Session) -> int:
        prices = session.costs.prices
        return prices.of_open_ms(session.leased_ms + LEASE_MS) - prices.of_open_ms(session.leased_ms)

    def _booked(self, now: float) -> list[Command]:
        """Hold what the sessions need, and have it kept if anything has changed."""
        self._forget()
        self.ledger.advance(now)
        self._hold_all()
        warnings = self._warned(now)
        content = self.ledger.content()
        if content == self._kept:
            return warnings
        self._kept = content
        return [SaveLedger(self.ledger.text(now)), *warnings]

    def _hold_all(self) -> None:
        for epoch, session in self._sessions.items():
            self.ledger.hold(epoch, session.costs.endpoint, session.held)

    # -- warnings ----------------------------------------------------------------------------------

    def _warned(self, now: float) -> list[Command]:
        """Warn once for each period."""
        news = [
            period
            for period in reached_soft(self.ledger, self._limits)
            if not self.ledger.is_told(f"soft {period.value}", period)
        ]
        if not news:
            return []
        for period in news:
            self.ledger.note_told(f"soft {period.value}", period)
        spent = money(self.ledger.used(news[-1]).micros, self._limits.currency)
        return [reports.budget_is_low(spent, news[-1].value), PlaySound(Earcon.BUDGET)]

    def refused(self, why: Refusal, now: float) -> list[Command]:
        """It is over for now, for that reason: told once for each period."""
        key = f"hard {why.period.value}"
        if self.ledger.is_told(key, why.period):
            return []
        self.ledger.note_told(key, why.period)
        return [*self._booked(now), reports.budget_is_spent(why.words, why.until), PlaySound(Earcon.BUDGET)]

    def _against_haste(self, now: float) -> Refusal | None:
        most = self._limits.responses_per_minute
        if most is None or len(self._answered_at) < most or now - self._answered_at[0] >= RATE_WINDOW_S:
            return None
        left_s = self._answered_at[0] + RATE_WINDOW_S - now
        return Refusal(f"{most} responses are the limit for one minute", Period.HOUR, left_s)


def _by_name(tokens: dict[TokenKind, int]) -> dict[str, int]:
    return {kind.value: count for kind, count in tokens.items()}
