"""The one answer to "what is it doing now?"."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from edge_agent.core.status import PRIORITY, AgentState, Facts, Funds, LinkPhase, Turn, Watch, state_of

CALM = Facts(
    link=LinkPhase.UP,
    turn=Turn.NOBODY,
    watch=Watch.AWAKE,
    muted=False,
    in_conversation=True,
    microphone_works=True,
    loudspeaker_works=True,
)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, AgentState.READY),
        ({"in_conversation": False}, AgentState.IDLE),
        ({"turn": Turn.PENDING}, AgentState.THINKING),
        ({"turn": Turn.PENDING, "in_conversation": False}, AgentState.THINKING),
        ({"turn": Turn.PERSON}, AgentState.LISTENING),
        ({"turn": Turn.PERSON, "link": LinkPhase.FIRST_CONNECT}, AgentState.CONNECTING),
        ({"turn": Turn.PERSON, "link": LinkPhase.RECONNECT}, AgentState.RECONNECTING),
        ({"watch": Watch.ASLEEP, "link": LinkPhase.ASLEEP}, AgentState.ASLEEP),
        ({"watch": Watch.ASLEEP, "link": LinkPhase.UP}, AgentState.ASLEEP),
        ({"watch": Watch.ASLEEP, "muted": True}, AgentState.MUTED),
        ({"watch": Watch.AWAKE, "link": LinkPhase.ASLEEP}, AgentState.IDLE),
        ({"watch": Watch.WOKEN, "link": LinkPhase.FIRST_CONNECT}, AgentState.LISTENING),
        ({"watch": Watch.WOKEN, "link": LinkPhase.UP}, AgentState.READY),
        ({"watch": Watch.WOKEN, "link": LinkPhase.RECONNECT}, AgentState.RECONNECTING),
        ({"muted": True, "link": LinkPhase.RECONNECT}, AgentState.MUTED),
        ({"muted": True, "turn": Turn.PERSON}, AgentState.MUTED),
        ({"muted": True, "turn": Turn.AGENT}, AgentState.SPEAKING),
        ({"turn": Turn.AGENT, "link": LinkPhase.RECONNECT}, AgentState.SPEAKING),
        ({"turn": Turn.PERSON, "link": LinkPhase.DOUBTED}, AgentState.RECONNECTING),
        ({"turn": Turn.AGENT, "link": LinkPhase.DOUBTED}, AgentState.SPEAKING),
        ({"turn": Turn.AGENT, "loudspeaker_works": False}, AgentState.FAILED),
        ({"muted": True, "microphone_works": False}, AgentState.FAILED),
        ({"funds": Funds.LOW}, AgentState.BUDGET_LOW),
        ({"funds": Funds.LOW, "turn": Turn.PENDING}, AgentState.THINKING),
        ({"funds": Funds.SPENT, "link": LinkPhase.ASLEEP}, AgentState.BUDGET),
        ({"funds": Funds.SPENT, "turn": Turn.AGENT}, AgentState.SPEAKING),
        ({"link": LinkPhase.PARKED, "muted": True}, AgentState.FAILED),
        ({"link": LinkPhase.NOT_STARTED, "microphone_works": False}, AgentState.STARTING),
    ],
)
def test_what_a_person_is_shown(changes: dict[str, Any], state: AgentState) -> None:
    assert state_of(CALM._replace(**changes)) is state


def test_every_combination_of_facts_is_some_state_and_every_state_occurs() -> None:
    choices = (LinkPhase, Turn, Watch, *((False, True),) * 4, Funds)
    states = {state_of(Facts(*facts)) for facts in itertools.product(*choices)}
    assert states == set(AgentState)


def test_the_last_row_always_holds() -> None:
    assert PRIORITY[-1].holds(CALM)
    assert PRIORITY[-1].when == "otherwise"


def test_every_row_says_when_it_holds() -> None:
    assert len({rule.when for rule in PRIORITY}) == len(PRIORITY)
