"""The budget beside the agent: what happens is booked, what would cost too much is not done, and a person is
told.

It follows the agent's events and looks through its commands; :mod:`~edge_agent.core.budget` does the sums.
"""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core import events as happened
from edge_agent.core import reports
from edge_agent.core.budget import Budget
from edge_agent.core.commands import CloseLink, Command, Earcon, OpenLink, PlaySound, SaveLedger, Send
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import Refusal
from edge_agent.core.settings import AgentSettings
from edge_agent.core.status import Funds
from edge_agent.protocol.client_events import ResponseCreate

FINISH_LIMIT_S = 30.0
"""A sentence takes no longer; then a session that may not go on is closed whatever is going on."""


class Spending:
    """Minds the money of one agent. ``ledger`` is what was spent before; None: nothing, and nothing is
    kept."""

    def __init__(self, settings: AgentSettings, ledger: Ledger | None) -> None:
        self._keeps = ledger is not None
        self._budget = Budget(settings.limits, settings.costs, ledger or Ledger(lambda _: ""))
        self._endpoints = range(len(settings.costs))
        self._refusal: Refusal | None = None
        self._short_at: int | None = None
        """The endpoint for which there was not enough, until there is again."""
        self._may_go_over = False
        self._finish_by = 0.0
        self._is_over = False

    @property
    def funds(self) -> Funds:
        """What is left."""
        if self._refusal is not None:
            return Funds.SPENT
        return Funds.LOW if self._budget.is_low else Funds.PLENTY

    @property
    def is_finishing(self) -> bool:
        """Whether an answer may still be heard to its end, and nobody is listened to any more."""
        return self._refusal is not None and not self._is_over

    @property
    def forbids_session(self) -> bool:
        """Whether no session may be open."""
        return self._is_over and not self._may_go_over

    @property
    def sends_away(self) -> bool:
        """Whether the session is too dear, and there is an endpoint for which there is enough."""
        return self._is_over and self._may_go_over

    def next_deadline(self) -> float | None:
        """When :meth:`tick` and :meth:`follow` have something to do, or None."""
        deadlines = [self._budget.next_deadline(), self._finish_by if self.is_finishing else None]
        return min((at for at in deadlines if at is not None), default=None)

    def tick(self, now: float) -> list[Command]:
        """Book the minutes of open sessions."""
        return self._kept(self._budget.tick(now))

    def see(self, event: happened.Event, now: float) -> list[Command]:
        """Book what an event costs. It is to be told of every event, also of sessions that are not
        current."""
        match event:
            case happened.ServerSaid(epoch=epoch, event=said):
                return self._kept(self._budget.server_said(epoch, said, now))
            case happened.LinkUp(epoch=epoch):
                return self._kept(self._budget.opened(epoch, now))
            case happened.LinkDown(epoch=epoch, fault=fault):
                return self._kept(self._budget.ended(epoch, now, fault.kind))
            case happened.ClockRead(wall_s=wall_s):
                self._budget.see_clock(wall_s, now)
        return []

    def touched(self) -> list[Command]:
        """Somebody wants something: say that there is nothing left to spend, if so."""
        return [PlaySound(Earcon.BUDGET)] if self.forbids_session else []

    def follow(self, epoch: int | None, endpoint: int, *, is_busy: bool, now: float) -> list[Command]:
        """Look whether session ``epoch`` (None: the next one) may be; an answer is heard to its end.

        ``is_busy``: an answer is due, being made or heard.
        """
        former, self._refusal = self._refusal, self._against(epoch, endpoint, now)
        if self._refusal is None:
            self._is_over = False
            return self._again(epoch, endpoint, now)
        if former is None:
            self._finish_by = now + FINISH_LIMIT_S
        if self._short_at is None:
            self._short_at = endpoint
        self._may_go_over = any(self.may_open(each, now) for each in self._endpoints)
        self._is_over = self._is_over or epoch is None or not is_busy or now >= self._finish_by
        return self._kept(self._budget.refused(self._refusal, now))

    def went_over(self) -> None:
        """The session was left for an endpoint for which there is enough."""
        self._refusal = None
        self._is_over = False

    def may_open(self, endpoint: int, now: float) -> bool:
        """Whether there is enough for another session."""
        return self._budget.against(None, endpoint, now) is None

    def _against(self, epoch: int | None, endpoint: int, now: float) -> Refusal | None:
        """Why there is not enough for session ``epoch``, or (None) for one with any endpoint."""
        if epoch is not None:
            return self._budget.against(epoch, endpoint, now)
        if any(self.may_open(each, now) for each in self._endpoints):
            return None
        return self._budget.against(None, endpoint, now)

    def _again(self, epoch: int | None, endpoint: int, now: float) -> list[Command]:
        """Tell that there is enough again where there was not."""
        if self._short_at is None:
            return []
        goes_on = epoch is not None and endpoint == self._short_at
        if not (goes_on or self.may_open(self._short_at, now)):
            return []
        self._short_at = None
        return [reports.BUDGET_AGAIN]

    def paid(self, commands: Iterable[Command], now: float) -> list[Command]:
        """Return the commands with those that book what they cost: before them what is spent, after what
        ends."""
        booked: list[Command] = []
        for command in commands:
            match command:
                case OpenLink(epoch=epoch, way=way):
                    booked += [*self._budget.opening(epoch, way.endpoint, now), command]
                case CloseLink(epoch=epoch):
                    booked += [command, *self._budget.ended(epoch, now)]
                case Send(epoch=epoch, event=ResponseCreate()):
                    booked += [*self._budget.asked(epoch, now), command]
                case _:
                    booked.append(command)
        return self._kept(booked)

    def _kept(self, commands: list[Command]) -> list[Command]:
        """Nothing is to be kept where no ledger is."""
        return [command for command in commands if self._keeps or not isinstance(command, SaveLedger)]
