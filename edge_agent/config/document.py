"""YAML text to a tree of nodes that know their place. The only file that imports the YAML library.

It reads the values as YAML 1.2 does, not 1.1: ``on``, ``off``, ``yes`` and ``no`` are words, ``10:30`` is no
number, and nothing becomes a date. Tags, several documents and bombs of aliases are refused.
See https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, Protocol

import yaml

from edge_agent.config.mistakes import BadConfig, Mistake, Place

MAX_DEPTH = 20
"""Deepest nesting; the deepest known key lies at six, ``session.extra`` gets the rest."""

MAX_NODES = 10_000
"""Most values of one file; what an alias repeats counts again, so that aliases can't multiply."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUES = frozenset({"true", "True", "TRUE"})
FALSES = frozenset({"false", "False", "FALSE"})
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})|0x[0-9a-fA-F]{1,32}|0o[0-7]{1,40}")
FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*)(?=[eE]))([eE][-+]?[0-9]{1,4})?")
"""Numbers of the core schema, except those with leading zeros (octal in YAML 1.1, decimal in 1.2), infinity
and not-a-number, which no key accepts: they stay words and are refused as such."""

FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML allows nowhere: https://yaml.org/spec/1.2.2/#51-character-set."""


class Mark(Protocol):
    """Where the parser stood; libyaml's binding and the pure parser have each their own class."""

    line: int
    column: int


Plain = None | bool | int | float | str
"""What a single value can be."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; ``text`` is how it was written, without quotes."""

    value: Plain
    text: str
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value. The same key may occur twice: the reader reports that."""

    key: str
    place: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the file's order."""

    entries: tuple[Entry, ...]
    place: Place
    size: int


Node = Scalar | Sequence | Mapping


def parse_document(text: str, file_name: str) -> Node:
    """Return the one document that ``text`` holds; raise BadConfig with the place when there is none."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML can be built without libyaml
    _check_characters(text, file_name)
    try:
        return _Composer(iter(yaml.parse(text, Loader=loader)), file_name).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file_name) from None


class _Composer:
    """Builds nodes from the parser's events, within the limits."""

    def __init__(self, events: Iterator[yaml.Event], file_name: str) -> None:
        self._events = events
        self._file_name = file_name
        self._anchors: dict[str, Node] = {}
        self._node_count = 0

    def document(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._refuse(event, "one document", "a second one (---)")
                root = self._node(next(self._events), depth=0)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            place = root.place if root else Place(1, 1)
            mistake = Mistake((), "keys such as 'mode: always-on'", "an empty file", place)
            raise BadConfig(self._file_name, [mistake])
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._refuse(event, f"at most {MAX_DEPTH} levels of nesting", "more")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            self._refuse(event, "a value without a tag", f"the tag {event.tag[:40]!r}")
        node = self._collection_or_scalar(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _collection_or_scalar(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, depth: int) -> Node:
        place = _place(event.start_mark)
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(_plain_value(event.value) if event.implicit[0] else event.value, event.value, place)
        before = self._node_count - 1
        if isinstance(event, yaml.SequenceStartEvent):
            items = tuple(self._items(depth))
            return Sequence(items, place, self._node_count - before)
        entries = tuple(self._entries(depth))
        return Mapping(entries, place, self._node_count - before)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[Entry]:
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                self._refuse(event, "a word as key", "a list or a mapping")
            yield Entry(key.text, key.place, self._node(next(self._events), depth + 1))

    def _alias(self, event: yaml.AliasEvent) -> Node:
        anchor = event.anchor or ""
        node = self._anchors.get(anchor)
        if node is None:
            self._refuse(event, "an alias of an earlier anchor", f"*{anchor[:40]}, which none is")
        self._count(event, node.size)
        return node

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._node_count += nodes
        if self._node_count > MAX_NODES:
            self._refuse(event, f"at most {MAX_NODES} values", "more (aliases count as what they repeat)")

    def _refuse(self, event: yaml.Event, expected: str, got: str) -> NoReturn:
        raise BadConfig(self._file_name, [Mistake((), expected, got, _place(event.start_mark))])


def _plain_value(text: str) -> Plain:
    if text in NULLS:
        return None
    if text in TRUES or text in FALSES:
        return text in TRUES
    if INTEGER.fullmatch(text):
        return int(text, 0)
    if FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _place(mark: Mark | None) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file_name: str) -> BadConfig:
    mark = error.problem_mark or error.context_mark
    place = _place(mark)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        tab = Place(place.line, indentation.index("\t") + 1)
        return BadConfig(file_name, [Mistake((), "spaces as indentation", "a tab", tab)])
    problem = " ".join(filter(None, [error.problem, error.context]))
    return BadConfig(file_name, [Mistake((), "valid YAML", problem, place, advice=_syntax_advice(problem))])


def _syntax_advice(problem: str) -> str | None:
    if "mapping values are not allowed" in problem:
        return "put a text that holds ': ' in quotes, and check the indentation"
    if "cannot start any token" in problem:
        return "put a text that begins with @, `, % or * in quotes"
    if "block collection" in problem or "block mapping" in problem or "expected <block end>" in problem:
        return "check the indentation of this line and of the one before"
    return None


def _check_characters(text: str, file_name: str) -> None:
    found = FORBIDDEN.search(text)
    if found is None:
        return
    position = found.start()
    place = Place(text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))
    got = f"the control character U+{ord(found.group()):04X}"
    raise BadConfig(file_name, [Mistake((), "printable characters", got, place)])
