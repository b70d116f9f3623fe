"""Takes what looks like a key, and every secret that is known by value, out of log records.

This is the last defence, not the first: whoever logs a key has a bug.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

_HIDDEN = "[redacted]"

_KEY_PATTERNS = (
    re.compile(r"\b((?:sk|ek|rk|pk)[-_])[A-Za-z0-9_-]{8,}"),  # OpenAI: API keys and client secrets
    re.compile(r"\b(hf_)[A-Za-z0-9]{8,}"),  # Hugging Face tokens
    re.compile(
        r"\b(eyJ)[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*"
    ),  # JSON web tokens (RFC 7519): base64 of '{"'
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),  # RFC 9110 section 11.4, RFC 6750
    re.compile(
        r"(?i)\b((?:x-)?api[-_]?key[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]+"
    ),  # Azure's header, and assignments
    re.compile(
        r"(?i)\b((?:access_token|client_secret|token|password|secret|sig)=)[^\s&\"']+"
    ),  # in a URL's query
    re.compile(
        r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)"
    ),  # a password in a URL (RFC 3986 section 3.2.1)
    re.compile(r"(a=ice-pwd:)\S+"),  # RFC 8839 section 5.4
)

SHORTEST_SECRET = 6
"""Shorter values are not hidden by value: they would turn up in innocent words."""


class Redaction(logging.Filter):
    """Takes keys out of a record: its text, its exception and its fields."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = sorted((s for s in secrets if len(s) >= SHORTEST_SECRET), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change ``record`` in place; always lets it pass."""
        record.msg = self.redacted(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self.redacted(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redacted(record.stack_info)
        for name, value in record.__dict__.items():
            if name.startswith("EDGE_"):
                record.__dict__[name] = self.redacted(str(value))
        return True

    def redacted(self, text: str) -> str:
        """Return ``text`` without known secrets and what looks like a key; a prefix stays, as a hint."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        for pattern in _KEY_PATTERNS:
            text = pattern.sub(rf"\1{_HIDDEN}", text)
        return text
