"""What may stand in ``edge-agent.yaml``: every key with its type, range, unit and default.

The structs hold plain values as a person writes them; each layer has a settings class of its own.
``None`` is "not set": the server's own value, or one that depends on other keys, as the description says.
Descriptions go into the JSON schema, so that an editor shows them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from edge_agent.config.costs import Budget, Prices

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        extra={"expected": "a name of at most 64 letters, digits, '.', '_' and '-'"},
    ),
]
"""Safe in log lines, in messages and as a file name."""

AbsolutePath = Annotated[str, Meta(pattern=r"^/.+$", max_length=4096, extra={"expected": "an absolute path"})]

VariableName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z_][A-Z0-9_]{0,63}$",
        extra={"expected": "the name of an environment variable (capital letters, digits and '_')"},
    ),
]
"""Without small letters, so that a key written here by mistake is noticed."""

Text = Annotated[str, Meta(min_length=1, max_length=1024, extra={"expected": "a text that is not empty"})]

LongText = Annotated[
    str, Meta(min_length=1, max_length=65_536, extra={"expected": "a text that is not empty"})
]

NULL_IS_A_WORD = "null_is_a_word"
"""Mark of a text that may be the word ``null``, which YAML reads as nothing unless it is in quotes."""

Pcm = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        extra_json_schema={"type": ["string", "null"]},
        extra={
            "expected": "a sound device (default, plughw:CARD=NAME, file:PATH.wav, fifo:PATH or null)",
            NULL_IS_A_WORD: True,
        },
    ),
]
"""A sound device as :meth:`edge_agent.audio.spec.PcmSpec.parse` takes it."""

HttpPath = Annotated[
    str,
    Meta(
        pattern=r"^(/|https?://[^/ ]+/)[^ ]*$",
        max_length=1024,
        extra={"expected": "a path that begins with /, or a whole https:// URL"},
    ),
]

Pin = Annotated[
    int,
    Meta(ge=0, le=27, extra={"expected": "the BCM number of a pin, a whole number from 0 to 27"}),
]
"""Pins of the 40-pin header by Broadcom's numbers: https://pinout.xyz."""

Seconds = Annotated[float, Meta(ge=0.5, le=120)]
"""Patience with one step of opening a session."""

ActionName = Literal["conversation", "talk", "mute", "interrupt", "volume-up", "volume-down", "none"]

ProfileName = Literal["openai", "azure", "azure-preview", "huggingface", "speaches", "local", "custom"]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class KeySource(_Section, frozen=True):
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


class IceServer(_Section, frozen=True):
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


class Deadlines(_Section, frozen=True):
    """How long each step of opening a session may take, in seconds."""

    http_s: Annotated[Seconds, Meta(description="One HTTP exchange, name lookup included.")] = 10.0
    connect_s: Annotated[Seconds, Meta(description="From the call until the event channel is open.")] = 15.0
    session_created_s: Annotated[Seconds, Meta(description="From there until session.created.")] = 10.0
    session_updated_s: Annotated[Seconds, Meta(description="From session.update to session.updated.")] = 5.0


class ProfileOverrides(_Section, frozen=True):
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


class Endpoint(_Section, frozen=True):
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


class Reconnect(_Section, frozen=True):
    """How many sessions are opened at most, whatever goes wrong."""

    storm_limit: Annotated[
        int, Meta(ge=1, le=100, description="Sessions that follow a failure, in any ten minutes.")
    ] = 10
    daily_limit: Annotated[
        int, Meta(ge=1, le=10_000, description="Sessions that follow a failure, in any 24 hours.")
    ] = 60
    paid_hourly_limit: Annotated[
        int,
        Meta(ge=1, le=1000, description="Sessions in any hour at servers that want a key, for any reason."),
    ] = 60


class Link(_Section, frozen=True):
    """When a session is held. Between sessions no sound leaves the device."""

    sleep_after_s: Annotated[
        Annotated[float, Meta(ge=5, le=86_400)] | None,
        Meta(
            description="Mode always-on: silence after which the session is closed, until somebody speaks. "
            "Null: never."
        ),
    ] = None
    keep_warm_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)] | None,
        Meta(
            description="Modes button and wake-word: how long the session outlives a conversation. "
            "Null: for ever in mode button, not at all in mode wake-word."
        ),
    ] = None


class Wake(_Section, frozen=True):
    """The wake word of mode wake-word, which is found on the device itself; from the extra wake."""

    word: Annotated[
        Literal["okay_nabu", "hey_jarvis", "hey_mycroft", "alexa"],
        Meta(description="Which of the words that come with the package."),
    ] = "okay_nabu"
    model: Annotated[
        AbsolutePath | None,
        Meta(description="A word of your own: the .json of a microWakeWord model, its .tflite beside it."),
    ] = None
    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="How sure it has to be; lower hears more, and more that is not it. Null: the model's."
        ),
    ] = None
    refractory_s: Annotated[
        float, Meta(ge=0, le=60, description="Time after a wake word in which it is not heard again.")
    ] = 2.0
    follow_up_s: Annotated[
        float,
        Meta(ge=1, le=600, description="How long it listens without the word, at first and after an answer."),
    ] = 8.0
    sound: Annotated[bool, Meta(description="Whether short sounds tell that it wakes and falls asleep.")] = (
        True
    )


class Renewal(_Section, frozen=True):
    """When a session is followed by another one, before the server ends it."""

    after_percent: Annotated[
        int, Meta(ge=5, le=99, description="Share of a session's life after which an idle moment renews it.")
    ] = 80
    latest_percent: Annotated[
        int,
        Meta(ge=10, le=99, description="Share of it after which no idle moment is waited for to prepare."),
    ] = 95
    max_age_s: Annotated[
        Annotated[float, Meta(ge=5, le=86_400)] | None,
        Meta(description="Age at which a session is renewed in any case. Null: only before its end."),
    ] = None
    max_context_tokens: Annotated[
        Annotated[int, Meta(ge=500, le=1_000_000)] | None,
        Meta(description="Tokens of input to one answer above which the session is renewed. Null: never."),
    ] = None


class ServerVad(_Section, frozen=True, tag_field="type", tag="server_vad"):
    """A turn ends when the voice has been silent for a while. Null: the server's own value."""

    threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Loudness that counts as a voice; higher for noisy rooms."),
    ] = None
    prefix_padding_ms: Annotated[
        Annotated[int, Meta(ge=0, le=5000)] | None,
        Meta(description="Sound kept from before the voice began."),
    ] = None
    silence_duration_ms: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None, Meta(description="Silence that ends a turn.")
    ] = None
    interrupt_response: Annotated[bool | None, Meta(description="Whether a voice stops the answer.")] = None


class SemanticVad(_Section, frozen=True, tag_field="type", tag="semantic_vad"):
    """A turn ends when what was said sounds complete. Null: the server's own value."""

    eagerness: Annotated[
        Literal["low", "medium", "high", "auto"] | None, Meta(description="How soon the answer begins.")
    ] = None
    interrupt_response: Annotated[bool | None, Meta(description="Whether a voice stops the answer.")] = None


class NoTurnDetection(_Section, frozen=True, tag_field="type", tag="none"):
    """The server does not listen for turns: only push-to-talk is answered."""


class Transcription(_Section, frozen=True):
    """The server writes down what the person says."""

    model: Annotated[Text, Meta(description="Model that transcribes.")]
    language: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
                extra={"expected": "a language code such as en or de"},
            ),
        ]
        | None,
        Meta(description="Language that is spoken, as an ISO 639 code. Null: the server finds out."),
    ] = None
    prompt: Annotated[Text | None, Meta(description="Hint for the model, such as names that occur.")] = None


class TokenLimits(_Section, frozen=True):
    """Limits of what the model is given."""

    post_instructions: Annotated[int, Meta(ge=1, le=1_000_000, description="Tokens after the instructions.")]


class RetentionRatio(_Section, frozen=True, tag_field="type", tag="retention_ratio"):
    """When the history is too long, this share of it is kept."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1, description="Share of the history that is kept.")]
    token_limits: Annotated[TokenLimits | None, Meta(description="When the history is too long.")] = None


class Session(_Section, frozen=True):
    """What the server is asked for in every session. Null: not asked for, the server's own value."""

    instructions: Annotated[LongText | None, Meta(description="Who the agent is and how it talks.")] = None
    turn_detection: Annotated[
        ServerVad | SemanticVad | NoTurnDetection | None,
        Meta(description="How the server finds the end of a turn."),
    ] = None
    transcription: Annotated[
        Transcription | Literal["none"] | None,
        Meta(description="Whether the server writes down what is said."),
    ] = None
    noise_reduction: Annotated[
        Literal["near_field", "far_field", "none"] | None,
        Meta(description="near_field: microphone at the mouth, far_field: microphone in the room."),
    ] = None
    max_output_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None,
        Meta(description="Longest answer, in tokens."),
    ] = None
    speed: Annotated[
        Annotated[float, Meta(ge=0.25, le=1.5)] | None, Meta(description="Speed of speech; 1.0 is normal.")
    ] = None
    truncation: Annotated[
        Literal["auto", "disabled"] | RetentionRatio | None,
        Meta(
            description="What the server forgets of a long conversation. Null: openai and azure keep 80 % of "
            "8000 tokens, others as they do."
        ),
    ] = None
    extra: Annotated[
        dict[str, Any], Meta(description="More keys of the session object, sent as they are.")
    ] = field(default_factory=dict)


class Conversation(_Section, frozen=True):
    """Patience with people and answers."""

    answer_limit_s: Annotated[
        float, Meta(ge=1, le=300, description="Longest wait for an answer's sound.")
    ] = 15.0
    idle_limit_s: Annotated[
        float, Meta(ge=5, le=86_400, description="Mode button: silence that ends a conversation.")
    ] = 120.0
    memory_turns: Annotated[
        int, Meta(ge=0, le=200, description="Turns that the next session is told of, of both sides.")
    ] = 40
    memory_characters: Annotated[
        int, Meta(ge=0, le=100_000, description="How long these may be, all together.")
    ] = 8000


class Opus(_Section, frozen=True):
    """How the microphone's sound is encoded (RFC 6716)."""

    frame_ms: Annotated[
        Literal[10, 20, 40, 60],
        Meta(description="Length of a packet: less delay for more packets, and work, a second."),
    ] = 20
    application: Annotated[
        Literal["auto", "voip", "audio", "lowdelay"],
        Meta(description="What the encoder is made for. auto: lowdelay; voip for fec or dtx."),
    ] = "auto"
    bitrate_bps: Annotated[
        Annotated[int, Meta(ge=6_000, le=128_000)] | None,
        Meta(description="Bit rate. Null: 32000 for voip, 48000 for the others."),
    ] = None
    bandwidth_hz: Annotated[
        Literal[8_000, 12_000, 20_000],
        Meta(description="How high the sound may reach. Recognisers hear 8000 at most."),
    ] = 8_000
    complexity: Annotated[
        Annotated[int, Meta(ge=0, le=10)] | None,
        Meta(
            description="Effort of the encoder: quality for CPU time. "
            "Null: 0 for lowdelay and on small boards, else 5."
        ),
    ] = None
    fec: Annotated[bool, Meta(description="Carry a rough copy of the packet before, against loss.")] = False
    expected_loss_percent: Annotated[
        int,
        Meta(ge=0, le=100, description="Share of packets that the network loses; how much fec spends on it."),
    ] = 0
    dtx: Annotated[bool, Meta(description="Send next to nothing while it is quiet.")] = False


class Echo(_Section, frozen=True):
    """Taking the loudspeaker's sound out of the microphone's."""

    cancellation: Annotated[
        Literal["auto", "software", "hardware", "off"],
        Meta(
            description="software: WebRTC's echo canceller, from the extra aec; hardware: the device or the "
            "sound server does it; auto: software if it is installed, else off."
        ),
    ] = "auto"
    noise_suppression: Annotated[
        Literal["none", "low", "moderate", "high", "very-high"],
        Meta(description="Software: how strongly steady noise is reduced while the loudspeaker sounds."),
    ] = "none"


class Sound(_Section, frozen=True):
    """Microphone and loudspeaker."""

    input: Annotated[Pcm, Meta(description="Microphone.")] = "default"
    output: Annotated[Pcm, Meta(description="Loudspeaker.")] = "default"
    duplex: Annotated[
        Literal["auto", "half", "full"],
        Meta(
            description="half: the microphone is off while the loudspeaker sounds; full: it stays open; "
            "auto: full where echo cancellation works, else half."
        ),
    ] = "auto"
    preroll_s: Annotated[
        float, Meta(ge=1, le=60, description="How much speech is held while there is no session.")
    ] = 10.0
    half_duplex_tail_ms: Annotated[
        int, Meta(ge=0, le=5000, description="Half duplex: pause before the microphone opens again.")
    ] = 300
    playout_fill_ms: Annotated[
        int,
        Meta(
            ge=20,
            le=500,
            description="How much sound the loudspeaker's card holds: its delay, its reserve against gaps.",
        ),
    ] = 30
    keep_dac_awake: Annotated[
        bool,
        Meta(description="Whether the loudspeaker's card plays silence between sounds; false: it is closed."),
    ] = True
    volume_percent: Annotated[
        Annotated[int, Meta(ge=0, le=150)] | None,
        Meta(description="Volume at the start; above 100 samples are amplified. Null: the card's as it is."),
    ] = None
    mixer: Annotated[
        Text,
        Meta(description="Control of the card that sets the volume: its name, auto or none (in software)."),
    ] = "auto"
    echo: Annotated[Echo, Meta(description="Taking the loudspeaker's sound out of the microphone's.")] = (
        Echo()
    )
    ducking_db: Annotated[
        int,
        Meta(
            ge=0,
            le=40,
            description="How much softer the loudspeaker is once somebody begins to talk; 0: not at all.",
        ),
    ] = 0
    opus: Annotated[Opus, Meta(description="How the microphone's sound is encoded.")] = Opus()


class Led(_Section, frozen=True, tag_field="type", tag="led"):
    """An LED of one colour that is on or off."""

    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pin is high.")] = True


class PwmLed(_Section, frozen=True, tag_field="type", tag="pwmled"):
    """An LED of one colour that can be dimmed."""

    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pin is high.")] = True
    brightness: Annotated[float, Meta(ge=0, le=1, description="Full brightness, 0 to 1.")] = 1.0


class RgbLed(_Section, frozen=True, tag_field="type", tag="rgbled"):
    """An LED of three colours."""

    red: Annotated[Pin, Meta(description="BCM number of the red pin.")]
    green: Annotated[Pin, Meta(description="BCM number of the green pin.")]
    blue: Annotated[Pin, Meta(description="BCM number of the blue pin.")]
    active_high: Annotated[bool, Meta(description="Lit when the pins are high (common cathode).")] = True
    brightness: Annotated[float, Meta(ge=0, le=1, description="Full brightness, 0 to 1.")] = 1.0


class Button(_Section, frozen=True):
    """A push-button. Null for a gesture: by mode; null for hold_ms: by what holding does."""

    name: Annotated[Name, Meta(description="Your name for it, as log lines show it. Each name once.")]
    pin: Annotated[Pin, Meta(description="BCM number of its pin.")]
    active_low: Annotated[bool, Meta(description="Pressing connects the pin to ground.")] = True
    pull: Annotated[bool, Meta(description="Use the processor's own pull resistor.")] = True
    tap: Annotated[ActionName | None, Meta(description="What a short press does.")] = None
    hold: Annotated[ActionName | None, Meta(description="What a long press does.")] = None
    double_tap: Annotated[ActionName | None, Meta(description="What two short presses do.")] = None
    hold_ms: Annotated[
        Annotated[int, Meta(ge=100, le=10_000)] | None, Meta(description="How long a long press is.")
    ] = None


class Gpio(_Section, frozen=True):
    """Access to the pins."""

    factory: Annotated[
        Literal["auto", "lgpio", "mock", "none"],
        Meta(
            description="auto: real pins if there are any; mock: pretended ones; none: no LEDs, no buttons."
        ),
    ] = "auto"


class Control(_Section, frozen=True):
    """A Unix socket that shows what the agent does and takes button presses. Only its owner may connect."""

    socket: Annotated[AbsolutePath | None, Meta(description="Path of the socket. Null: there is none.")] = (
        None
    )
    transcripts: Annotated[bool, Meta(description="Whether it carries what is said.")] = False
    raw_events: Annotated[bool, Meta(description="Whether it takes protocol events to send as they are.")] = (
        False
    )


class Logging(_Section, frozen=True):
    """What is logged."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least severity.")] = (
        "info"
    )
    transcripts: Annotated[
        bool, Meta(description="Whether what is said is logged. Think of your guests.")
    ] = False


DEFAULT_ENDPOINT = Endpoint(name="local", profile="local", url="http://127.0.0.1:8765")
"""The embedded local server as ``edge-agent serve`` starts it: works without account and network."""


class Config(_Section, frozen=True):
    """The configuration of ``edge-agent run``."""

    mode: Annotated[
        Literal["always-on", "button", "wake-word"],
        Meta(
            description="always-on: it always listens; button: it listens when asked to by a button; "
            "wake-word: when it is called."
        ),
    ] = "always-on"
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Meta(min_length=1, max_length=16, description="The servers. The first one that works is used."),
    ] = (DEFAULT_ENDPOINT,)
    reconnect: Annotated[
        Reconnect, Meta(description="How many sessions are opened at most, whatever goes wrong.")
    ] = Reconnect()
    link: Annotated[Link, Meta(description="When a session is held.")] = Link()
    wake: Annotated[Wake, Meta(description="The wake word.")] = Wake()
    renewal: Annotated[Renewal, Meta(description="When a session is followed by another one.")] = Renewal()
    session: Annotated[Session, Meta(description="What the server is asked for.")] = Session()
    conversation: Annotated[Conversation, Meta(description="Patience with people and answers.")] = (
        Conversation()
    )
    budget: Annotated[Budget, Meta(description="What may be used.")] = Budget()
    sound: Annotated[Sound, Meta(description="Microphone and loudspeaker.")] = Sound()
    leds: Annotated[
        tuple[Led | PwmLed | RgbLed, ...], Meta(max_length=16, description="LEDs; all show the same.")
    ] = ()
    buttons: Annotated[tuple[Button, ...], Meta(max_length=16, description="Push-buttons.")] = ()
    gpio: Annotated[Gpio, Meta(description="Access to the pins.")] = Gpio()
    control: Annotated[Control, Meta(description="A socket that shows what the agent does.")] = Control()
    logging: Annotated[Logging, Meta(description="What is logged.")] = Logging()
