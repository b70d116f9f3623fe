"""A daemon with a budget: stops before too much is spent, says so once, forgets nothing when it is killed.

Money is a millionth for each token, so that what was spent is the tokens that the server billed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_agent.bookkeeper import name_hour
from edge_agent.core.ledger import Ledger
from edge_agent.core.periods import Period
from edge_agent.core.tally import Tally
from tests.processes import DEADLINE_S, Daemon, Watch, running, running_daemon
from tests.system.local_server import LocalServer, local_server, until

WORST = 700
"""Tokens that an answer may take: the history's limit and the answer's."""

HARD = 1_000


def config_for(server: LocalServer) -> dict[str, Any]:
    tokens = {"text_input": 1, "text_output": 1}
    endpoint = {**server.endpoint(), "prices": {"per_million_tokens": tokens}}
    limit = {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 400}}
    return {
        "endpoints": [endpoint],
        "session": {"max_output_tokens": WORST - 400, "truncation": limit},
        "budget": {"currency": "XTS", "soft_per_day": 0.0001, "hard_per_day": HARD / 1e6},
        "gpio": {"factory": "none"},
    }


def told(daemon: Daemon, *options: str) -> str:
    """Return what ``edge-agent budget`` prints about it."""
    config = ["--config", str(daemon.config_path), "--file", str(ledger_of(daemon))]
    command = [sys.executable, "-m", "edge_agent", "budget", *config, *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=2 * DEADLINE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def ledger_of(daemon: Daemon) -> Path:
    return daemon.folder / "state" / "edge-agent" / "ledger.json"


def today(daemon: Daemon) -> Tally:
    """Return what is booked for the day."""
    return Ledger.read(ledger_of(daemon).read_text(), name_hour).used(Period.DAY)


def billed(server: LocalServer) -> tuple[int, int]:
    """Return how many responses and tokens the server has billed, in all calls."""
    state = server.state()
    bills = [call["billed"] for call in (*state["calls"], *state["ended_calls"])]
    tokens = sum(bill.get("input_tokens", 0) + bill.get("output_tokens", 0) for bill in bills)
    return sum(bill.get("responses", 0) for bill in bills), tokens


def booked(daemon: Daemon) -> tuple[int, int]:
    """Return the same as the ledger has it; that money and tokens are the same is checked by the way."""
    used = today(daemon)
    tokens = sum(used.tokens.values())
    assert used.micros == tokens
    return used.responses, tokens


def wait_until_booked(daemon: Daemon, server: LocalServer) -> None:
    """Wait until the ledger has what the server has billed."""
    until(lambda: booked(daemon) == billed(server), "what the server billed is in the books", pause_s=0.2)


def ask(watch: Watch) -> None:
    """Ask something in writing, and wait until it is answered and the answer has been heard."""
    mark = len(watch.messages)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good evening."}]}
    watch.send(do="send", event={"type": "conversation.item.create", "item": item})
    watch.send(do="send", event={"type": "response.create"})
    watch.wait_for_event("response.done", mark=mark)


def notices(watch: Watch, name: str) -> int:
    return sum(
        (message["type"], message.get("notice")) == ("notice", name) for message in list(watch.messages)
    )


@pytest.mark.usefixtures("_midday")
def test_a_budget_is_kept_through_a_kill_and_stops_before_the_limit() -> None:
    with local_server() as server, running_daemon(config_for(server)) as first, ExitStack() as stack:
        first.seen.wait_for_state("ready")
        ask(first.seen)
        ask(first.seen)
        assert first.seen.wait_for_notice("budget_low").endswith(" XTS were spent in this day")
        wait_until_booked(first, server)
        before = booked(first)
        killed = [call["id"] for call in server.open_calls()]
        first.process.kill()
        assert booked(first) == before
        assert before[0] == 2

        kept = {"XDG_STATE_HOME": str(first.folder / "state")}
        stack.enter_context(running(first.process.command, kept))
        watch = Watch(first.socket)
        stack.callback(watch.close)
        watch.wait_for_state("budget-low")
        while today(first).micros + WORST <= HARD:
            ask(watch)
            wait_until_booked(first, server)
        watch.wait_for_notice("budget_spent")
        watch.wait_for_state("budget")
        assert HARD - WORST < today(first).micros <= HARD
        until(lambda: {call["id"] for call in server.open_calls()} <= set(killed), "the session is closed")
        assert watch.leds()[-1] == "amber-flash"
        calls = server.calls_made()
        watch.send(do="press", button="none")
        assert notices(watch, "budget_spent") == notices(watch, "budget_low") + 1 == 1
        assert server.calls_made() == calls == 2
        shown = json.loads(told(first, "--json"))["periods"]["day"]
        assert shown["spent_micros"] == shown["used"]["micros"] == billed(server)[1]
        assert shown["remaining_micros"] == HARD - shown["spent_micros"]
