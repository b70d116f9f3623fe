"""What is done about each kind of trouble, and how long is waited: one table, and the limits over all of it.

The table is read from the top: the first row whose trigger a fault meets says what is done. Link and ways
consult it; ARCHITECTURE.md shows it.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.core.faults import (
    ACCOUNT_CODES,
    RETRYABLE_STATUSES,
    TRANSIENT_CODES,
    Fault,
    FaultKind,
    Reaction,
)

BACKOFF_FLOOR_S = 0.5

HEALTHY_AFTER_S = 60.0
"""A session this old forgives all earlier failures.

Forgiving at "connected" instead turns a server that accepts and hangs up into a storm of reconnects (1,117 in
one second were measured with a well-known client that does so).
"""

RETRY_AFTER_CAP_S = 10 * 60.0
"""Longest Retry-After (RFC 9110 section 10.2.3) that is honoured: a server's slip must not silence a device
for days."""

WAKE_SPACING_S = 2.0
"""A person, or a network that changes, may cut a wait short, but not more often than this."""

RETURN_AFTER_S = (10.0, 30.0, 60.0, 2 * 60.0, 5 * 60.0, 10 * 60.0)
"""Least time until a preferred endpoint that was left for another is tried again; the last one repeats. The
first lets a server restart; a conversation that moves to and fro is worse than one that stays."""

TRANSPORT_AGAIN_AFTER_S = (10 * 60.0, 30 * 60.0, 2 * 60 * 60.0, 6 * 60 * 60.0)
"""The same for a transport that was left for another, as WebRTC is after no packet of it got through: a
firewall stays for longer than an outage."""


class Trouble(enum.Enum):
    """The class of a fault."""

    HARMLESS = "harmless"
    PASSING = "passing"
    ENDED = "ended"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    NO_PATH = "no path"
    RATE_LIMITED = "rate limited"
    NO_CLOCK = "no clock"
    BLOCKED = "blocked"
    ACCOUNT = "account"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Delay:
    """How long is waited after the nth failure in a row: ``steps_s``, of which the last one repeats.

    ``by_chance``: any time up to the step, but at least BACKOFF_FLOOR_S ("full jitter": a fleet must not come
    back in step, see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). ``least_s``:
    never less, unless the server names its own time. ``forgiven``: none at all after a healthy session.
    """

    steps_s: tuple[float, ...]
    by_chance: bool = False
    least_s: float = 0.0
    forgiven: bool = False

    def wait_s(self, failures: int, chance: float, retry_after_s: float | None = None) -> float:
        """Return the seconds after ``failures`` (from 1) in a row; ``chance`` is 0 to 1.

        ``retry_after_s`` is what the server asked for: at least that is waited, RETRY_AFTER_CAP_S at most.
        """
        step_s = self.steps_s[min(failures, len(self.steps_s)) - 1]
        wait_s = max(BACKOFF_FLOOR_S, chance * step_s) if self.by_chance else step_s
        least_s = self.least_s if retry_after_s is None else min(retry_after_s, RETRY_AFTER_CAP_S)
        return max(wait_s, least_s)

    def __str__(self) -> str:
        steps = [_duration(step_s) for step_s in self.steps_s]
        words = f"up to {steps[0]}, doubled to {steps[-1]}" if self.by_chance else ", ".join(steps)
        if self.least_s:
            words += f"; `Retry-After`, or else at least {_duration(self.least_s)}"
        return f"none after a healthy session, else {words}" if self.forgiven else words


def _duration(wait_s: float) -> str:
    for unit_s, unit in ((3600.0, "h"), (60.0, "min")):
        if wait_s > unit_s or wait_s == unit_s == 3600.0:
            return f"{wait_s / unit_s:g} {unit}"
    return f"{wait_s:g} s"


_DOUBLING_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
BACKOFF = Delay(_DOUBLING_S, by_chance=True)
RENEWAL = Delay(_DOUBLING_S, by_chance=True, forgiven=True)
RATE_LIMIT = Delay(_DOUBLING_S, by_chance=True, least_s=10.0)
PARKED = Delay((15 * 60.0, 60 * 60.0, 6 * 60 * 60.0))
CLOCK = Delay((15.0,))
BLOCKED = Delay((30.0, 60.0, 2 * 60.0, 4 * 60.0, 8 * 60.0, 10 * 60.0))
NONE = Delay((0.0,))


def backoff_delays(chance: Callable[[], float]) -> Iterator[float]:
    """Yield the waiting times of BACKOFF in seconds, for ever; ``chance`` returns numbers from 0 to 1."""
    for failures in itertools.count(1):
        yield BACKOFF.wait_s(failures, chance())


class Leave(enum.Enum):
    """When another endpoint is tried, if there is one that may work."""

    NEVER = "no"
    AT_ONCE = "at once"
    SECOND_TIME = "the second time in a row"
    TRANSPORT = "another transport of this one, or else at once"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``count`` sessions are opened in any ``window_s``."""

    count: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits over the whole table: they hold whatever happens, buttons included.

    ``unplanned`` counts sessions that follow a failure, at endpoints that cost money and at others; ``paid``
    counts all where they cost money.
    """

    unplanned: tuple[Cap, ...] = (Cap(10, 10 * 60.0), Cap(60, 24 * 60 * 60.0))
    paid: tuple[Cap, ...] = (Cap(60, 60 * 60.0),)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what triggers it in words and as code, and what follows."""

    trigger: str
    holds: Callable[[Fault], bool]
    trouble: Trouble
    reaction: Reaction
    delay: Delay
    leave: Leave


def _of(*kinds: FaultKind) -> Callable[[Fault], bool]:
    return lambda fault: fault.kind in kinds


def _with_status(holds: Callable[[int], bool]) -> Callable[[Fault], bool]:
    return lambda fault: fault.kind is FaultKind.HTTP_STATUS and holds(fault.http_status or 0)


CLOCK_NOT_SET = "clock_not_set"
"""Code of a certificate that is out of its time, on a machine whose clock may be wrong."""

POLICY: tuple[Rule, ...] = (
    Rule(
        "a transcription failed",
        _of(FaultKind.TRANSCRIPTION_FAILED),
        Trouble.HARMLESS,
        Reaction.KEEP,
        NONE,
        Leave.NEVER,
    ),
    Rule(
        "quota, key, account or model",
        lambda fault: fault.code in ACCOUNT_CODES,
        Trouble.ACCOUNT,
        Reaction.STOP_AND_TELL,
        PARKED,
        Leave.AT_ONCE,
    ),
    Rule(
        "the session has reached its greatest age",
        lambda fault: fault.code == "session_expired" or fault.kind is FaultKind.EXPIRED,
        Trouble.EXPIRED,
        Reaction.RENEW,
        RENEWAL,
        Leave.NEVER,
    ),
    Rule(
        "a certificate out of its time, clock not set",
        lambda fault: fault.kind is FaultKind.TLS and fault.code == CLOCK_NOT_SET,
        Trouble.NO_CLOCK,
        Reaction.BACK_OFF,
        CLOCK,
        Leave.AT_ONCE,
    ),
    Rule(
        "another fault of TLS: a login page, an interception",
        _of(FaultKind.TLS),
        Trouble.BLOCKED,
        Reaction.BACK_OFF,
        BLOCKED,
        Leave.AT_ONCE,
    ),
    Rule(
        "status 429",
        _with_status(lambda status: status == 429),
        Trouble.RATE_LIMITED,
        Reaction.BACK_OFF,
        RATE_LIMIT,
        Leave.AT_ONCE,
    ),
    Rule(
        "status 408, 425 or 5xx",
        _with_status(lambda status: status in RETRYABLE_STATUSES or status >= 500),
        Trouble.UNREACHABLE,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.AT_ONCE,
    ),
    Rule(
        "any other status but 2xx",
        _of(FaultKind.HTTP_STATUS),
        Trouble.REFUSED,
        Reaction.STOP_AND_TELL,
        PARKED,
        Leave.AT_ONCE,
    ),
    Rule(
        "a passing error of the server, three in a minute",
        lambda fault: fault.code in TRANSIENT_CODES or fault.error_type == "server_error",
        Trouble.PASSING,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.SECOND_TIME,
    ),
    Rule(
        "settings or dialect refused",
        _of(FaultKind.SETUP_REFUSED),
        Trouble.REFUSED,
        Reaction.STOP_AND_TELL,
        PARKED,
        Leave.AT_ONCE,
    ),
    Rule(
        "no name, no connection, no answer in time, no usable answer",
        _of(FaultKind.NETWORK, FaultKind.TIMEOUT, FaultKind.BAD_ANSWER),
        Trouble.UNREACHABLE,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.AT_ONCE,
    ),
    Rule(
        "the call was answered, but no packet gets through",
        _of(FaultKind.NO_PATH),
        Trouble.NO_PATH,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.TRANSPORT,
    ),
    Rule(
        "the session was closed or lost",
        _of(FaultKind.CLOSED, FaultKind.LOST),
        Trouble.ENDED,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.SECOND_TIME,
    ),
    Rule(
        "no way to the server for 25 s",
        _of(FaultKind.PATH_DEAD),
        Trouble.UNREACHABLE,
        Reaction.BACK_OFF,
        BACKOFF,
        Leave.AT_ONCE,
    ),
    Rule(
        "no sign of life for 7 s though there is a way, or announced sound stays away",
        _of(FaultKind.PEER_DEAD, FaultKind.DEAF),
        Trouble.ENDED,
        Reaction.RENEW,
        RENEWAL,
        Leave.SECOND_TIME,
    ),
    Rule(
        "this machine's address has changed",
        _of(FaultKind.MOVED),
        Trouble.ENDED,
        Reaction.RENEW,
        RENEWAL,
        Leave.NEVER,
    ),
    Rule(
        "two turns in a row were not answered",
        _of(FaultKind.UNANSWERED),
        Trouble.ENDED,
        Reaction.RENEW,
        RENEWAL,
        Leave.SECOND_TIME,
    ),
    Rule("anything else", lambda _: True, Trouble.HARMLESS, Reaction.KEEP, NONE, Leave.NEVER),
)
"""Which fault calls for what. Codes come before kinds: a code says more than the channel it arrived on.

A failed transcription alone never ends a session: no answer depends on it, and trouble with the account shows
in the responses as well.
"""


def rule_for(fault: Fault) -> Rule:
    """Return the row that decides about ``fault``: the first whose trigger it meets."""
    return next(rule for rule in POLICY if rule.holds(fault))


_IN_WORDS = {
    Reaction.KEEP: "the session goes on",
    Reaction.BACK_OFF: "tried again, later each time",
    Reaction.RENEW: "a new session",
    Reaction.STOP_AND_TELL: "told to a person; tried again after minutes",
}


def render_table() -> str:
    """Return the table as Markdown, for ARCHITECTURE.md."""
    rows = [
        f"| {rule.trigger} | {rule.trouble.value} | {_IN_WORDS[rule.reaction]} | "
        f"{'' if rule.reaction is Reaction.KEEP else rule.delay} | {rule.leave.value} |"
        for rule in POLICY
    ]
    head = ["| trigger | class | action | delay | another endpoint |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
