"""Which server to call and how patiently: frozen settings, filled from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.protocol.profiles import Profile


class Secret:
    """A key that shows itself to nobody but its caller: ``secret()`` returns it, printing hides it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text.strip()

    def __call__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret can't be pickled")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each step of a session may take, in seconds (monotonic).

    Origin: agents of the field allow 10 to 15 s for a call; ``session_updated_s`` is what OpenAI's own agents
    SDK waits; a clean close takes milliseconds, the rest is for a machine under load.
    """

    http_s: float = 10.0
    """One HTTP exchange, name lookup to last byte."""
    connect_s: float = 15.0
    """From the call's POST until the event channel is open."""
    path_s: float | None = None
    """From the call's answer until a packet gets through; None: as long as ``connect_s`` allows. A path that
    is there answers within a round trip or two, so who has another transport need not wait for long."""
    session_created_s: float = 10.0
    session_updated_s: float = 5.0
    hang_up_s: float = 2.0
    """The farewell to the provider's HTTP interface; best effort."""
    close_s: float = 1.5
    """Taking the connection down. With ``hang_up_s`` it has to fit into the end of the process, 5 s."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server (``stun:…``, ``turn:…``). The public Realtime servers need none."""

    url: str
    username: str | None = None
    credential: Callable[[], str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server that speaks the Realtime protocol.

    ``base_url`` is what the profile's paths are appended to; ``https``, or ``http`` to a loopback address.
    ``key`` returns the API key when it is needed, None for a server that wants none. ``extra_headers`` go
    with every request. No ``repr`` shows a key or a header.
    """

    name: str
    base_url: str
    profile: Profile
    model: str | None = None
    key: Callable[[], str] | None = field(default=None, repr=False)
    extra_headers: dict[str, str] = field(default_factory=dict, repr=False)
    ice_servers: tuple[IceServer, ...] = ()
    deadlines: Deadlines = field(default_factory=Deadlines)
