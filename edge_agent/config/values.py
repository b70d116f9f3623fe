"""Single values: which ones a type accepts, how a person is told so, and what a wrong one was meant to be."""

from __future__ import annotations

import re

from msgspec import inspect

from edge_agent.config.document import Plain
from edge_agent.config.mistakes import any_of, closest

UNITS = {
    "_ms": "milliseconds",
    "_s": "seconds",
    "_bps": "bits per second",
    "_percent": "percent",
    "_db": "decibels",
}
"""Units by the ending of a key."""

WORDS_FOR_BOOLEANS = {"on": "true", "yes": "true", "y": "true", "off": "false", "no": "false", "n": "false"}
"""Booleans of YAML 1.1 that YAML 1.2 reads as words."""

NUMBER_WITH_DECORATION = re.compile(r"([-+]?[0-9][0-9_,]*(?:\.[0-9]+)?)\s*[a-zA-Z%/]*")
"""``500ms``, ``32_000``: a number that a person would understand."""


def unwrapped(wanted: inspect.Type) -> inspect.Type:
    """Return the type without its description."""
    return unwrapped(wanted.type) if isinstance(wanted, inspect.Metadata) else wanted


def is_marked(wanted: inspect.Type, mark: str) -> bool:
    """Whether the type, or one that it describes further, carries a mark of the schema."""
    if not isinstance(wanted, inspect.Metadata):
        return False
    return bool((wanted.extra or {}).get(mark)) or is_marked(wanted.type, mark)


def accepts(wanted: inspect.Type, value: Plain) -> bool:
    """Whether ``value`` is right for the type of a single value: type and range."""
    match unwrapped(wanted):
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType() as number:
            return type(value) is int and _is_within(number, value)
        case inspect.FloatType() as number:
            return type(value) in (int, float) and _is_within(number, float(value or 0))
        case inspect.StrType() as text:
            return isinstance(value, str) and _is_text(text, value)
        case inspect.LiteralType() as choice:
            return type(value) in (str, int) and value in choice.values
        case inspect.NoneType():
            return value is None
    return False


def describe(wanted: inspect.Type, key: str = "") -> str:
    """Say what the type accepts: ``a whole number of milliseconds from 0 to 5000``."""
    if isinstance(wanted, inspect.Metadata):
        return str((wanted.extra or {}).get("expected") or describe(wanted.type, key))
    match wanted:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _described_number(wanted, key)
        case inspect.StrType():
            return "a text"
        case inspect.LiteralType():
            return any_of([str(choice) for choice in wanted.values])
        case inspect.VarTupleType():
            return _described_list(wanted)
        case inspect.StructType():
            return f"a mapping with the keys {', '.join(keys_of(wanted))}"
        case inspect.UnionType():
            members = [member for member in wanted.types if not isinstance(member, inspect.NoneType)]
            tags = tags_of(wanted)
            if tags:
                members = [m for m in members if not isinstance(unwrapped(m), inspect.StructType)]
            words = [describe(member, key) for member in members]
            return ", or ".join([*words, *([f"a mapping with type: {any_of(tags)}"] if tags else [])])
    return "a mapping"


def keys_of(struct: inspect.StructType) -> list[str]:
    """Return the keys that a struct has in YAML, that of its tag first."""
    tag = [struct.tag_field] if struct.tag_field else []
    return [*tag, *(field.encode_name for field in struct.fields)]


def tags_of(wanted: inspect.Type) -> list[str]:
    """Return the words that tell the structs of a union apart, [] when it has none such."""
    bare = unwrapped(wanted)
    members = map(unwrapped, bare.types) if isinstance(bare, inspect.UnionType) else ()
    return [str(member.tag) for member in members if isinstance(member, inspect.StructType) and member.tag]


def repaired(wanted: inspect.Type, text: str) -> str | None:
    """Return what ``text`` was probably meant to be, as it would have to be written; None when unclear."""
    match unwrapped(wanted):
        case inspect.BoolType():
            return WORDS_FOR_BOOLEANS.get(text.lower())
        case inspect.LiteralType() as choice:
            return closest(text, [str(value) for value in choice.values])
        case inspect.IntType() | inspect.FloatType() as number:
            found = NUMBER_WITH_DECORATION.fullmatch(text)
            digits = re.sub("[_,]", "", found.group(1)) if found else ""
            return digits if digits and digits != text and accepts(number, _number(digits)) else None
        case inspect.StrType() as plain:
            return f'"{text}"' if text and '"' not in text and _is_text(plain, text) else None
        case inspect.UnionType() as union:
            found_ones = (repaired(member, text) for member in union.types)
            tag = closest(text, tags_of(union))
            return next((one for one in found_ones if one is not None), tag and f"{{type: {tag}}}")
    return None


def _number(digits: str) -> int | float:
    return float(digits) if "." in digits else int(digits)


def _is_within(number: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return (
        (number.ge is None or value >= number.ge)
        and (number.le is None or value <= number.le)
        and (number.gt is None or value > number.gt)
        and (number.lt is None or value < number.lt)
    )


def _is_text(text: inspect.StrType, value: str) -> bool:
    return (
        len(value) >= (text.min_length or 0)
        and (text.max_length is None or len(value) <= text.max_length)
        and (text.pattern is None or re.fullmatch(text.pattern, value) is not None)
    )


def _described_number(number: inspect.IntType | inspect.FloatType, key: str) -> str:
    words = "a whole number" if isinstance(number, inspect.IntType) else "a number"
    unit = next((unit for ending, unit in UNITS.items() if key.endswith(ending)), None)
    if unit:
        words += f" of {unit}"
    if number.gt is not None:
        words += f" above {number.gt:g}"
    if number.ge is not None and number.le is not None:
        return f"{words} from {number.ge:g} to {number.le:g}"
    if number.ge is not None:
        words += f" from {number.ge:g}"
    return words if number.le is None else f"{words} up to {number.le:g}"


def _described_list(wanted: inspect.VarTupleType) -> str:
    if wanted.max_length is None:
        return "a list"
    least = f"{wanted.min_length} to " if wanted.min_length else "at most "
    return f"a list of {least}{wanted.max_length} entries"
