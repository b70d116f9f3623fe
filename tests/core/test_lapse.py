"""What is missed while nothing arrives, and what was only late."""

from __future__ import annotations

from edge_agent.core.lapse import (
    COUNTED_AFTER_S,
    LAPSE_AFTER_S,
    REPORT_LIMIT_S,
    Lapse,
    Missed,
    Reception,
    Sending,
)

PACKETS_PER_S = 50
LOOK_S = 0.5


class Road:
    """The way to a server that gets every packet at once while it is open, and says so once a second."""

    def __init__(self, *, reports: bool = True, loses: bool = True) -> None:
        self.lapse = Lapse(loses=loses)
        self.now = 100.0
        self.sent = 0
        self.missed: list[Missed] = []
        self._heard_at = self.now
        self._reports = reports
        self._got = self._newest = 0
        self._waiting = 0
        self._reported_at = self.now
        self._reception: Reception | None = None

    @property
    def passage(self) -> str:
        """How the way is, as far as is known."""
        return self.lapse.passage.value

    def live(self, for_s: float, *, is_open: bool = True, is_late: bool = False) -> None:
        """Let time pass. ``is_late``: nothing arrives, but nothing is lost either."""
        until = self.now + for_s
        while self.now < until - 1e-9:
            self.now += LOOK_S
            self._pass(round(LOOK_S * PACKETS_PER_S), is_open, is_late)
            missed = self.look()
            if missed is not None:
                self.missed.append(missed)

    def look(self) -> Missed | None:
        """Look once at what is known now."""
        return self.lapse.look(self._heard_at, Sending(self.sent, 100.0, self._reception), self.now)

    def _pass(self, packets: int, is_open: bool, is_late: bool) -> None:
        self.sent += packets
        if is_late:
            self._waiting += packets
        if not is_open:
            return
        self._heard_at = self.now
        self._got += packets + self._waiting
        self._waiting = 0
        self._newest = self.sent
        if self._reports and self.now - self._reported_at >= 1.0:
            self._reported_at = self.now
            self._reception = Reception(self._newest, self._newest - self._got)


def test_nothing_is_missed_while_something_comes() -> None:
    road = Road()
    road.live(60.0)
    assert road.missed == []
    assert road.passage == "open"


def test_a_short_gap_is_no_lapse() -> None:
    road = Road()
    road.live(10.0)
    road.live(LAPSE_AFTER_S - LOOK_S, is_open=False)
    road.live(10.0)
    assert road.missed == []


def test_what_was_said_since_the_last_sign_of_life_is_missed() -> None:
    for lasts_s in (3.0, 10.0, 20.0):
        road = Road()
        road.live(10.0)
        road.live(lasts_s, is_open=False)
        assert road.passage == "lapsed"
        road.live(REPORT_LIMIT_S + LOOK_S)
        assert road.missed == [Missed(110.0)], lasts_s
        assert road.passage == "open"


def test_what_was_only_late_is_not_missed_but_for_what_was_held() -> None:
    road = Road()
    road.live(10.0)
    road.live(4.0, is_open=False, is_late=True)
    road.live(2.0)
    assert road.missed == [Missed(110.0 + LAPSE_AFTER_S, was_sent=False)]


def test_a_server_that_reports_nothing_has_missed_it() -> None:
    road = Road(reports=False)
    road.live(10.0)
    road.live(4.0, is_open=False)
    road.live(REPORT_LIMIT_S + LOOK_S)
    assert road.missed == [Missed(110.0)]


def test_the_first_report_counts_as_any_other() -> None:
    road = Road()
    road.live(LOOK_S)
    road.live(4.0, is_open=False, is_late=True)
    road.live(2.0)
    assert road.missed == [Missed(100.0 + LOOK_S + LAPSE_AFTER_S, was_sent=False)]


def lapsed_at_once(answered_checks: tuple[float, ...], began: float = 100.0) -> Missed | None:
    """A way that falls silent as the first packet is sent, and what the first report of all then tells."""
    lapse = Lapse()
    heard_at = began + COUNTED_AFTER_S / 2
    for tenths in range(1, 60):
        assert lapse.look(heard_at, Sending(5 * tenths, began), began + tenths / 10) is None
    lapse.look(began + 6.0, Sending(300, began, None, answered_checks), began + 6.0)
    return lapse.look(began + 7.0, Sending(350, began, Reception(340, 0)), began + 7.0)


def test_a_count_that_may_have_begun_after_the_lapse_proves_nothing() -> None:
    assert lapsed_at_once(()) == Missed(100.0 + COUNTED_AFTER_S / 2)


def test_a_check_that_is_answered_after_the_lapse_proves_that_all_was_late() -> None:
    missed = lapsed_at_once((102.0,))
    assert missed is not None
    assert not missed.was_sent


def test_a_check_that_may_have_been_sent_into_an_open_way_proves_nothing() -> None:
    assert lapsed_at_once((105.5,)) == Missed(100.0 + COUNTED_AFTER_S / 2)


def test_a_report_from_before_the_way_opened_proves_nothing() -> None:
    road = Road()
    road.live(10.5)  # half a second more than the last report tells of
    road.live(10.0, is_open=False)
    road._reception = Reception(road._newest, 0)
    road._heard_at = road.now
    road._reported_at = road.now
    assert road.look() is None
    road.live(REPORT_LIMIT_S)
    assert road.missed == [Missed(110.5)]


def test_a_report_that_has_seen_nothing_of_it_is_no_report() -> None:
    road = Road(reports=False)
    road.live(10.0)
    road.live(4.0, is_open=False)
    road._reception = Reception(100, 0)
    road.live(REPORT_LIMIT_S + LOOK_S)
    assert road.missed == [Missed(110.0)]


def test_a_connection_that_sends_it_again_loses_nothing() -> None:
    road = Road(reports=False, loses=False)
    road.live(10.0)
    road.live(4.0, is_open=False)
    road.live(LOOK_S)
    assert road.missed == [Missed(110.0 + LAPSE_AFTER_S, was_sent=False)]


def test_a_report_that_stays_away_is_not_waited_for_for_long() -> None:
    road = Road()
    road.live(10.0)
    road.live(4.0, is_open=False)
    road._reports = False
    road.live(REPORT_LIMIT_S + LOOK_S)
    assert road.missed == [Missed(110.0)]


def test_a_way_that_opens_for_a_moment_alone_is_judged_when_it_stays_open() -> None:
    road = Road()
    road.live(10.0)
    road.live(4.0, is_open=False)
    road._reports = False
    road.live(LOOK_S)
    road.live(4.0, is_open=False)
    road._reports = True
    road.live(3.0)
    assert road.missed == [Missed(110.0)]
