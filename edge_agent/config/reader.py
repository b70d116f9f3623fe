"""Nodes to the schema's structs. It goes on after a mistake, so that all of them are told at once.

What a key accepts is read from the types in ``schema.py`` and ``sections``; nothing is listed twice. In place
of a mistaken value stands its default, in a list INVALID, so that the checks of meaning can look at
everything else.
"""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from edge_agent.config.document import Entry, Mapping, Node, Scalar, Sequence
from edge_agent.config.leaks import HIDDEN, SECRET_ADVICE, is_secret_name, looks_secret, shown, shown_key
from edge_agent.config.mistakes import INVALID, Invalid, Mistake, Path, Place, any_of, closest
from edge_agent.config.sections.kinds import NULL_IS_A_WORD
from edge_agent.config.values import accepts, describe, is_marked, keys_of, repaired, tags_of, unwrapped

NO_SECRET = "no secret in this file"


class Reader:
    """Reads one document; collects mistakes and remembers where every value stood."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.places: dict[Path, Place] = {}

    def read(self, node: Node, wanted: inspect.Type, path: Path = ()) -> Any:
        """Return the value of ``node`` as ``wanted``, or INVALID after noting every mistake in it."""
        self.places[path] = node.place
        if isinstance(node, Scalar) and looks_secret(node.text):
            self._note(path, NO_SECRET, "what looks like one", node.place, advice=SECRET_ADVICE)
            return INVALID
        chosen = self._chosen(node, wanted)
        bare = unwrapped(chosen)
        if isinstance(node, Scalar):
            return self._scalar(node, chosen, path)
        if isinstance(node, Mapping) and isinstance(bare, inspect.StructType):
            return self._struct(node, bare, path)
        if isinstance(node, Mapping) and isinstance(bare, inspect.UnionType):
            return self._tagged_struct(node, bare, path)
        if isinstance(node, Mapping) and isinstance(bare, inspect.DictType):
            return self._dict(node, bare.value_type, path)
        if isinstance(node, Sequence) and isinstance(bare, inspect.VarTupleType):
            return self._list(node, bare, path)
        if isinstance(bare, inspect.AnyType):
            return self._anything(node, path)
        return self._refuse(node, chosen, path)

    def _chosen(self, node: Node, wanted: inspect.Type) -> inspect.Type:
        """Narrow a union to the one member that the kind of node allows, else return it as it is."""
        bare = unwrapped(wanted)
        if not isinstance(bare, inspect.UnionType) or (isinstance(node, Mapping) and tags_of(bare)):
            return wanted
        members = [member for member in bare.types if not isinstance(unwrapped(member), inspect.NoneType)]
        if len(members) > 1 and isinstance(node, Mapping):
            members = [member for member in members if isinstance(unwrapped(member), inspect.StructType)]
        is_null = isinstance(node, Scalar) and node.value is None
        return members[0] if len(members) == 1 and not is_null else wanted

    def _scalar(self, node: Scalar, wanted: inspect.Type, path: Path) -> Any:
        bare = unwrapped(wanted)
        if isinstance(bare, inspect.AnyType):
            return node.value
        members = bare.types if isinstance(bare, inspect.UnionType) else (bare,)
        fitting = next((member for member in members if accepts(member, node.value)), None)
        if fitting is None and node.text == "null" and is_marked(wanted, NULL_IS_A_WORD):
            return node.text
        if fitting is None:
            return self._refuse(node, wanted, path, repaired(wanted, node.text))
        if isinstance(unwrapped(fitting), inspect.FloatType) and isinstance(node.value, int):
            return float(node.value)
        return node.value

    def _tagged_struct(self, node: Mapping, wanted: inspect.UnionType, path: Path) -> Any:
        """Read the struct that the tag's key (``type``) names."""
        members = map(unwrapped, wanted.types)
        structs = [member for member in members if isinstance(member, inspect.StructType)]
        tags = tags_of(wanted)
        if not tags:
            return self._refuse(node, wanted, path)
        key = str(structs[0].tag_field)
        entry = next((entry for entry in node.entries if entry.key == key), None)
        if entry is None and len(tags) == 1:
            return self._struct(node, structs[0], path)
        if entry is None:
            self._note((*path, key), any_of(tags), "nothing (required)", node.place)
            return INVALID
        tag = entry.value.text if isinstance(entry.value, Scalar) else ""
        if tag not in tags:
            got = shown(entry.value, (*path, key))
            self._note((*path, key), any_of(tags), got, entry.value.place, closest(tag, tags))
            return INVALID
        return self._struct(node, structs[tags.index(tag)], path)

    def _struct(self, node: Mapping, wanted: inspect.StructType, path: Path) -> Any:
        fields = {field.encode_name: field for field in wanted.fields}
        values: dict[str, Any] = {}
        entries = self._unique(node, path)
        for key, entry in entries.items():
            if key in fields and not _is_empty_section(entry.value, fields[key]):
                value = self.read(entry.value, fields[key].type, (*path, key))
                if value is not INVALID:
                    values[fields[key].name] = value
            elif key not in fields and key != wanted.tag_field:
                self._unknown(entry, keys_of(wanted), path)
        lacking = [field for field in wanted.fields if field.required and field.name not in values]
        for field in lacking:
            if field.encode_name not in entries:
                key = field.encode_name
                self._note((*path, key), describe(field.type, key), "nothing (required)", node.place)
        return INVALID if lacking else wanted.cls(**values)

    def _list(self, node: Sequence, wanted: inspect.VarTupleType, path: Path) -> Any:
        is_too_long = wanted.max_length is not None and len(node.items) > wanted.max_length
        if is_too_long or len(node.items) < (wanted.min_length or 0):
            self._note(path, describe(wanted), f"{len(node.items)} entries", node.place)
        items = [self.read(item, wanted.item_type, (*path, index)) for index, item in enumerate(node.items)]
        return tuple(items)

    def _dict(self, node: Mapping, wanted: inspect.Type, path: Path) -> dict[str, Any]:
        entries = self._unique(node, path)
        read = {key: self.read(entry.value, wanted, (*path, key)) for key, entry in entries.items()}
        return {key: value for key, value in read.items() if value is not INVALID}

    def _anything(self, node: Mapping | Sequence, path: Path) -> Any:
        if isinstance(node, Mapping):
            return self._dict(node, inspect.AnyType(), path)
        return [self.read(item, inspect.AnyType(), (*path, index)) for index, item in enumerate(node.items)]

    def _unique(self, node: Mapping, path: Path) -> dict[str, Entry]:
        """Return the entries by key; the first of a repeated key counts, the others are mistakes."""
        entries: dict[str, Entry] = {}
        for entry in node.entries:
            first = entries.setdefault(entry.key, entry)
            if first is not entry:
                got = f"a second one (the first is in line {first.place.line})"
                self._note((*path, shown_key(entry.key)), "each key once", got, entry.place)
        return entries

    def _unknown(self, entry: Entry, keys: list[str], path: Path) -> None:
        here = (*path, shown_key(entry.key))
        if is_secret_name(entry.key):
            self._note(here, NO_SECRET, "a key for one", entry.place, advice=SECRET_ADVICE)
        elif entry.key == "<<":
            self._note(here, "each key written out", "a merge of keys", entry.place)
        else:
            got = "an unknown key"
            self._note(here, any_of(keys), got, entry.place, closest(entry.key, keys))

    def _refuse(self, node: Node, wanted: inspect.Type, path: Path, suggestion: str | None = None) -> Invalid:
        key = next((step for step in reversed(path) if isinstance(step, str)), "")
        got = shown(node, path)
        if got == HIDDEN or (isinstance(node, Scalar) and node.value is None):
            suggestion = None
        advice = SECRET_ADVICE if key == "key" else None
        self._note(path, describe(wanted, key), got, node.place, suggestion, advice)
        return INVALID

    def _note(
        self,
        path: Path,
        expected: str,
        got: str,
        place: Place,
        suggestion: str | None = None,
        advice: str | None = None,
    ) -> None:
        self.mistakes.append(Mistake(path, expected, got, place, suggestion, advice))


def _is_empty_section(node: Node, field: inspect.Field) -> bool:
    """Whether a section was opened and nothing was written into it (all its keys are comments)."""
    if field.required or not isinstance(node, Scalar) or node.value is not None or node.text:
        return False
    bare = unwrapped(field.type)
    may_be_empty = isinstance(bare, inspect.VarTupleType) and not bare.min_length
    return may_be_empty or isinstance(bare, inspect.StructType | inspect.DictType)
