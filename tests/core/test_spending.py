"""The agent with a budget: what it books before it commands, and how it stops."""

from __future__ import annotations

from edge_agent.core import events as happened
from edge_agent.core.agent import Agent
from edge_agent.core.commands import CloseLink, Command, Earcon, OpenLink, PlaySound, SaveLedger, Tell
from edge_agent.core.notices import Notice
from edge_agent.core.settings import AgentSettings
from tests.core.books import HOUR_S, WORST, costs, created, done, ledger, limits
from tests.core.scenes import MUTE_BUTTON, committed, speech_started, started, stopped


class Household:
    """An agent with 10,000 micro-units for a day, from noon."""

    def __init__(self) -> None:
        books = ledger()
        settings = AgentSettings(limits=limits(), costs=(costs(),), buttons=(MUTE_BUTTON,))
        self.agent = Agent(settings, lambda: 0.5, books)
        self.books = books
        self.now = 1.0
        self.epoch = 0
        self.last: list[Command] = []
        self.take(self.agent.start(self.now))

    def take(self, commands: list[Command]) -> list[Command]:
        self.last = commands
        opened = [command.epoch for command in commands if isinstance(command, OpenLink)]
        self.epoch = opened[-1] if opened else self.epoch
        return commands

    def event(self, event: happened.Event) -> list[Command]:
        self.now += 0.1
        return self.take(self.agent.handle(event, self.now))

    def hear(self, *events: object) -> list[Command]:
        for event in events:
            self.event(happened.ServerSaid(self.epoch, event))  # type: ignore[arg-type]  # events of the server
        return self.last

    def turn(self, tokens: int) -> list[Command]:
        """Somebody speaks and is answered; returns what the end of the sound commands."""
        self.hear(speech_started(), committed(), created(), started())
        self.event(happened.SoundStarted(None))
        self.hear(done(tokens=tokens), stopped())
        return self.event(happened.SoundEnded())

    @property
    def state(self) -> str:
        return self.agent.status.state.value


def connected() -> Household:
    house = Household()
    house.event(happened.LinkUp(house.epoch, "sess_1", None))
    return house


def kinds(commands: list[Command]) -> list[type]:
    return [type(command) for command in commands if isinstance(command, SaveLedger | OpenLink | CloseLink)]


def test_an_answer_is_booked_before_it_can_begin() -> None:
    house = connected()
    assert SaveLedger in kinds(house.hear(speech_started()))
    assert house.books.held_micros == WORST


def test_a_session_that_may_not_go_on_is_closed_when_its_sentence_is_over() -> None:
    house = connected()
    house.hear(speech_started(), committed(), created(), started())
    house.event(happened.SoundStarted(None))
    commands = house.hear(done(tokens=9_500))
    told = [command for command in commands if isinstance(command, Tell)]
    assert Notice.BUDGET_SPENT in [command.notice for command in told]
    assert CloseLink not in kinds(commands)
    assert house.state == "speaking"
    house.hear(stopped())
    house.event(happened.SoundEnded())
    assert house.state == "budget"
    assert house.books.held_micros == 0
    assert PlaySound(Earcon.BUDGET) in house.event(happened.ButtonPressed(MUTE_BUTTON.name))


def test_much_of_the_budget_shows_while_nobody_speaks() -> None:
    house = connected()
    house.turn(6_000)
    assert house.state == "budget-low"


def test_a_session_is_opened_again_when_the_day_is_over() -> None:
    house = connected()
    house.turn(9_500)
    assert house.state == "budget"
    spent: list[Command] = []
    while (deadline := house.agent.next_deadline()) is not None and deadline < 13 * HOUR_S:
        house.now = deadline
        spent += house.take(house.agent.tick(deadline))
        if OpenLink in kinds(house.last):
            break
    assert 12 * HOUR_S <= house.now <= 12 * HOUR_S + 60.0
    assert [command.notice for command in spent if isinstance(command, Tell)] == [Notice.BUDGET_AGAIN]
