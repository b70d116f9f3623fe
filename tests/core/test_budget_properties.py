"""Whatever happens, in whatever order, and whenever the power goes: a budget is kept.

The machine plays a household with one server. The server charges for opening a session, for its time and for
answers; a device whose power went is charged for ORPHAN_MS more, and for the answer that was asked of the
server. A power cut leaves the ledger's file as it was before a write or as it is after it. Nobody who has
just begun to speak when the power goes is answered: no sound comes any more.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.core.budget import Budget
from edge_agent.core.commands import Command, SaveLedger
from edge_agent.core.ledger import Ledger
from edge_agent.core.limits import ORPHAN_MS, Costs, Limits, MoneyLimit
from edge_agent.core.periods import SETTLE_S, Period
from edge_agent.core.prices import Prices, TokenKind
from tests.core.books import COMMITTED, HOUR_S, NOON_S, SPOKE, WORST, created, done, heard, hour

PRICES = Prices(
    {TokenKind.OTHER_INPUT: 1_000_000, TokenKind.AUDIO_OUTPUT: 1_000_000}, per_minute=40, per_session=30
)

LARGEST = 3 * WORST
"""What an answer may cost although it should not."""

NOISE = WORST // 10
"""What it costs at most to write down what was no question."""

COSTS = st.sampled_from([0, 1, WORST // 2, WORST - 1, WORST])

NEVER, BEFORE, AFTER = "never", "before", "after"
CUTS = st.sampled_from([NEVER] * 6 + [BEFORE, AFTER])
"""When the power goes: not at all, or before or after the next write."""


class Household(RuleBasedStateMachine):
    """A device, its file, its server and the truth about the money, all within one day."""

    @initialize(cap=st.integers(2 * WORST, 6 * WORST))
    def begin(self, cap: int) -> None:
        self.cap = cap
        self.file: str | None = None
        self.now = 0.0
        self.clock_off_s = 0.0
        self.bill = 0
        self.slips = 0
        """What the answers cost beyond their worst."""
        self.epoch = 0
        self.is_open = False
        self.opened_at = 0.0
        self.is_asked = False
        self.start()

    # -- the device --------------------------------------------------------------------------------

    def start(self) -> None:
        """A run begins with what was kept."""
        ledger = Ledger(hour) if self.file is None else Ledger.read(self.file, hour)
        ledger.begin(self.clock, self.now)
        limits = Limits("EUR", {period: MoneyLimit(hard=self.cap) for period in (Period.MONTH, Period.DAY)})
        self.budget = Budget(limits, (Costs("cloud", PRICES, WORST),), ledger)

    @precondition(lambda self: not self.is_open)
    @rule(cut=CUTS)
    def open(self, cut: str) -> None:
        if self.budget.against(None, 0, self.now) is not None:
            return
        self.epoch += 1
        if not self.carry_out(self.budget.opening(self.epoch, 0, self.now), cut):
            return
        self.is_open, self.opened_at = True, self.now
        self.bill += PRICES.per_session
        self.carry_out(self.budget.opened(self.epoch, self.now), NEVER)
        self.mind()

    @precondition(lambda self: self.is_open)
    @rule(cut=CUTS)
    def close(self, cut: str) -> None:
        self.hang_up(0)
        self.carry_out(self.budget.ended(self.epoch, self.now), cut)

    @precondition(lambda self: self.is_open)
    @rule(cut=CUTS, cost=COSTS, slip=st.sampled_from([0] * 4 + [LARGEST - WORST]))
    def answer(self, cut: str, cost: int, slip: int) -> None:
        """Somebody speaks and is answered; ``cut`` is at the first write."""
        say = self.budget.server_said
        if not self.carry_out(say(self.epoch, SPOKE, self.now), cut):
            return
        self.carry_out(say(self.epoch, COMMITTED, self.now), NEVER)
        self.carry_out(say(self.epoch, created(), self.now), NEVER)
        self.bill += cost + slip
        self.slips += max(0, cost + slip - WORST)
        self.carry_out(say(self.epoch, done(tokens=cost + slip), self.now), NEVER)
        self.mind()

    @rule(costs=st.lists(COSTS, min_size=1, max_size=8))
    def converse(self, costs: list[int]) -> None:
        """One turn after the other, while there is budget."""
        for cost in costs:
            if not self.is_open:
                self.open(NEVER)
            if self.is_open:
                self.answer(NEVER, cost, 0)

    @precondition(lambda self: self.is_open)
    @rule(cost=COSTS, is_made=st.booleans(), is_ours=st.booleans(), is_cut=st.booleans())
    def break_off(self, cost: int, is_made: bool, is_ours: bool, is_cut: bool) -> None:
        """An answer is under way when the power goes, or the session is lost."""
        if is_ours:
            self.carry_out(self.budget.asked(self.epoch, self.now), NEVER)
        else:
            for event in (SPOKE, COMMITTED):
                self.carry_out(self.budget.server_said(self.epoch, event, self.now), NEVER)
        if is_made:
            self.carry_out(self.budget.server_said(self.epoch, created(), self.now), NEVER)
        self.bill += cost
        if is_cut:
            self.cut_power()
        else:
            self.hang_up(0)
            self.carry_out(self.budget.ended(self.epoch, self.now), NEVER)

    @precondition(lambda self: self.is_open)
    @rule(tokens=st.integers(0, NOISE))
    def make_a_noise(self, tokens: int) -> None:
        """Something is heard and written down, and not answered."""
        self.carry_out(self.budget.server_said(self.epoch, SPOKE, self.now), NEVER)
        self.bill += tokens
        self.carry_out(self.budget.server_said(self.epoch, heard(tokens), self.now), NEVER)
        self.mind()

    @precondition(lambda self: self.is_open)
    @rule(tokens=st.integers(0, NOISE), cut=CUTS)
    def write_down_late(self, tokens: int, cut: str) -> None:
        """What was said is written down after it was answered; ``cut`` is before or after that is kept."""
        if cut != BEFORE:
            self.bill += tokens
        if self.carry_out(self.budget.server_said(self.epoch, heard(tokens), self.now), cut):
            self.mind()

    # -- the world ---------------------------------------------------------------------------------

    @rule(duration_s=st.floats(0, 600), cut=CUTS)
    def wait(self, duration_s: float, cut: str) -> None:
        until = min(self.now + duration_s, 11 * HOUR_S)
        while (at := self.budget.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            if not self.carry_out(self.budget.tick(self.now), cut):
                return
            if self.mind():
                break
            self.budget.against(None, 0, self.now)
        self.now = max(self.now, until)

    @rule()
    def cut_power(self) -> None:
        """The power goes, and is back at once."""
        if self.is_open:
            self.hang_up(ORPHAN_MS)
        self.start()

    @rule(back_s=st.sampled_from([60.0, 3_600.0, 86_400.0, NOON_S]))
    def set_the_clock_back(self, back_s: float) -> None:
        self.clock_off_s = -back_s
        self.look_at_the_clock()

    @rule(ahead_s=st.sampled_from([0.0, 86_400.0, 40 * 86_400.0]))
    def set_the_clock_ahead_and_back(self, ahead_s: float) -> None:
        """It is put right before it is believed."""
        self.clock_off_s = ahead_s
        self.look_at_the_clock()
        self.wait(SETTLE_S / 2, NEVER)
        self.clock_off_s = 0.0
        self.look_at_the_clock()

    def look_at_the_clock(self) -> None:
        self.budget.see_clock(self.clock, self.now)

    @property
    def clock(self) -> float:
        return max(0.0, NOON_S + self.now + self.clock_off_s)

    # -- what the rules have in common -------------------------------------------------------------

    def carry_out(self, commands: list[Command], cut: str) -> bool:
        """Carry out what the budget commands; returns whether there is still power."""
        for command in commands:
            if isinstance(command, SaveLedger) and cut == BEFORE:
                self.cut_power()
                return False
            if isinstance(command, SaveLedger):
                self.file = command.text
            if isinstance(command, SaveLedger) and cut == AFTER:
                self.cut_power()
                return False
        return True

    def mind(self) -> bool:
        """End the session if it may not go on, as the agent does."""
        if not self.is_open or self.budget.against(self.epoch, 0, self.now) is None:
            return False
        self.hang_up(0)
        self.carry_out(self.budget.ended(self.epoch, self.now), NEVER)
        return True

    def hang_up(self, late_ms: int) -> None:
        """The session ends for the server, so much later than for the device."""
        self.is_open = False
        self.bill += PRICES.of_open_ms(int((self.now - self.opened_at) * 1000) + late_ms)

    @invariant()
    def no_more_is_spent_than_the_limit_and_one_answer(self) -> None:
        assert self.bill <= self.cap + max(LARGEST, NOISE)

    @invariant()
    def the_limit_is_kept_while_answers_cost_no_more_than_their_worst(self) -> None:
        assert self.bill <= self.cap + self.slips + NOISE

    @invariant()
    def the_books_know_of_everything(self) -> None:
        assert self.budget.ledger.spent_micros(Period.MONTH) >= self.bill


TestHousehold = Household.TestCase
TestHousehold.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
