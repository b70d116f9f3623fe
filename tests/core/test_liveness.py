from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.liveness import (
    ASLEEP_AFTER_S,
    CHECKS_AT_ONCE,
    DOUBT_AFTER_S,
    OPEN_FOR_S,
    PATH_DEAD_AFTER_S,
    PEER_DEAD_AFTER_S,
    STREAM_HEALS_WITHIN_S,
    Judgement,
    Liveness,
    Signs,
    Trust,
)

LOOK_S = 0.5
IDLE_CONSENT_S = 5.0


@dataclass
class World:
    """A connection and its surroundings in virtual time: what is there, and what the watchdog makes of it."""

    peer_answers: bool = True
    """Checks come back."""
    sound: bool = True
    """Fifty packets a second."""
    path: bool = True
    plays: bool = False
    owes: bool = False
    gone: bool = False
    stuck: bool = False
    """What was sent was sent again."""
    now: float = 100.0
    signs: Signs = field(default_factory=lambda: Signs(packets=0))
    faults: list[Fault] = field(default_factory=list)
    doubted_at: list[float] = field(default_factory=list)
    checks: int = 0
    probes: int = 0

    def __post_init__(self) -> None:
        self.liveness = Liveness(self.now)
        self._asked_peer = False
        self._asked_path = False

    def live(self, for_s: float, look_s: float = LOOK_S) -> None:
        """Let time pass."""
        until = self.now + for_s
        while self.now < until - 1e-9:
            self.now += look_s
            self._arrive()
            self._look()

    def _arrive(self) -> None:
        packets = self.signs.packets or 0
        sound = self.signs.sound_packets
        if self.path and self.sound:
            packets, sound = packets + 25, sound + 25
        if self.path and self.peer_answers and self._asked_peer:
            packets += 1
        is_open = self.path if self._asked_path else self.signs.path_is_open
        self.signs = replace(
            self.signs,
            packets=packets,
            sound_packets=sound,
            path_is_open=is_open,
            plays=self.plays,
            owes_sound=self.owes,
            address_is_gone=self.gone,
            is_stuck=self.stuck,
        )

    def _look(self) -> None:
        trust_before = self.liveness.trust
        judgement: Judgement = self.liveness.look(self.signs, self.now)
        self._asked_peer, self._asked_path = judgement.check_peer, judgement.probe_path
        self.checks += judgement.check_peer
        self.probes += judgement.probe_path
        if judgement.fault is not None:
            self.faults.append(judgement.fault)
        if trust_before is Trust.TRUSTED and self.liveness.trust is Trust.DOUBTED:
            self.doubted_at.append(self.now)

    @property
    def kinds(self) -> list[FaultKind]:
        return [fault.kind for fault in self.faults]


def test_server_that_talks_is_asked_nothing() -> None:
    world = World()
    world.live(60.0)
    assert (world.checks, world.probes, world.faults) == (0, 0, [])


def test_server_with_nothing_to_say_is_trusted_while_it_answers_checks() -> None:
    world = World(sound=False)
    world.live(600.0)
    assert world.liveness.trust is Trust.TRUSTED
    assert (world.doubted_at, world.faults, world.probes) == ([], [], 0)


def test_dead_peer_is_doubted_within_5_s_and_replaced_within_8_s() -> None:
    world = World()
    world.live(10.0)
    died_at = world.now
    world.sound = world.peer_answers = False
    world.live(8.0)
    assert world.kinds == [FaultKind.PEER_DEAD]
    assert world.doubted_at[0] - died_at <= 5.0
    assert world.checks >= CHECKS_AT_ONCE


def test_outage_is_waited_for_and_then_everything_is_as_before() -> None:
    for outage_s in (3.0, 10.0, 20.0, 24.0):
        world = World()
        world.live(10.0)
        world.path = False
        world.live(outage_s)
        world.path = True
        world.live(10.0)
        assert world.faults == [], outage_s
        assert world.liveness.trust is Trust.TRUSTED


def test_outage_is_survived_by_a_server_with_nothing_to_say() -> None:
    world = World(sound=False)
    world.live(10.0)
    world.path = False
    world.live(20.0)
    world.path = True
    world.live(10.0)
    assert world.faults == []


def test_path_that_stays_dead_ends_the_session() -> None:
    world = World()
    world.path = False
    world.live(PATH_DEAD_AFTER_S + 2 * LOOK_S)
    assert world.kinds == [FaultKind.PATH_DEAD]


def test_peer_that_is_dead_when_the_path_comes_back_is_replaced_soon() -> None:
    world = World()
    world.path = False
    world.live(12.0)
    world.path, world.sound, world.peer_answers = True, False, False
    world.live(4.0)
    assert world.kinds == [FaultKind.PEER_DEAD]


def test_verdict_waits_for_the_probe_of_the_path() -> None:
    liveness = Liveness(0.0)
    looks = [liveness.look(Signs(packets=0), LOOK_S * n) for n in range(int(PATH_DEAD_AFTER_S / LOOK_S))]
    assert all(look.fault is None for look in looks)
    assert looks[int(PEER_DEAD_AFTER_S / LOOK_S)].probe_path or looks[-1].probe_path


def test_changed_address_ends_the_session_once_there_is_another_way() -> None:
    world = World()
    world.live(10.0)
    world.gone = True
    world.live(3.0)
    assert world.kinds == [FaultKind.MOVED]


def test_address_that_is_gone_with_the_path_is_waited_for() -> None:
    world = World()
    world.live(10.0)
    world.gone, world.path = True, False
    world.live(15.0)
    world.gone, world.path = False, True
    world.live(10.0)
    assert world.faults == []


def test_address_that_is_renewed_in_a_moment_changes_nothing() -> None:
    world = World()
    world.gone = True
    world.live(0.5)
    world.gone = False
    world.live(10.0)
    assert world.faults == []


def test_announced_sound_that_stays_away_ends_the_session() -> None:
    world = World()
    world.live(10.0)
    world.plays = True
    world.live(5.0)
    world.sound = False
    world.live(4.0)
    assert world.kinds == [FaultKind.DEAF]


def test_announced_sound_that_never_begins_ends_the_session() -> None:
    world = World(sound=False)
    world.live(10.0)
    world.plays = True
    world.live(4.0)
    assert world.kinds == [FaultKind.DEAF]


def test_sound_of_an_answer_that_was_made_is_waited_for_a_while() -> None:
    world = World(sound=False)
    world.owes = True
    world.live(2.5)
    world.owes = False
    world.live(10.0)
    assert world.faults == []
    world.owes = True
    world.live(4.0)
    assert world.kinds == [FaultKind.DEAF]


def test_server_that_never_says_when_it_stops_is_not_blamed_for_having_stopped() -> None:
    world = World(sound=False)
    world.live(10.0)
    world.plays = world.sound = True
    world.live(5.0)
    world.sound = False
    world.live(60.0)
    assert world.faults == []


def test_server_that_says_when_it_stops_is_believed_the_next_time() -> None:
    world = World(sound=False)
    world.plays = world.sound = True
    world.live(5.0)
    world.plays = world.sound = False
    world.live(5.0)
    world.plays = world.sound = True
    world.live(2.0)
    world.sound = False
    world.live(4.0)
    assert world.kinds == [FaultKind.DEAF]


def test_server_that_is_known_to_say_when_it_stops_is_believed_at_once() -> None:
    world = World(sound=False)
    world.liveness = Liveness(world.now, ends_are_known=True)
    world.plays = world.sound = True
    world.live(2.0)
    world.sound = False
    world.live(4.0)
    assert world.kinds == [FaultKind.DEAF]


def test_outage_in_the_middle_of_an_answer_does_not_count_as_missing_sound() -> None:
    for outage_s in (2.5, 3.0, 3.5, 6.0, 20.0):
        world = World(plays=True)
        world.live(10.0)
        world.path = False
        world.live(outage_s)
        world.path = True
        world.live(5.0)
        assert world.faults == [], outage_s


def test_time_that_this_machine_slept_is_not_held_against_the_peer() -> None:
    world = World()
    world.live(10.0)
    world.now += 3600.0
    world.sound = False
    world.live(1.0)
    assert world.liveness.trust is Trust.TRUSTED
    world.live(10.0)
    assert world.faults == []


def test_connection_whose_packets_cannot_be_counted_is_left_to_others() -> None:
    liveness = Liveness(0.0)
    looks = [liveness.look(Signs(packets=None), n * LOOK_S) for n in range(200)]
    assert set(looks) == {Judgement()}


def test_nothing_is_asked_after_the_end() -> None:
    world = World()
    world.sound = world.peer_answers = False
    world.live(30.0)
    assert len(world.faults) == 1
    assert world.liveness.look(world.signs, world.now) == Judgement()


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.floats(0.1, ASLEEP_AFTER_S),
        ),
        max_size=200,
    )
)
def test_a_session_is_never_ended_for_silence_that_did_not_last(
    story: list[tuple[bool, bool, bool, bool, bool, float]],
) -> None:
    """Whatever happens: no verdict about peer or path while something arrived in the last seconds."""
    world = World()
    last_arrival = world.now
    for peer, sound, path, plays, gone, step_s in story:
        world.peer_answers, world.sound, world.path = peer, sound, path
        world.plays, world.gone = plays, gone
        packets = world.signs.packets
        world.live(step_s, step_s)
        if world.signs.packets != packets:
            last_arrival = world.now
        if world.kinds and world.kinds[0] in (FaultKind.PEER_DEAD, FaultKind.PATH_DEAD):
            assert world.now - last_arrival >= PEER_DEAD_AFTER_S - 1e-6
            return
        if world.liveness.trust is Trust.DOUBTED:
            assert world.now - last_arrival >= DOUBT_AFTER_S - 1e-6


def outage_of_a_stream(outage_s: float, first_retry_s: float) -> World:
    """A path that is closed for a while, under a stream both of whose sides send again ever more rarely."""
    world = World(sound=False)
    world.live(10.0)
    world.path, world.stuck = False, True
    world.live(outage_s)
    retries_s = (first_retry_s * (2**n - 1) for n in itertools.count(1))
    heals_after_s = next(at_s for at_s in retries_s if at_s >= outage_s)
    world.path, world.peer_answers = True, False
    world.live(heals_after_s - outage_s)
    world.peer_answers, world.stuck = True, False
    world.live(10.0)
    return world


@pytest.mark.parametrize("outage_s", [2.0, 3.0, 3.2, 4.0, 5.0, 6.0, 7.0])
@pytest.mark.parametrize("first_retry_s", [0.2, 0.25, 0.3, 0.4])
def test_a_stream_is_given_the_time_to_heal_after_its_path(outage_s: float, first_retry_s: float) -> None:
    world = outage_of_a_stream(outage_s, first_retry_s)
    assert (world.faults, world.liveness.trust) == ([], Trust.TRUSTED)


def test_a_stream_that_lost_something_before_has_no_more_time_than_others() -> None:
    world = World(sound=False, stuck=True)
    world.live(10.0)
    world.stuck = False
    world.live(2.0)
    world.peer_answers = False
    world.live(8.0)
    assert world.kinds == [FaultKind.PEER_DEAD]


def test_a_stream_that_does_not_heal_after_its_path_is_given_up() -> None:
    world = World(stuck=True)
    world.path = False
    world.live(9.0)
    world.path, world.sound, world.peer_answers = True, False, False
    world.live(OPEN_FOR_S + STREAM_HEALS_WITHIN_S + 2 * LOOK_S)
    assert world.kinds == [FaultKind.PEER_DEAD]
