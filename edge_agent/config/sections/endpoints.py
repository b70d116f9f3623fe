"""The servers: where they are, how they are called, and what differs from their profile."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_agent.config.sections.budget import Prices
from edge_agent.config.sections.kinds import AbsolutePath, Name, Section, Text, VariableName

HttpPath = Annotated[
    str,
    Meta(
        pattern=r"^(/|https?://[^/ ]+/)[^ ]*$",
        max_length=1024,
        extra={"expected": "a path that begins with /, or a whole https:// URL"},
    ),
]

Seconds = Annotated[float, Meta(ge=0.5, le=120)]
"""Patience with one step of opening a session."""

ProfileName = Literal["openai", "azure", "azure-preview", "huggingface", "speaches", "local", "custom"]


class KeySource(Section, frozen=True):
    """Where a secret is found. The first of credential, file and environment that has it is taken."""

    credential: Annotated[
        Name | None, Meta(description="Name of a systemd credential (LoadCredential=NAME:PATH in the unit).")
    ] = None
    file: Annotated[
        AbsolutePath | None,
        Meta(description="File that holds the secret and nothing else. Must not be readable by everybody."),
    ] = None
    env: Annotated[
        VariableName | None,
        Meta(description="Name of an environment variable. Child processes inherit it: the last choice."),
    ] = None


class IceServer(Section, frozen=True):
    """A STUN or TURN server. Public Realtime servers need none."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(stun|turn|turns):[^\s/?@]+(\?transport=(udp|tcp))?$",
            description="stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT.",
            extra={"expected": "an address such as stun:HOST:PORT or turn:HOST:PORT"},
        ),
    ]
    username: Annotated[Text | None, Meta(description="User name at a TURN server.")] = None
    credential: Annotated[
        KeySource | None, Meta(description="Where the password of a TURN server is found.")
    ] = None


class Deadlines(Section, frozen=True):
    """How long each step of opening a session may take, in seconds."""

    http_s: Annotated[Seconds, Meta(description="One HTTP exchange, name lookup included.")] = 10.0
    connect_s: Annotated[Seconds, Meta(description="From the call until the event channel is open.")] = 15.0
    session_created_s: Annotated[Seconds, Meta(description="From there until session.created.")] = 10.0
    session_updated_s: Annotated[Seconds, Meta(description="From session.update to session.updated.")] = 5.0


class ProfileOverrides(Section, frozen=True):
    """Single settings of a profile, for a server that differs from it. Null: as the profile says."""

    handshake: Annotated[
        Literal["multipart", "raw_sdp", "json"] | None, Meta(description="Form of the call's HTTP request.")
    ] = None
    calls_path: Annotated[
        HttpPath | None, Meta(description="Where the call is made: a path, or a whole URL.")
    ] = None
    calls_query: Annotated[
        dict[str, Text] | None, Meta(description="Query of the call's request; {model} stands for the model.")
    ] = None
    token_path: Annotated[
        HttpPath | None, Meta(description="Where a short-lived token is asked for: a path, or a whole URL.")
    ] = None
    token_query: Annotated[
        dict[str, Text] | None,
        Meta(description="Query of the token's request; {model} stands for the model."),
    ] = None
    token_style: Annotated[
        Literal["none", "client_secret", "beta_session"] | None,
        Meta(description="Form of the token's request; none: the key itself is used for the call."),
    ] = None
    auth_header: Annotated[Text | None, Meta(description="Header that carries the key.")] = None
    auth_scheme: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description='Word before the key; "" is none.')
    ] = None
    answer_path: Annotated[
        tuple[Text, ...] | None,
        Meta(description="Keys that lead to the SDP in a JSON answer; []: the body is the SDP."),
    ] = None
    hangup: Annotated[
        Literal["post_hangup", "delete_location", "none"] | None,
        Meta(description="How a call is ended over HTTP."),
    ] = None
    dialect: Annotated[Literal["ga", "beta"] | None, Meta(description="Generation of the event names.")] = (
        None
    )
    initial_update: Annotated[
        bool | None, Meta(description="Whether a session.update follows session.created.")
    ] = None
    max_session_s: Annotated[
        Annotated[float, Meta(ge=10, le=86_400)] | None,
        Meta(description="How long a session lives when the server does not say."),
    ] = None
    needs_key: Annotated[bool | None, Meta(description="Whether the server wants a key.")] = None
    takes_manual_turns: Annotated[
        bool | None, Meta(description="Whether push-to-talk can clear and commit the server's input buffer.")
    ] = None
    wrapped_events: Annotated[
        bool | None, Meta(description="Whether events arrive in wrappers and in pieces.")
    ] = None
    websocket_path: Annotated[
        HttpPath | None, Meta(description="Where a WebSocket is opened: a path, or a whole https:// URL.")
    ] = None
    websocket_query: Annotated[
        dict[str, Text] | None, Meta(description="Query of the WebSocket; {model} stands for the model.")
    ] = None


class Endpoint(Section, frozen=True):
    """A server that speaks the Realtime protocol, and what it is asked for."""

    name: Annotated[Name, Meta(description="Your name for it, as log lines show it. Each name once.")]
    profile: Annotated[ProfileName, Meta(description="What kind of server it is.")]
    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2048,
            description="Where it is, without the API's path. http:// only to this machine.",
            extra={"expected": "an address such as https://api.openai.com"},
        ),
    ]
    transport: Annotated[
        Literal["auto", "webrtc", "websocket"],
        Meta(description="How sound travels. auto: WebRTC; WebSocket where UDP does not get through."),
    ] = "auto"
    model: Annotated[Text | None, Meta(description="Model (at Azure: deployment). Null: none is named.")] = (
        None
    )
    voice: Annotated[Text | None, Meta(description="Voice of the answers. Null: the server's own.")] = None
    key: Annotated[KeySource | None, Meta(description="Where the API key is found. Null: none is sent.")] = (
        None
    )
    announcement: Annotated[
        Text | None,
        Meta(
            description="What is said, once, when this server takes over because none before it works. "
            "Null: nothing."
        ),
    ] = None
    headers: Annotated[
        dict[str, Text], Meta(description="More HTTP headers for every request. No secrets.")
    ] = field(default_factory=dict)
    ice_servers: Annotated[
        tuple[IceServer, ...], Meta(max_length=8, description="STUN and TURN servers; normally none.")
    ] = ()
    deadlines: Annotated[Deadlines, Meta(description="Patience with this server.")] = Deadlines()
    overrides: Annotated[ProfileOverrides, Meta(description="What differs from the profile.")] = (
        ProfileOverrides()
    )
    prices: Annotated[Prices, Meta(description="What it charges; none are built in.")] = Prices()


DEFAULT_ENDPOINT = Endpoint(name="local", profile="local", url="http://127.0.0.1:8765")
"""The embedded local server as ``edge-agent serve`` starts it: works without account and network."""
