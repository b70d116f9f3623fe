"""A file to a :class:`schema.Config`, or all its mistakes at once."""

from __future__ import annotations

from pathlib import Path

from msgspec import inspect

from edge_agent.config.checks import check
from edge_agent.config.document import parse_document
from edge_agent.config.mistakes import INVALID, BadConfig, Mistake, Place
from edge_agent.config.reader import Reader
from edge_agent.config.schema import Config

MAX_FILE_BYTES = 262_144
"""Largest file. The shipped one, with every comment, has a tenth of this."""


def load_config(path: Path) -> Config:
    """Return the validated configuration of a file.

    Raises BadConfig (a ConfigError) with every mistake: unreadable file, bad encoding or bad YAML (the first
    only); unknown or repeated keys, wrong types, values out of range, keys that contradict each other.
    """
    return parse_config(_text_of(path), str(path))


def parse_config(text: str, file_name: str) -> Config:
    """Return the validated configuration in ``text``; messages call it ``file_name``. Raises BadConfig."""
    reader = Reader()
    config = reader.read(parse_document(text, file_name), inspect.type_info(Config))
    if config is INVALID:
        raise BadConfig(file_name, reader.mistakes)
    known = {mistake.path for mistake in reader.mistakes}
    mistakes = [*reader.mistakes, *check(config, reader.places, known)]
    if mistakes:
        raise BadConfig(file_name, mistakes)
    assert isinstance(config, Config)
    return config


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadConfig(str(path), [_unreadable(path, error)]) from None
    if len(content) > MAX_FILE_BYTES:
        expected = f"at most {MAX_FILE_BYTES // 1024} KiB"
        raise BadConfig(str(path), [Mistake((), expected, "a larger file")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig")) + 1
        place = Place(before.count(b"\n") + 1, column)
        got = f"the byte 0x{content[error.start]:02x}"
        mistake = Mistake((), "UTF-8", got, place, advice="save the file as UTF-8")
        raise BadConfig(str(path), [mistake]) from None


def _unreadable(path: Path, error: OSError) -> Mistake:
    advice = {
        FileNotFoundError: "copy config/edge-agent.yaml there, or name another file with --config",
        PermissionError: f"allow it: chmod o+r {path}, or run as its owner",
        IsADirectoryError: "name the file in it",
    }.get(type(error))
    return Mistake((), "a readable file", f"'{error.strerror}'", advice=advice)
