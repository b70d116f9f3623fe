"""Log records with structured fields: native journal entries under systemd, readable lines on a terminal.

A field is an attribute of the record, one of FIELD_NAMES or ``MESSAGE_ID``; stdlib logging puts it there by
``extra``. The journal's own fields are described in systemd.journal-fields(7).
"""

from __future__ import annotations

import enum
import importlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import IO

from edge_agent.core.notices import Notice, Severity
from edge_agent.redaction import Redaction

FIELD_NAMES = frozenset(
    {
        "EDGE_STATE",
        "EDGE_EVENT",
        "EDGE_SESSION_ID",
        "EDGE_RESPONSE_ID",
        "EDGE_ITEM_ID",
        "EDGE_ENDPOINT",
        "EDGE_ERROR_CODE",
        "EDGE_LATENCY_MS",
        "EDGE_VOLUME_PERCENT",
        "EDGE_SOUND_S",
        "EDGE_CPU_SHARE",
        "EDGE_DELAY_MS",
        "EDGE_CONCEALED_SHARE",
        "EDGE_PACKETS_SENT",
        "EDGE_PACKETS_DROPPED",
        "EDGE_XRUNS",
    }
)
"""Every field of our own that a record may carry; README explains them."""

SYSLOG_IDENTIFIER = "edge-agent"

NOTICE_LEVEL = (logging.INFO + logging.WARNING) // 2
"""Syslog's "notice" has no level in the standard library; it lies between info and warning."""

PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (NOTICE_LEVEL, 5),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)
"""Levels in falling order with their syslog priority (RFC 5424 section 6.2.1)."""

LEVEL_OF_SEVERITY = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTICE: NOTICE_LEVEL,
    Severity.INFO: logging.INFO,
    Severity.DEBUG: logging.DEBUG,
}

CHATTY_LOGGERS = ("aioice", "aiortc", "asyncio", "gpiozero", "libav")
"""Libraries whose INFO records tell a person nothing and whose DEBUG records hold session descriptions."""

logger = logging.getLogger("edge_agent")


class LogFormat(enum.Enum):
    """Where records go: ``auto`` is the journal if stderr is connected to it, a terminal otherwise."""

    AUTO = "auto"
    JOURNAL = "journal"
    TERMINAL = "terminal"


def configure_logging(level: str, format: LogFormat, secrets: Iterable[str] = ()) -> None:
    """Send every record of this process at ``level`` ("debug" .. "error") or above to one place.

    ``secrets`` are taken out of every record by their value, beside everything that looks like a key. May be
    called again, which replaces all of it.
    """
    logging.addLevelName(NOTICE_LEVEL, "NOTICE")
    handler = _handler(format, os.environ, sys.stderr)
    handler.addFilter(Redaction(secrets))
    logging.captureWarnings(True)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))


def tell(notice: Notice, text: str, fields: Mapping[str, str] | None = None) -> None:
    """Log one notice: ``text`` with the notice's MESSAGE_ID and severity, and with ``fields``.

    A field without a value is left out. Raises ValueError for a name that is not in FIELD_NAMES.
    """
    given = {name: value for name, value in (fields or {}).items() if value}
    if unknown := given.keys() - FIELD_NAMES:
        raise ValueError(f"no such journal field: {', '.join(sorted(unknown))}")
    identity = {"MESSAGE_ID": notice.message_id}
    logger.log(LEVEL_OF_SEVERITY[notice.severity], "%s", text, extra=identity | given, stacklevel=2)


def structured_fields(record: logging.LogRecord) -> dict[str, str]:
    """The fields that were given with a record, by name."""
    return {name: str(record.__dict__[name]) for name in sorted(FIELD_NAMES & record.__dict__.keys())}


class JournalHandler(logging.Handler):
    """Sends records to journald in its native protocol.

    Not systemd-python's handler of that name: it also sends the message's raw arguments, which no filter saw.
    """

    def __init__(self, sendv: Callable[..., object]) -> None:
        """``sendv(*fields)`` sends one entry of ``NAME=value`` bytes, as ``systemd.journal.sendv`` does."""
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._sendv = sendv

    def emit(self, record: logging.LogRecord) -> None:
        """Send one entry; an unreachable journal is reported the way that logging reports its own errors."""
        try:
            self._sendv(*(_encoded(name, value) for name, value in self._entry(record).items()))
        except OSError:
            self.handleError(record)

    def _entry(self, record: logging.LogRecord) -> dict[str, object]:
        entry: dict[str, object] = {
            "MESSAGE": self.format(record),
            "PRIORITY": priority_of(record.levelno),
            "SYSLOG_IDENTIFIER": SYSLOG_IDENTIFIER,
            "LOGGER": record.name,
            "THREAD_NAME": record.threadName,
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
        }
        if message_id := getattr(record, "MESSAGE_ID", None):
            entry["MESSAGE_ID"] = message_id
        return entry | structured_fields(record)


def _encoded(name: str, value: object) -> bytes:
    """One field. A lone surrogate, which JSON can hold and UTF-8 can not, is spelled out."""
    return f"{name}={value}".encode(errors="backslashreplace")


def priority_of(level: int) -> int:
    """The syslog priority of a logging level."""
    return next(priority for at_least, priority in PRIORITIES if level >= at_least)


def _is_connected_to_journal(environ: Mapping[str, str], stream: IO[str]) -> bool:
    """Did the service manager connect ``stream`` to the journal? ($JOURNAL_STREAM in systemd.exec(5))"""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _handler(format: LogFormat, environ: Mapping[str, str], stream: IO[str]) -> logging.Handler:
    wants_journal = format is LogFormat.JOURNAL
    if format is LogFormat.AUTO:
        wants_journal = _is_connected_to_journal(environ, stream)
    if wants_journal and (sendv := _native_sendv()) is not None:
        return JournalHandler(sendv)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        PrefixFormatter() if wants_journal else TerminalFormatter(_has_colors(environ, stream))
    )
    return handler


def _native_sendv() -> Callable[..., object] | None:
    """systemd-python's way to the journal; None where it is not installed."""
    try:
        journal = importlib.import_module("systemd.journal")
    except ImportError:
        return None
    sendv: Callable[..., object] = journal.sendv
    return sendv


class PrefixFormatter(logging.Formatter):
    """Lines that journald reads from a service's stderr, each with its priority as ``<N>`` (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines, without its fields: a stream can't carry them."""
        prefix = f"<{priority_of(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""A server's words must not move the cursor or paint: all of C0 and C1 but tab and line feed (ECMA-48)."""

RESET = "\x1b[0m"
DIM = "\x1b[2m"
COLORS = {2: "\x1b[1;31m", 3: "\x1b[31m", 4: "\x1b[33m", 5: "\x1b[1m", 6: "\x1b[32m", 7: DIM}
"""Select Graphic Rendition (ECMA-48 section 8.3.117) of each priority's name."""


class TerminalFormatter(logging.Formatter):
    """One readable line for each record: time, level, text and the fields."""

    def __init__(self, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the exception's lines if there is one."""
        text = CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", super().format(record))
        fields = " ".join(
            f"{name.removeprefix('EDGE_').lower()}={value}"
            for name, value in structured_fields(record).items()
        )
        line, *more = text.split("\n")
        priority = priority_of(record.levelno)
        level = self._painted(f"{record.levelname.lower():<8}", COLORS[priority])
        parts = [self._painted(self.formatTime(record), DIM), level, line]
        if fields:
            parts.append(self._painted(f"[{fields}]", DIM))
        return "\n".join([" ".join(parts), *more])

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Local wall-clock time with milliseconds."""
        moment = time.strftime(datefmt or "%H:%M:%S", time.localtime(record.created))
        return f"{moment}.{int(record.msecs):03d}"

    def _painted(self, text: str, color: str) -> str:
        return f"{color}{text}{RESET}" if self._colors else text


def _has_colors(environ: Mapping[str, str], stream: IO[str]) -> bool:
    """Colour only for a person who looks on and has not said no (https://no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
