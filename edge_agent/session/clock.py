"""Whether this machine's clock can be trusted: a board without a battery begins in the past.

Certificates can't be judged before the clock is set. Nobody has to be asked for that: the kernel and
systemd-timesyncd show it.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from pathlib import Path

TIME_ERROR = 5
"""What adjtimex(2) returns while nobody disciplines the clock: STA_UNSYNC is set."""

TIMEX_BYTES = 512
"""struct timex has 208 bytes on 64-bit Linux; all zero, it asks and changes nothing."""

TIMESYNCD_SIGN = Path("/run/systemd/timesync/synchronized")
"""Exists as soon as the clock was set once since the boot: systemd-timesyncd.service(8)."""

LEAST_TIME_S = 1_767_225_600.0
"""2026-01-01T00:00Z, before this program was written: an earlier clock is wrong, whatever the kernel says."""


def is_set(sign: Path = TIMESYNCD_SIGN) -> bool:
    """Return whether somebody has set the clock, as far as this machine knows. Takes microseconds.

    False also where nobody ever sets it over the network; it may be right all the same.
    """
    if time.time() < LEAST_TIME_S:
        return False
    return sign.exists() or _is_disciplined()


POLL_S = 1.0
"""How soon it is noticed that the clock was set. Looking costs microseconds."""


async def wait_until_set() -> None:
    """Return when the clock is set: at once if it is; never where nobody sets it."""
    while True:
        if is_set():
            return
        await asyncio.sleep(POLL_S)


def _is_disciplined() -> bool:
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    return state not in (TIME_ERROR, -1)
