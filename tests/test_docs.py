"""What ARCHITECTURE.md draws is what the code does: its tables and drawings are made from the code.

``python tests/test_docs.py`` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core import (
    attention,
    breaker,
    gate,
    indicator,
    lapse,
    link,
    lost_answer,
    policy,
    renewal,
    request,
    status,
    talk,
)

ARCHITECTURE = Path(__file__).parents[1] / "ARCHITECTURE.md"

BLOCK = re.compile(r"(?<=<!-- table: )(?P<name>\w+) -->\n(?P<content>.*?)(?=<!-- end -->\n)", re.DOTALL)

Transitions = Mapping[Any, Mapping[Any, str]]
"""A state machine's table: from an enum's value to its other values, with what makes the move."""


def priority_table() -> str:
    """Return the states of the agent in falling priority."""
    rows = [
        f"| {number} | {rule.state.value} | {rule.when} |" for number, rule in enumerate(status.PRIORITY, 1)
    ]
    return "\n".join(["| | state | when |", "|---|---|---|", *rows]) + "\n"


def drawing(transitions: Transitions, starts: Mapping[Any, str]) -> str:
    """Return a state machine as mermaid; ``starts`` are the states it can begin in, with the reason."""
    lines = [_arrow("[*]", state.value, why) for state, why in starts.items()]
    for state, moves in transitions.items():
        lines += [_arrow(state.value, new.value, why) for new, why in moves.items()]
        if not moves:
            lines.append(_arrow(state.value, "[*]", ""))
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"]) + "\n"


def _arrow(old: str, new: str, why: str) -> str:
    return f"    {old} --> {new}: {why}" if why else f"    {old} --> {new}"


def link_drawing() -> str:
    """Return the connection's states."""
    return drawing(link.TRANSITIONS, {link.LinkState.NEW: ""})


def talk_drawing() -> str:
    """Return the states of listening."""
    starts = {talk.TalkState.OPEN: "always-on mode", talk.TalkState.OFF: "button mode"}
    return drawing(talk.TRANSITIONS, starts)


def attention_drawing() -> str:
    """Return whether the room is listened to."""
    starts = {
        attention.AttentionState.AWAKE: "always-on mode",
        attention.AttentionState.ASLEEP: "button and wake-word mode",
    }
    return drawing(attention.TRANSITIONS, starts)


def request_drawing() -> str:
    """Return the states of one response.create."""
    return drawing(request.TRANSITIONS, {request.RequestState.NONE: ""})


def renewal_drawing() -> str:
    """Return how far a session's successor is."""
    return drawing(renewal.TRANSITIONS, {renewal.RenewalState.NONE: ""})


def breaker_drawing() -> str:
    """Return how far hearing while speaking is trusted."""
    starts = {
        breaker.BreakerState.TRUSTED: "full, or auto with echo cancellation",
        breaker.BreakerState.HALF: "half, or auto without",
    }
    return drawing(breaker.TRANSITIONS, starts)


def passage_drawing() -> str:
    """Return whether what is sent gets there."""
    return drawing(lapse.TRANSITIONS, {lapse.Passage.OPEN: ""})


def reach_drawing() -> str:
    """Return whether what the microphone hears is sent."""
    return drawing(gate.TRANSITIONS, {gate.Reach.SENT: ""})


def loss_drawing() -> str:
    """Return what is thought of an answer that was due in a lapse."""
    return drawing(lost_answer.TRANSITIONS, {lost_answer.Loss.NONE: ""})


RENDERERS: dict[str, Callable[[], str]] = {
    "status": priority_table,
    "leds": indicator.render_table,
    "link": link_drawing,
    "renewal": renewal_drawing,
    "policy": policy.render_table,
    "attention": attention_drawing,
    "talk": talk_drawing,
    "request": request_drawing,
    "breaker": breaker_drawing,
    "passage": passage_drawing,
    "reach": reach_drawing,
    "loss": loss_drawing,
}
"""What stands between ``<!-- table: NAME -->`` and ``<!-- end -->``."""


def renewed(text: str) -> str:
    """Return ``text`` with every block as the code has it now."""
    return BLOCK.sub(lambda block: f"{block['name']} -->\n{RENDERERS[block['name']]()}", text)


@pytest.mark.parametrize("name", RENDERERS)
def test_the_document_shows_what_the_code_holds(name: str) -> None:
    blocks = {block["name"]: block["content"] for block in BLOCK.finditer(ARCHITECTURE.read_text("utf-8"))}
    assert blocks.get(name) == RENDERERS[name](), "run: python tests/test_docs.py"


def test_every_block_of_the_document_is_made_from_code() -> None:
    names = re.findall(r"<!-- table: (\w+) -->", ARCHITECTURE.read_text("utf-8"))
    assert sorted(names) == sorted(RENDERERS)


def test_an_outdated_block_is_replaced_and_the_rest_is_left_alone() -> None:
    text = "before\n<!-- table: status -->\nold\n<!-- end -->\nafter <!-- end -->\n"
    assert (
        renewed(text)
        == f"before\n<!-- table: status -->\n{priority_table()}<!-- end -->\nafter <!-- end -->\n"
    )


def test_a_drawing_shows_every_move_with_its_reason() -> None:
    text = talk_drawing()
    assert "    [*] --> open: always-on mode\n" in text
    assert "    held --> tail: the talk button goes up\n" in text
    assert text.count("-->") == 2 + sum(len(moves) for moves in talk.TRANSITIONS.values())


@pytest.mark.parametrize(
    "transitions",
    [
        link.TRANSITIONS,
        renewal.TRANSITIONS,
        talk.TRANSITIONS,
        request.TRANSITIONS,
        breaker.TRANSITIONS,
        gate.TRANSITIONS,
        lapse.TRANSITIONS,
        lost_answer.TRANSITIONS,
    ],
)
def test_reasons_hold_nothing_that_ends_a_statement_of_mermaid(transitions: Transitions) -> None:
    reasons = [why for moves in transitions.values() for why in moves.values()]
    assert not [why for why in reasons if ";" in why or ":" in why]


def test_the_end_of_a_machine_is_drawn() -> None:
    assert "    stopped --> [*]\n" in link_drawing()


if __name__ == "__main__":
    ARCHITECTURE.write_text(renewed(ARCHITECTURE.read_text("utf-8")), "utf-8")
