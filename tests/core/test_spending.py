"""The agent with a budget: what it books before it commands, and how it stops."""

from __future__ import annotations

from typing import Any

from edge_agent.core import events as happened
from edge_agent.core.agent import Agent
from edge_agent.core.commands import CloseLink, Command, Earcon, OpenLink, PlaySound, SaveLedger, Tell
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import Costs
from edge_agent.core.notices import Notice
from edge_agent.core.prices import Prices
from edge_agent.core.settings import AgentSettings, TurnTaking
from edge_agent.core.tally import Tally
from edge_agent.core.ways import Offer, Way
from edge_agent.protocol.server_events import ServerEvent
from tests.core.books import HOUR_S, NOON_S, PRICES, WORST, costs, created, done, ledger, limits
from tests.core.scenes import MUTE_BUTTON, committed, speech_started, started, stopped


class Household:
    """An agent with 10,000 micro-units for a day, from noon. ``changes`` are those of its settings."""

    def __init__(self, books: Ledger | None = None, **changes: Any) -> None:
        self.books = books or ledger()
        values: dict[str, Any] = {"limits": limits(responses_per_minute=30), "costs": (costs(),)}
        settings = AgentSettings(**{**values, "buttons": (MUTE_BUTTON,), **changes})
        self.agent = Agent(settings, lambda: 0.5, self.books)
        self.now = 1.0
        self.epoch = 0
        self.last: list[Command] = []
        self.first = [each for each in self.take(self.agent.start(self.now)) if isinstance(each, OpenLink)]

    def take(self, commands: list[Command]) -> list[Command]:
        self.last = commands
        opened = [command.epoch for command in commands if isinstance(command, OpenLink)]
        self.epoch = opened[-1] if opened else self.epoch
        return commands

    def event(self, event: happened.Event) -> list[Command]:
        self.now += 0.1
        return self.take(self.agent.handle(event, self.now))

    def hear(self, *events: ServerEvent) -> list[Command]:
        for event in events:
            self.event(happened.ServerSaid(self.epoch, event))
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


# -- an endpoint that costs nothing --------------------------------------------------------------------


FREE = Costs("local", Prices(), 0)


def notices(commands: list[Command]) -> list[Notice]:
    return [command.notice for command in commands if isinstance(command, Tell)]


def with_a_free_endpoint(books: Ledger | None = None) -> Household:
    """Two endpoints: ``cloud`` costs money, ``local`` does not."""
    house = Household(
        books,
        costs=(costs(), FREE),
        offers=(Offer("cloud"), Offer("local", is_paid=False)),
        turn_taking=(TurnTaking(), TurnTaking()),
    )
    house.event(happened.LinkUp(house.epoch, "sess_1", None))
    return house


def until_it_opens(house: Household, limit_s: float) -> list[Command]:
    """Let time pass until a session is opened; returns all that was commanded on the way."""
    done_meanwhile: list[Command] = []
    while (deadline := house.agent.next_deadline()) is not None and deadline < limit_s:
        house.now = deadline
        done_meanwhile += house.take(house.agent.tick(deadline))
        if OpenLink in kinds(house.last):
            break
    return done_meanwhile


def test_a_free_endpoint_takes_over_when_the_money_is_spent_and_an_answer_is_heard_to_its_end() -> None:
    house = with_a_free_endpoint()
    house.hear(speech_started(), committed(), created(), started())
    house.event(happened.SoundStarted(None))
    assert notices(house.hear(done(tokens=9_500))) == [Notice.BUDGET_LOW, Notice.BUDGET_SPENT]
    house.hear(stopped())
    commands = house.event(happened.SoundEnded())
    assert CloseLink(1) in commands
    assert OpenLink(2, Way(1)) in commands
    assert house.state == "reconnecting"
    told = [each for each in house.event(happened.LinkUp(2, "sess_2", None)) if isinstance(each, Tell)]
    assert told[-1].notice is Notice.ENDPOINT_LEFT
    assert told[-1].fields["EDGE_ERROR_CODE"] == "budget"
    assert house.state == "budget-low"
    assert notices(house.turn(100_000)) == [], "what costs nothing is not counted as money"
    assert PlaySound(Earcon.BUDGET) not in house.event(happened.ButtonPressed(MUTE_BUTTON.name))


def test_the_preferred_endpoint_takes_over_again_when_there_is_money_again() -> None:
    house = with_a_free_endpoint()
    house.turn(9_500)
    house.event(happened.LinkUp(2, "sess_2", None))
    commands = until_it_opens(house, 13 * HOUR_S)
    assert 12 * HOUR_S <= house.now <= 12 * HOUR_S + 60.0
    assert [command for command in commands if isinstance(command, OpenLink)] == [OpenLink(3, Way(0))]
    assert notices(commands) == [Notice.BUDGET_AGAIN]
    commands = house.event(happened.LinkUp(3, "sess_3", None))
    assert notices(commands)[-1] is Notice.ENDPOINT_BACK
    assert CloseLink(2) in commands


def test_a_device_without_money_begins_at_the_free_endpoint() -> None:
    books = ledger()
    books.book("cloud", Tally(micros=9_500))
    house = with_a_free_endpoint(books)
    assert house.first == [OpenLink(1, Way(1))]
    assert house.state == "budget-low"


def test_a_limit_that_holds_for_every_endpoint_leaves_none() -> None:
    house = with_a_free_endpoint()
    house.turn(9_500)
    house.event(happened.LinkUp(2, "sess_2", None))
    house.hear(*(event for _ in range(30) for event in (created(), done(tokens=0))))
    assert house.state == "budget"
    assert PlaySound(Earcon.BUDGET) in house.event(happened.ButtonPressed(MUTE_BUTTON.name))


def test_a_session_that_is_being_opened_is_not_refused_what_it_holds_itself() -> None:
    books = ledger()
    prices = Prices(PRICES.per_million, per_session=3_000)
    books.book("cloud", Tally(micros=5_500))
    house = Household(books, costs=(costs(prices),))
    assert house.first == [OpenLink(1)]
    assert kinds(house.event(happened.ClockRead(NOON_S))) == []
    house.event(happened.LinkUp(1, "sess_1", None))
    assert house.state == "budget-low"
