"""Talks to the service manager: readiness, status and watchdog (sd_notify(3)).

Without ``NOTIFY_SOCKET``, so on a terminal, every call does nothing. Source of the protocol and its fields:
https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping

logger = logging.getLogger(__name__)

FEEDS_PER_WATCHDOG_PERIOD = 2
"""sd_watchdog_enabled(3) recommends to feed the watchdog every half of its period."""


class Supervisor:
    """The service's side of sd_notify. Made once; used in the event loop's thread alone."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._is_listened_to = bool(environ.get("NOTIFY_SOCKET"))
        self._watchdog_interval_s = _watchdog_interval_s(environ) if self._is_listened_to else None
        self._last_status: str | None = None

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to call :meth:`feed_watchdog`, in seconds; None if nobody watches this process."""
        return self._watchdog_interval_s

    def ready(self, status: str | None = None) -> None:
        """Say that the start, or a reload, is done. Without ``status`` the one that is shown stays."""
        if status is None:
            self._notify("READY=1")
        else:
            self._last_status = status
            self._notify("READY=1", _status_field(status))

    def reloading(self) -> None:
        """Say that a reload has begun; :meth:`ready` is to follow.

        ``Type=notify-reload`` asks for ``MONOTONIC_USEC``: it tells this reload from an older one.
        """
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Say that the end has begun."""
        self._notify("STOPPING=1", _status_field(status))

    def status(self, status: str) -> None:
        """Show one line in ``systemctl status``; an unchanged one is not sent again."""
        if status != self._last_status:
            self._last_status = status
            self._notify(_status_field(status))

    def feed_watchdog(self) -> None:
        """Put off the watchdog by its whole period."""
        self._notify("WATCHDOG=1")

    def _notify(self, *fields: str) -> None:
        """Send one datagram. A manager that is gone or busy is a warning, never an end."""
        if not self._is_listened_to:
            return
        import systemd.daemon  # only here: on a terminal nothing depends on the library

        try:
            systemd.daemon.notify("\n".join(fields))
        except OSError as error:
            logger.warning("the service manager can't be told %s: %s", fields[0], error)


def _status_field(status: str) -> str:
    """One line by the protocol: a line break in a foreign text must not begin a field of its own."""
    return "STATUS=" + " ".join(status.split())


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    """Half of ``WATCHDOG_USEC``, unless ``WATCHDOG_PID`` names another process (sd_watchdog_enabled(3))."""
    period_us = environ.get("WATCHDOG_USEC", "")
    if not period_us.isdecimal() or int(period_us) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(period_us) / 1e6 / FEEDS_PER_WATCHDOG_PERIOD
