"""All calls of the server, the tokens that open them, and what can be counted about both."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import Counter, deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.objects import SessionObject
from edge_agent.protocol.session_object import DEFAULTS, SessionWishes, effective_session, parse_session
from edge_agent.server.call import Call, Line, Staff, State
from edge_agent.server.conversation import Setup, new_session
from edge_agent.server.peer import PeerCarrier
from edge_agent.server.scenario import DeadAnswer, Expire, Scenario, Stage
from edge_agent.server.settings import DEFAULT_VOICE, ServerSettings, ice_addresses
from edge_agent.server.state import SessionState

MODEL = "edge-agent-local"
"""Model of sessions that name none."""

MAX_TOKENS = 1000
"""Tokens that are valid at once; the oldest goes first."""

MAX_ENDED_CALLS = 50
MAX_ATTEMPTS = 500
"""What the control endpoint remembers; the oldest is forgotten."""

ID_BYTES = 9
"""72 random bits: no two ids are alike, and none can be guessed."""


class TooManyCalls(Exception):
    """No further call can be taken now."""


@dataclass(frozen=True, slots=True)
class Token:
    """A short-lived secret that opens calls. ``expires_at_unix`` in seconds since 1970."""

    value: str
    expires_at_unix: int
    expires_at: float
    session_id: str
    wishes: SessionWishes
    session: SessionObject


@dataclass(slots=True)
class Attempt:
    """One HTTP request. ``at_s`` in seconds since the server started."""

    at_s: float
    method: str
    path: str
    status: int | None = None


@dataclass(slots=True)
class Records:
    """What the control endpoint shows."""

    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS))
    counters: Counter[str] = field(default_factory=Counter)
    ended: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=MAX_ENDED_CALLS))


class Exchange:
    """Places calls and ends them."""

    def __init__(self, settings: ServerSettings, staff: Staff) -> None:
        self.records = Records()
        self.started_at = time.monotonic()
        self._settings = settings
        self._staff = staff
        self._calls: dict[str, Call] = {}
        self._tokens: dict[str, Token] = {}

    @property
    def stage(self) -> Stage:
        """The scenario that is on."""
        return self._staff.stage

    def may_call(self, secret: str) -> bool:
        """Tell whether ``secret`` opens a call: the key or a token, anything when there is no key."""
        token = self._tokens.get(secret)
        if token is not None:
            return time.monotonic() < token.expires_at
        if secret.startswith("ek_"):
            return False
        return self.may_mint(secret)

    def may_mint(self, secret: str) -> bool:
        """Tell whether ``secret`` opens everything: the key, anything when there is none."""
        key = self._settings.key
        return key is None or hmac.compare_digest(secret.encode(), key.encode())

    def mint(self, session: object, lifetime_s: int, dialect: Dialect) -> Token:
        """Return a new token for calls with ``session``. Raises Malformed for a bad session."""
        wishes = self._wishes(session, dialect)
        session_id = new_id("sess")
        expires_at_unix = int(time.time()) + lifetime_s
        token = Token(
            value=f"ek_{secrets.token_hex(16)}",
            expires_at_unix=expires_at_unix,
            expires_at=time.monotonic() + lifetime_s,
            session_id=session_id,
            wishes=wishes,
            session=effective_session(wishes, session_id, expires_at_unix),
        )
        while len(self._tokens) >= MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[token.value] = token
        self.records.counters["tokens"] += 1
        return token

    async def place_call(self, offer: str, session: object, secret: str, dialect: Dialect) -> tuple[str, str]:
        """Return the id of a new call and its SDP answer. Without ``session`` (None) it is the token's.

        Raises Malformed for a bad session, BadOffer for a bad offer, TooManyCalls.
        """
        call = self.open_call(session, secret, dialect)
        carrier = PeerCarrier(call, self._staff.voice.silence, ice_addresses(self._settings.host))
        async with AsyncExitStack() as unanswered:
            unanswered.push_async_callback(call.close, "not answered")
            call.carry(carrier)
            answer = await carrier.answer(offer, is_dead=self.stage.take(DeadAnswer) is not None)
            unanswered.pop_all()
        self.records.counters["calls"] += 1
        return call.call_id, answer

    def open_call(
        self, session: object, secret: str, dialect: Dialect, *, streams_sound: bool = False
    ) -> Call:
        """Return a new call, which nothing carries yet. Raises Malformed for a bad session, TooManyCalls."""
        if len(self._calls) >= self._settings.max_calls:
            raise TooManyCalls
        token = self._tokens.get(secret)
        wishes = self._wishes(session, dialect, token.wishes if token else None)
        state = SessionState(
            session_id=new_id("sess"),
            wishes=wishes,
            new_id=new_id,
            streams_sound=streams_sound,
            stage=self._staff.stage,
        )
        line = Line(new_id("rtc"), self._setup(dialect, streams_sound=streams_sound))
        call = Call(line, state, self._staff, self._on_end)
        self._calls[call.call_id] = call
        return call

    async def hang_up(self, call_id: str) -> bool:
        """End a call for the client; False if there is none of this name."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        await call.close("hung up by the client")
        return True

    async def close(self) -> None:
        """End all calls."""
        calls = list(self._calls.values())
        await asyncio.gather(*(call.close("the server stops") for call in calls), return_exceptions=True)

    def play(self, scenario: Scenario) -> None:
        """Begin another scenario, for all calls."""
        self.stage.play(scenario)
        for call in list(self._calls.values()):
            call.adopt_scenario()

    def announce(self, text: str) -> int:
        """Say ``text`` in all calls; return how many there are."""
        open_calls = [call for call in self._calls.values() if call.state is State.OPEN]
        for call in open_calls:
            call.announce(text)
        return len(open_calls)

    def snapshot(self) -> dict[str, object]:
        """Return everything that there is to know, as JSON."""
        scenario = self.stage.scenario
        return {
            "uptime_s": round(time.monotonic() - self.started_at, 3),
            "dialect": self._settings.dialect.value,
            "counters": dict(self.records.counters),
            "attempts": list(self.records.attempts),
            "calls": [call.snapshot() for call in self._calls.values()],
            "ended_calls": list(self.records.ended),
            "scenario": scenario,
            "faults_taken": self.stage.taken,
        }

    def _setup(self, dialect: Dialect, *, streams_sound: bool) -> Setup:
        age_s = announced_s = self._settings.max_session_s
        if fault := self.stage.take(Expire):
            age_s = fault.after_s
            announced_s = fault.after_s if fault.announced else announced_s
        now = asyncio.get_running_loop().time()
        return Setup(dialect, int(time.time() + announced_s), now + age_s, streams_sound)

    def _wishes(
        self, session: object, dialect: Dialect, current: SessionWishes | None = None
    ) -> SessionWishes:
        wishes = current or DEFAULTS
        if session is not None:
            wishes = parse_session(session, dialect, wishes)
        return new_session(wishes, MODEL, DEFAULT_VOICE)

    def _on_end(self, call: Call) -> None:
        self._calls.pop(call.call_id, None)
        self.records.counters["ended_calls"] += 1
        self.records.ended.append(call.snapshot())


def new_id(prefix: str) -> str:
    """Return an id that nobody had before."""
    return f"{prefix}_{secrets.token_urlsafe(ID_BYTES)}"
