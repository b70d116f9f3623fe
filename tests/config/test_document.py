"""YAML text to nodes: how values are read, and what is refused."""

from __future__ import annotations

import pytest
import yaml

from edge_agent.config.document import MAX_DEPTH, MAX_NODES, Mapping, Scalar, Sequence, parse_document
from edge_agent.config.mistakes import BadConfig, Place


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure":
        monkeypatch.delattr(yaml, "CSafeLoader")


def value_of(text: str) -> object:
    node = parse_document(f"key: {text}", "f")
    assert isinstance(node, Mapping)
    scalar = node.entries[0].value
    assert isinstance(scalar, Scalar)
    return scalar.value


def refusal_of(text: str) -> str:
    with pytest.raises(BadConfig) as caught:
        parse_document(text, "f")
    return str(caught.value)


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "n", "On", "NO"])
def test_booleans_of_old_yaml_are_words(word: str) -> None:
    assert value_of(word) == word


@pytest.mark.parametrize(
    "text", ["10:30", "2026-01-31", "1_000", "010", "0b11", ".inf", ".nan", "1e", "=", "<<"]
)
def test_old_number_and_date_forms_are_words(text: str) -> None:
    assert value_of(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("0x1f", 31),
        ("0o17", 15),
        ("12345678901234567890", 12345678901234567890),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("'true'", "true"),
        ('"12"', "12"),
        ("''", ""),
    ],
)
def test_values_are_those_of_the_core_schema(text: str, value: object) -> None:
    read = value_of(text)
    assert read == value
    assert type(read) is type(value)


def test_numbers_beyond_any_use_are_words() -> None:
    assert value_of("9" * 5000) == "9" * 5000
    assert value_of("1e9999") == "1e9999"


def test_nodes_know_their_place() -> None:
    root = parse_document("# comment\nä: [1,\n  zwei]\n", "f")
    assert isinstance(root, Mapping)
    items = root.entries[0].value
    assert isinstance(items, Sequence)
    assert root.entries[0].place == Place(2, 1)
    assert [item.place for item in items.items] == [Place(2, 5), Place(3, 3)]


def test_keys_are_taken_as_they_are_written() -> None:
    root = parse_document("on: 1\n2: b\nnull: c\n", "f")
    assert isinstance(root, Mapping)
    assert [entry.key for entry in root.entries] == ["on", "2", "null"]


def test_an_alias_repeats_its_anchor() -> None:
    root = parse_document("a: &x [1, 2]\nb: *x\n", "f")
    assert isinstance(root, Mapping)
    assert root.entries[0].value is root.entries[1].value


def test_aliases_can_not_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert f"expected at most {MAX_NODES} values" in refusal_of("\n".join(lines))


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert "f:1:8: (file): expected an alias of an earlier anchor, got *x" in refusal_of("a: &x [*x]")


def test_deep_nesting_is_refused() -> None:
    assert refusal_of("a: " + "[" * 3000).startswith(
        f"f:1:{MAX_DEPTH + 4}: (file): expected at most {MAX_DEPTH} levels of nesting, got more"
    )


def test_too_many_values_are_refused() -> None:
    assert f"expected at most {MAX_NODES} values" in refusal_of("a: [" + "1," * (MAX_NODES + 1) + "]")


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!str 5", "!own 5", "!!binary aGk=", "!!set {a}"]
)
def test_tags_are_refused(tag: str) -> None:
    assert refusal_of(f"a: {tag}").startswith("f:1:4: (file): expected a value without a tag, got the tag ")


def test_a_second_document_is_refused() -> None:
    assert refusal_of("a: 1\n---\nb: 2\n").startswith(
        "f:2:1: (file): expected one document, got a second one"
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert "(file): expected keys such as 'mode: always-on', got an empty file" in refusal_of(text)


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a: 1\n\tb: 2\n", "a:\n  b: 1\n  \tc: 2\n"])
def test_a_tab_as_indentation_is_named(text: str) -> None:
    assert "expected spaces as indentation, got a tab" in refusal_of(text)


def test_a_control_character_is_named_with_its_place() -> None:
    expected = "f:2:4: (file): expected printable characters, got the control character U+0007"
    assert refusal_of("ä: 1\nü: \x07\n") == expected


def test_a_list_as_key_is_refused() -> None:
    assert refusal_of("? [a, b]\n: 1\n").startswith("f:1:3: (file): expected a word as key")


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2\nb: 3\n",
        "a: b: c\n",
        "a: 'x\n",
        "a: @x\n",
        "- a\nb: 1\n",
        "a: {b: 1\n",
        "%FOO\n---\na: 1\n%",
        "a: 1\n b: 2\n",
    ],
)
def test_bad_syntax_is_told_with_its_place(text: str) -> None:
    message = refusal_of(text)
    file, line, column, rest = message.split(":", 3)
    assert file == "f"
    assert int(line) >= 1
    assert int(column) >= 1
    assert rest.startswith(" (file): expected valid YAML, got ")
