"""What providers do differently about a call: facts as data, one row for each provider.

Every value can be overridden in the configuration, because servers change. What a server shows by itself is
not here: whether it sends ``output_audio_buffer.*``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge_agent.protocol.dialect import Dialect

EVENTS_CHANNEL_LABEL = "oai-events"
"""Label of the data channel. Most servers take any; Hugging Face speech-to-speech takes no other."""

OPENAI_MAX_SESSION_S = 55 * 60.0
"""OpenAI ends sessions after 60 minutes (guide to Realtime conversations); five less, to renew in time."""


class Handshake(enum.Enum):
    """Form of the HTTP request that carries the SDP offer."""

    MULTIPART = "multipart"  # parts "sdp" (application/sdp) and "session" (application/json)
    RAW_SDP = "raw_sdp"  # the offer alone, as application/sdp
    JSON = "json"  # {"sdp": offer, "model": model, "session": {…}}; servers take one or both of the last two


class TokenStyle(enum.Enum):
    """Whether the call is made with the key itself or with a short-lived token, and how that is asked for."""

    NONE = "none"
    CLIENT_SECRET = "client_secret"  # POST {"session": …} -> {"value": token}
    BETA_SESSION = "beta_session"  # POST the flat session -> {"client_secret": {"value": token}}


class Hangup(enum.Enum):
    """How a call is ended over HTTP; without it the connection is just closed."""

    POST_HANGUP = "post_hangup"  # POST {Location}/hangup
    DELETE_LOCATION = "delete_location"  # DELETE {Location}
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Profile:
    """How to call one kind of server.

    ``calls_path`` and ``token_path`` are paths below the endpoint's address, or whole URLs where a provider
    uses another host. Values of ``calls_query`` and ``token_query`` may hold ``{model}``. The key goes into
    ``auth_header`` after ``auth_scheme`` and a space ("" is no scheme); a token always goes as
    ``Authorization: Bearer``. ``answer_path`` leads to the SDP in a JSON answer, () means that the body is
    the SDP. Any 2xx status is success. ``initial_update`` tells whether the session is (also) configured by
    ``session.update`` after ``session.created``. ``max_session_s`` is how long a session lives when the
    server does not say, None for no known limit. ``takes_manual_turns`` is False where the input buffer
    can't be cleared and committed, so that push-to-talk can only open and close the microphone.
    ``wrapped_events`` is True where events arrive in wrappers and pieces: see fragments.py; over a WebSocket
    they never do. ``websocket_path`` and ``websocket_query`` are like those of calls, None where a session
    can't be held over a WebSocket.
    """

    handshake: Handshake = Handshake.MULTIPART
    calls_path: str = "/v1/realtime/calls"
    calls_query: Mapping[str, str] = field(default_factory=dict)
    token_path: str | None = None
    token_query: Mapping[str, str] = field(default_factory=dict)
    token_style: TokenStyle = TokenStyle.NONE
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"
    answer_path: tuple[str, ...] = ()
    hangup: Hangup = Hangup.POST_HANGUP
    dialect: Dialect = Dialect.GA
    initial_update: bool = False
    max_session_s: float | None = None
    needs_key: bool = True
    takes_manual_turns: bool = True
    wrapped_events: bool = False
    websocket_path: str | None = "/v1/realtime"
    websocket_query: Mapping[str, str] = field(default_factory=lambda: {"model": "{model}"})


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "openai": Profile(max_session_s=OPENAI_MAX_SESSION_S),
        "azure": Profile(
            handshake=Handshake.RAW_SDP,
            calls_path="/openai/v1/realtime/calls",
            token_path="/openai/v1/realtime/client_secrets",
            token_style=TokenStyle.CLIENT_SECRET,
            auth_header="api-key",
            auth_scheme="",
            max_session_s=OPENAI_MAX_SESSION_S,
            websocket_path="/openai/v1/realtime",
        ),
        "azure-preview": Profile(
            handshake=Handshake.RAW_SDP,
            calls_path="https://eastus2.realtimeapi-preview.ai.azure.com/v1/realtimertc",
            calls_query={"model": "{model}"},
            token_path="/openai/realtimeapi/sessions",
            token_query={"api-version": "2025-04-01-preview"},
            token_style=TokenStyle.BETA_SESSION,
            auth_header="api-key",
            auth_scheme="",
            hangup=Hangup.NONE,
            dialect=Dialect.BETA,
            max_session_s=OPENAI_MAX_SESSION_S,
            websocket_path="/openai/realtime",
            websocket_query={"api-version": "2025-04-01-preview", "deployment": "{model}"},
        ),
        "huggingface": Profile(
            handshake=Handshake.RAW_SDP,
            hangup=Hangup.DELETE_LOCATION,
            initial_update=True,
            needs_key=False,
            takes_manual_turns=False,
        ),
        "speaches": Profile(
            handshake=Handshake.RAW_SDP,
            calls_path="/v1/realtime",
            calls_query={"model": "{model}"},
            hangup=Hangup.NONE,
            dialect=Dialect.BETA,
            initial_update=True,
            needs_key=False,
            wrapped_events=True,
        ),
        "local": Profile(initial_update=True, needs_key=False),
        "custom": Profile(),
    }
)
"""Profiles by the name that the configuration uses."""
