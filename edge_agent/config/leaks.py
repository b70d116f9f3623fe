"""Recognises secrets in the configuration, so that they are refused and never repeated in a message."""

from __future__ import annotations

import json
import re

from edge_agent.config.document import Mapping, Node, Scalar
from edge_agent.config.mistakes import Path

SECRET_ADVICE = (
    "put the secret into a systemd credential, or into a file that only the service can read, "
    "and name that here: key: {credential: NAME} or key: {file: /PATH} or key: {env: NAME}"
)

KNOWN_KEYS = re.compile(
    r"(?<![A-Za-z0-9])("
    r"(sk|ek|rk|pk|auth|hf|gsk|xai|ghp)[-_][A-Za-z0-9_-]{16,}"  # OpenAI and others, Hugging Face, Groq, xAI
    r"|AIza[A-Za-z0-9_-]{30,}"  # Google
    r"|AKIA[A-Z0-9]{12,}"  # Amazon
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web token
    r"|Bearer +\S{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
"""Forms of keys that providers publish, in order to be found by scanners like this one."""

BARE_KEY = re.compile(r"[A-Za-z0-9]{28,}={0,2}")
"""Keys without a form of their own: one long random word (Azure's have 32 or 84 characters)."""

LEAST_DIGITS = 4
"""A random word of 28 characters has this many digits practically always; a long ordinary word has none."""

SECRET_NAMES = re.compile(
    r"(^|[-_.])(apikey|key|token|secret|password|passwd|authorization|cookie|bearer)$", re.IGNORECASE
)
"""Last words of the names of keys and headers that are there to hold a secret."""

HIDDEN = "a value that is not shown here"

LONGEST_SHOWN = 40
"""Characters of a wrong value that a message repeats."""


def looks_secret(text: str) -> bool:
    """Whether the text holds, or is, something like a key."""
    if KNOWN_KEYS.search(text):
        return True
    return bool(BARE_KEY.fullmatch(text)) and sum(map(str.isdigit, text)) >= LEAST_DIGITS


def is_secret_name(name: str) -> bool:
    """Whether a key or header of this name is there to hold a secret: ``api_key``, ``Authorization``."""
    return SECRET_NAMES.search(name) is not None


def shown(node: Node, path: Path) -> str:
    """Return a wrong value for a message, or only its kind where a secret may stand."""
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    if node.value is None:
        return "nothing (null)"
    if looks_secret(node.text) or any(step == "headers" or is_secret_name(str(step)) for step in path):
        return HIDDEN
    if isinstance(node.value, str):
        return f"the text {quoted(node.text)}"
    return f"the {'boolean' if isinstance(node.value, bool) else 'number'} {_shortened(node.text)}"


def quoted(text: str) -> str:
    """Return a text for a message: in quotes, shortened, without anything that a terminal would obey."""
    return json.dumps(_shortened(text), ensure_ascii=not text.isprintable())


def shown_key(key: str) -> str:
    """Return a key for a message: shortened, and hidden if a secret was written in its place."""
    if looks_secret(key):
        return "…"
    return quoted(key)[1:-1]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
