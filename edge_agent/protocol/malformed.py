"""One error for everything that arrives and can't be taken, with what a server says back about it."""

from __future__ import annotations

import re

import msgspec

MAX_PARAM_CHARS = 128
"""Longer parameter names are cut: they are the other side's text and go into answers and logs."""

_COMPLAINT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_TYPES = re.compile(r"Expected `(?P<expected>.*)`, got `(?P<got>.*)`", re.DOTALL)


class Malformed(ValueError):
    """A message or a parameter that can't be taken.

    The text says why and never quotes a value. ``code`` and ``param`` are what an ``error`` event would say:
    invalid_event, missing_required_parameter, unknown_parameter, invalid_type or invalid_value, and the path
    of the parameter. ``event_id`` is that of the event at fault, as far as it could be read.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: str = "invalid_event",
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.param = param
        self.event_id = event_id


def missing(param: str) -> Malformed:
    """A parameter that has to be there is not."""
    return _about(param, "missing_required_parameter", "Missing required parameter: '{}'.")


def unknown(param: str) -> Malformed:
    """A parameter that nobody knows."""
    return _about(param, "unknown_parameter", "Unknown parameter: '{}'.")


def wrong_type(param: str, expected: str, got: str) -> Malformed:
    """A parameter of another JSON type than it has to be."""
    return _about(
        param, "invalid_type", f"Invalid type for '{{}}': expected {expected}, but got {got} instead."
    )


def wrong_value(param: str, expected: str = "") -> Malformed:
    """A parameter of the right type with a value that is not allowed."""
    return _about(param, "invalid_value", f"Invalid value for '{{}}'{expected and ': expected ' + expected}.")


def from_validation(error: msgspec.ValidationError, at: str = "") -> Malformed:
    """Say in the protocol's words what msgspec found wrong with the value of parameter ``at``."""
    complaint = _COMPLAINT.fullmatch(str(error))
    what, path = complaint.group("what", "path") if complaint else (str(error), None)
    param = _joined(at, path or "")
    if field := _FIELD.fullmatch(what):
        name = _joined(param, field["name"])
        return missing(name) if field["how"] == "missing required" else unknown(name)
    if types := _TYPES.fullmatch(what):
        return wrong_type(param, types["expected"].replace(" | ", " or "), types["got"])
    if what.startswith("Expected "):
        return wrong_value(param, what.removeprefix("Expected ").replace("`", ""))
    return wrong_value(param)  # a word outside a closed list; msgspec quotes it, we don't


def _joined(at: str, path: str) -> str:
    separator = "." if at and path and not path.startswith("[") else ""
    return f"{at}{separator}{path}"


def _about(param: str, code: str, template: str) -> Malformed:
    short = param if len(param) <= MAX_PARAM_CHARS else param[:MAX_PARAM_CHARS] + "…"
    return Malformed(template.format(short), code=code, param=short)
