"""The files in config/: the shipped one says everything, and every example loads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import NODEFAULT, inspect

from edge_agent.config.document import parse_document
from edge_agent.config.export import json_schema
from edge_agent.config.loader import load_config, parse_config
from edge_agent.config.reader import Reader
from edge_agent.config.schema import Config
from edge_agent.config.values import UNITS, unwrapped

FOLDER = Path(__file__).parents[2] / "config"
SHIPPED = FOLDER / "edge-agent.yaml"
TEXT = SHIPPED.read_text()
UNCOMMENTED = re.sub(r"(?m)^( *)#(?=[^\s#])", r"\1", TEXT)
"""The shipped file with every commented setting switched on; no line moves."""

Keys = tuple[str, ...]


def structs_in(wanted: inspect.Type) -> Iterator[inspect.StructType]:
    """Yield the structs that a value may be, lists and unions looked through."""
    match unwrapped(wanted):
        case inspect.StructType() as struct:
            yield struct
        case inspect.UnionType() as union:
            for member in union.types:
                yield from structs_in(member)
        case inspect.VarTupleType() as items:
            yield from structs_in(items.item_type)


def defaults_in(wanted: inspect.Type, path: Keys = ()) -> dict[Keys, Any]:
    """Return the default of every key below a type; NODEFAULT for a required one."""
    found: dict[Keys, Any] = {}
    for struct in structs_in(wanted):
        for field in struct.fields:
            here = (*path, field.encode_name)
            has_factory = field.default_factory is not NODEFAULT
            found[here] = field.default_factory() if has_factory else field.default
            found |= defaults_in(field.type, here)
    return found


def lines_of_keys() -> dict[Keys, set[int]]:
    """Return the numbers of the lines, from 1, at which each key stands in the uncommented file."""
    reader = Reader()
    reader.read(parse_document(UNCOMMENTED, "f"), inspect.type_info(Config))
    lines = UNCOMMENTED.splitlines()
    found: dict[Keys, set[int]] = {}
    for path, place in reader.places.items():
        if path and isinstance(path[-1], str):
            number = place.line
            while f"{path[-1]}:" not in lines[number - 1].partition("#")[0]:
                number -= 1  # the place of a section is its first key, below its own
            found.setdefault(tuple(step for step in path if isinstance(step, str)), set()).add(number)
    return found


def comment_above(number: int) -> str:
    """Return the comment that stands above a line of the shipped file, as one line."""
    comment: list[str] = []
    for line in reversed(TEXT.splitlines()[: number - 1]):
        if not re.match(r" *#( |$)", line):
            break
        comment.insert(0, line.strip().removeprefix("#").strip())
    return " ".join(comment)


DEFAULTS = defaults_in(inspect.type_info(Config))
LINES = lines_of_keys()
PLAIN = sorted(path for path in LINES if path in DEFAULTS)
"""Keys that have a line of their own."""


def test_as_shipped_it_equals_the_defaults() -> None:
    assert load_config(SHIPPED) == Config()


def test_every_commented_setting_is_valid() -> None:
    parse_config(UNCOMMENTED, "edge-agent.yaml")


def test_every_key_is_shown() -> None:
    inline = {path for path in DEFAULTS if re.search(rf"# .*\b{path[-1]}: ", TEXT)}
    assert DEFAULTS.keys() - LINES.keys() - inline == set()


@pytest.mark.parametrize("path", PLAIN, ids=".".join)
def test_a_key_has_a_comment_with_its_default_and_its_unit(path: Keys) -> None:
    default = DEFAULTS[path]
    is_section = isinstance(default, msgspec.Struct) or (isinstance(default, tuple) and default)
    unit = next((unit for ending, unit in UNITS.items() if path[-1].endswith(ending)), "")
    for number in LINES[path]:
        comment = comment_above(number)
        assert comment, f"{SHIPPED}:{number}: {path[-1]} has no comment"
        assert unit.lower() in comment.lower()
        if default is NODEFAULT:
            assert comment.endswith("Required.") or "required" in comment
        elif not is_section:
            stated = re.search(r"Default: (\S+?)[.,]?( |$)", comment)
            assert stated, f"{SHIPPED}:{number}: the comment names no default"
            assert yaml.safe_load(stated[1]) == json.loads(msgspec.json.encode(default))


@pytest.mark.parametrize("path", sorted((FOLDER / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_loads_and_names_its_schema(path: Path) -> None:
    load_config(path)
    first_line = path.read_text().splitlines()[0]
    assert first_line == "# yaml-language-server: $schema=../edge-agent.schema.json"


def test_there_is_an_example_for_every_kind_of_user() -> None:
    names = {path.stem for path in (FOLDER / "examples").glob("*.yaml")}
    assert names >= {"openai", "azure", "huggingface", "push-to-talk", "hat-respeaker-2mics"}


def test_the_shipped_schema_is_the_current_one() -> None:
    shipped = (FOLDER / "edge-agent.schema.json").read_text()
    assert shipped == json_schema(), "run: edge-agent config schema > config/edge-agent.schema.json"


@pytest.mark.parametrize(
    "path", [SHIPPED, *sorted((FOLDER / "examples").glob("*.yaml"))], ids=lambda p: p.name
)
def test_lines_fit_a_terminal(path: Path) -> None:
    assert max(map(len, path.read_text().splitlines())) <= 120
