"""The form of a mistake."""

from __future__ import annotations

from edge_agent.config.mistakes import MOST_TOLD, BadConfig, Mistake, Place, any_of, closest, key_text
from edge_agent.errors import ConfigError


def test_a_mistake_is_one_line_with_all_that_is_known() -> None:
    mistake = Mistake(("sound", "duplex"), "half or full", "the text", Place(3, 9), "half", "or leave it out")
    assert mistake.line("a.yaml") == (
        "a.yaml:3:9: sound.duplex: expected half or full, got the text; did you mean half?; or leave it out"
    )


def test_a_mistake_of_the_whole_file_has_no_line() -> None:
    assert Mistake((), "a file", "none").line("a.yaml") == "a.yaml: (file): expected a file, got none"


def test_mistakes_are_told_in_the_order_of_the_file() -> None:
    error = BadConfig("f", [Mistake(("b",), "x", "y", Place(9, 1)), Mistake(("a",), "x", "y", Place(2, 5))])
    assert isinstance(error, ConfigError)
    assert str(error) == "f:2:5: a: expected x, got y\nf:9:1: b: expected x, got y"


def test_a_flood_of_mistakes_is_cut_short() -> None:
    mistakes = [Mistake((f"k{n}",), "x", "y", Place(n + 1, 1)) for n in range(MOST_TOLD + 7)]
    lines = str(BadConfig("f", mistakes)).splitlines()
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == "f: and 7 more mistakes"


def test_a_path_reads_as_a_person_writes_it() -> None:
    assert key_text(("endpoints", 0, "key", "env")) == "endpoints[0].key.env"


def test_the_closest_choice_ignores_case_and_the_kind_of_dash() -> None:
    assert closest("Always_On", ["always-on", "button"]) == "always-on"
    assert closest("xyz", ["always-on", "button"]) is None


def test_choices_are_listed_in_words() -> None:
    assert [any_of(list("abc")[:n]) for n in range(4)] == ["", "a", "a or b", "a, b or c"]
