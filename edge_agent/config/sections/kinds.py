"""Kinds of values that stand at several keys."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        extra={"expected": "a name of at most 64 letters, digits, '.', '_' and '-'"},
    ),
]
"""Safe in log lines, in messages and as a file name."""

AbsolutePath = Annotated[str, Meta(pattern=r"^/.+$", max_length=4096, extra={"expected": "an absolute path"})]

VariableName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z_][A-Z0-9_]{0,63}$",
        extra={"expected": "the name of an environment variable (capital letters, digits and '_')"},
    ),
]
"""Without small letters, so that a key written here by mistake is noticed."""

Text = Annotated[str, Meta(min_length=1, max_length=1024, extra={"expected": "a text that is not empty"})]

LongText = Annotated[
    str, Meta(min_length=1, max_length=65_536, extra={"expected": "a text that is not empty"})
]

NULL_IS_A_WORD = "null_is_a_word"
"""Mark of a text that may be the word ``null``, which YAML reads as nothing unless it is in quotes."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the file."""
