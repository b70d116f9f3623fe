"""`edge-agent budget`: a table, JSON, and what it says when there is nothing to show."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edge_agent.bookkeeper import FILE_NAME, name_hour, write_whole
from edge_agent.cli import main
from edge_agent.core.ledger import Ledger
from edge_agent.core.tally import Tally

CONFIG = """
endpoints: [{name: a, profile: local, url: 'http://127.0.0.1:1', prices: {per_minute: 0.1}}]
budget: {currency: EUR, soft_per_day: 2, hard_per_day: 3}
"""


@pytest.fixture
def books(_state_of_its_own: Path) -> Path:
    """A ledger of this user with something in it."""
    ledger = Ledger(name_hour)
    ledger.begin(time.time(), 0.0)
    ledger.book("a", Tally(1_250_000, 2, 7, 3_723_000, tokens={"audio_output": 90}))
    ledger.hold(1, "a", 500_000)
    path = _state_of_its_own / "edge-agent" / FILE_NAME
    path.parent.mkdir()
    write_whole(path, ledger.text(0.0))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge-agent.yaml"
    path.write_text(CONFIG)
    return path


def test_a_table_shows_what_was_spent_and_what_is_left(
    books: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budget", "--config", str(config), "--file", str(books)]) == 0
    shown = capsys.readouterr().out
    rows = {line[:24].strip(): line[24:].split("  ") for line in shown.splitlines()[2:]}
    assert shown.splitlines()[0] == str(books)
    for name, cell in {"spent": "1.75 EUR", "limit": "3.00 EUR", "remaining": "1.25 EUR"}.items():
        assert any(cell in line for line in shown.splitlines() if line.startswith(name)), rows
    assert "1:02:03" in shown
    assert "tokens: audio output" in shown


def test_json_has_the_same_in_whole_millionths(
    books: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["budget", "--json", "--config", str(config), "--file", str(books)]) == 0
    shown = json.loads(capsys.readouterr().out)
    day = shown["periods"]["day"]
    assert (shown["file"], shown["currency"], shown["held_micros"]) == (str(books), "EUR", 500_000)
    assert (day["spent_micros"], day["hard_micros"], day["remaining_micros"]) == (
        1_750_000,
        3_000_000,
        1_250_000,
    )
    assert day["endpoints"]["a"]["responses"] == 7
    assert shown["periods"]["hour"]["hard_micros"] is None


def test_without_prices_it_says_that_money_is_not_counted(
    books: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(name_hour)
    ledger.begin(time.time(), 0.0)
    write_whole(books, ledger.text(0.0))
    (tmp_path / "free.yaml").write_text("mode: always-on")
    assert main(["budget", "--config", str(tmp_path / "free.yaml"), "--file", str(books)]) == 0
    assert "not counted: no prices" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "can't be read: there is no such file"), (b"{", "is no ledger: "), (b"\xff", "it is no text")],
)
def test_what_is_no_ledger_is_said(
    content: bytes | None, says: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["budget", "--config", str(config), "--file", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"edge-agent: {path} ")
    assert says in error
    assert path.exists() == (content is not None)
