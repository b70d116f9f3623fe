"""Microphone and loudspeaker."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.config.sections.kinds import NULL_IS_A_WORD, Section, Text

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


class Opus(Section, frozen=True):
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


class Echo(Section, frozen=True):
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


class Sound(Section, frozen=True):
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
