"""From a configuration to what the layers are built with: settings of each layer, and ways to open devices.

Everything here is translation. A layer does not know the configuration; it has settings of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.audio.answer_stream import AnswerStream
from edge_agent.audio.device import DeviceSettings, PcmInput, PcmOutput
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.echo import (
    Cancellation,
    EchoCanceller,
    EchoSettings,
    NoiseSuppression,
    is_cancelled,
    open_canceller,
)
from edge_agent.audio.far_end import FarEnd
from edge_agent.audio.gain import Gain
from edge_agent.audio.machine import Machine, decoder_complexity_for, encoding_for, this_machine
from edge_agent.audio.opus import Application, OpusSettings
from edge_agent.audio.spec import PcmKind, PcmSpec, open_input, open_output
from edge_agent.audio.uplink import EncodedPacket, Uplink
from edge_agent.audio.volume import Volume
from edge_agent.audio.wake_word import WakeWord, WakeWordSettings
from edge_agent.config import schema
from edge_agent.config.spending import costs_of, limits_of
from edge_agent.control.listener import ControlSettings
from edge_agent.core.ducking import Ducker
from edge_agent.core.events import Event
from edge_agent.core.pcm import MicrophoneForm
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.streamed import Note
from edge_agent.core.policy import Cap, Caps
from edge_agent.core.renewal import RenewalSettings
from edge_agent.core.settings import (
    DEFAULT_GESTURES,
    DEFAULT_HOLD_FALLBACK_S,
    DEFAULT_HOLD_S,
    Action,
    AgentSettings,
    AttentionSettings,
    ButtonSettings,
    Duplex,
    Mode,
)
from edge_agent.core.ways import TransportKind, Way
from edge_agent.endpoint_memory import EndpointMemory
from edge_agent.gpio.factory import Factory, FactoryKind, open_factory
from edge_agent.gpio.settings import ButtonWiring, LedKind, LedSettings
from edge_agent.servers import TRANSPORTS, Server, servers_of
from edge_agent.session.session import RealtimeSession
from edge_agent.state import state_folder

if TYPE_CHECKING:
    from edge_agent.audio.mixer import CardMixer


class _Sound:
    """The session's ends of the sound road."""

    def __init__(self, uplink: Uplink, downlink: Downlink) -> None:
        self._uplink = uplink
        self._downlink = downlink

    def connect_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        self._uplink.connect(deliver)

    def connect_plain_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        self._uplink.connect(deliver, MicrophoneForm.PLAIN)

    def disconnect_microphone(self) -> None:
        self._uplink.disconnect()

    def connect_loudspeaker(self, read: Callable[[], None]) -> None:
        self._downlink.connect(read)

    def disconnect_loudspeaker(self) -> None:
        self._downlink.disconnect()

    def receive(self, packet: RtpPacket) -> None:
        self._downlink.receive(packet)

    def play(self, pcm_48k_mono: bytes) -> None:
        self._downlink.play(pcm_48k_mono)

    def open_stream(self, tell: Callable[[Note], None]) -> AnswerStream:
        return self._downlink.open_stream(tell)

    @property
    def undecodable_packets(self) -> int:
        return self._downlink.undecodable_packets


@dataclass(frozen=True, slots=True)
class Parts:
    """What an appliance is built from."""

    agent_settings: AgentSettings
    endpoints: tuple[Server, ...]
    """In the order of preference, at least one."""
    memory: EndpointMemory
    """What was learnt of them."""
    uplink: Uplink
    downlink: Downlink
    open_input: Callable[[], PcmInput]
    open_output: Callable[[], PcmOutput]
    gain: Gain
    duck: Callable[[bool, bool, float], None] | None
    volume: Volume
    volume_percent: int | None
    """Where the volume begins; None: as it is."""
    far_end: FarEnd
    open_canceller: Callable[[], EchoCanceller | None]
    wake_word: WakeWord | None
    """None where it is not called by a word."""
    open_pins: Callable[[], tuple[Factory | None, str]]
    leds: tuple[LedSettings, ...]
    buttons: tuple[ButtonWiring, ...]
    control: ControlSettings | None
    log_transcripts: bool
    secrets: tuple[str, ...]
    """Values that must never be seen, for the log's filter."""

    def make_session(
        self,
        epoch: int,
        way: Way,
        post: Callable[[Event], None],
        on_wire: Callable[[str], None],
        on_malformed: Callable[[str], None],
    ) -> RealtimeSession:
        """Return the session of an epoch by a way, not yet opened."""
        server = self.endpoints[way.endpoint]
        offered = server.offer.transports
        transport = way.transport if way.transport in offered else offered[0]
        endpoint, wishes = server.by(transport)
        sound = _Sound(self.uplink, self.downlink)
        is_told = transport is TransportKind.WEBRTC
        tells_end = self.memory.of(server.offer.name).abilities.tells_end is True
        watch = self.memory.watch(server.offer.name, hears_playback=is_told)

        def told(event: Event) -> None:
            watch.saw(event)
            post(event)

        def heard(wire_type: str) -> None:
            watch.saw_name(wire_type)
            on_wire(wire_type)

        return RealtimeSession(
            epoch,
            endpoint,
            wishes,
            sound,
            told,
            on_wire=heard,
            on_malformed=on_malformed,
            new_transport=lambda endpoint, _: TRANSPORTS[transport](endpoint, sound),
            ends_are_known=is_told and tells_end,
        )


def parts_of(config: schema.Config) -> Parts:
    """Translate a validated configuration.

    Raises ConfigError when a key can't be found, or echo cancellation or a wake word that is demanded is not
    installed.
    """
    endpoints = servers_of(config)
    memory = EndpointMemory(state_folder(os.environ))
    devices = DeviceSettings(
        playout_fill_s=config.sound.playout_fill_ms / 1000,
        keep_awake=config.sound.keep_dac_awake,
        capture_periods=min(2, config.sound.opus.frame_ms // 10),
    )
    gain = Gain()
    source, sink = PcmSpec.parse(config.sound.input), PcmSpec.parse(config.sound.output)
    echo = EchoSettings(
        Cancellation(config.sound.echo.cancellation), NoiseSuppression(config.sound.echo.noise_suppression)
    )
    factory_kind = FactoryKind(config.gpio.factory)
    machine = this_machine()
    return Parts(
        agent_settings=_agent_settings(config, endpoints, memory, echo_is_cancelled=is_cancelled(echo)),
        endpoints=endpoints,
        memory=memory,
        uplink=Uplink(_opus(config.sound.opus, machine), config.sound.preroll_s),
        downlink=Downlink(devices.playout_fill_s, decoder_complexity_for(machine)),
        open_input=lambda: open_input(source, devices),
        open_output=lambda: open_output(sink, devices),
        gain=gain,
        duck=_duck(config.sound.ducking_db, gain),
        volume=Volume(gain, _mixer(config.sound.mixer, sink)),
        volume_percent=config.sound.volume_percent,
        far_end=FarEnd(devices.playout_fill_s),
        open_canceller=lambda: open_canceller(echo),
        wake_word=_wake_word(config),
        open_pins=lambda: open_factory(factory_kind),
        leds=tuple(_led(led) for led in config.leds),
        buttons=tuple(
            ButtonWiring(button.name, button.pin, button.active_low, button.pull) for button in config.buttons
        ),
        control=_control(config.control),
        log_transcripts=config.logging.transcripts,
        secrets=tuple(dict.fromkeys(secret for server in endpoints for secret in server.secrets)),
    )


def _wake_word(config: schema.Config) -> WakeWord | None:
    wake = config.wake
    if Mode(config.mode) is not Mode.WAKE_WORD:
        return None
    model = None if wake.model is None else Path(wake.model)
    return WakeWord(WakeWordSettings(wake.word, model, wake.threshold))


def _attention(config: schema.Config) -> AttentionSettings:
    link, wake = config.link, config.wake
    match Mode(config.mode):
        case Mode.ALWAYS_ON:
            return AttentionSettings(awake_for_s=link.sleep_after_s)
        case Mode.BUTTON:
            return AttentionSettings(keep_warm_s=link.keep_warm_s)
        case Mode.WAKE_WORD:
            return AttentionSettings(
                wake.follow_up_s, link.keep_warm_s or 0.0, wake.refractory_s, has_sounds=wake.sound
            )


def _duck(depth_db: int, gain: Gain) -> Callable[[bool, bool, float], None] | None:
    """Return what the capture thread tells of each period; None if nothing is to be ducked."""
    ducker = Ducker(depth_db)

    def duck(is_voice: bool, is_played: bool, now: float) -> None:
        gain.set_ducking(ducker.gain(is_voice=is_voice, is_played=is_played, now=now))

    return duck if depth_db else None


def _agent_settings(
    config: schema.Config, endpoints: tuple[Server, ...], memory: EndpointMemory, *, echo_is_cancelled: bool
) -> AgentSettings:
    detection = config.session.turn_detection
    interrupts = getattr(detection, "interrupt_response", None)
    mode = Mode(config.mode)
    return AgentSettings(
        mode=mode,
        duplex=Duplex(config.sound.duplex),
        echo_is_cancelled=echo_is_cancelled,
        half_duplex_tail_s=config.sound.half_duplex_tail_ms / 1000,
        answer_limit_s=config.conversation.answer_limit_s,
        conversation_idle_limit_s=config.conversation.idle_limit_s,
        interrupt_response=interrupts is not False,
        detects_turns=not isinstance(detection, schema.NoTurnDetection),
        turn_taking=tuple(server.turn_taking(memory.of(server.offer.name).abilities) for server in endpoints),
        offers=tuple(server.offer for server in endpoints),
        caps=_caps(config.reconnect),
        attention=_attention(config),
        renewal=_renewal(config.renewal),
        memory_turns=config.conversation.memory_turns,
        memory_chars=config.conversation.memory_characters,
        limits=limits_of(config.budget),
        costs=tuple(costs_of(config, endpoint) for endpoint in config.endpoints),
        raw_events=config.control.raw_events,
        buttons=tuple(_button(button, mode) for button in config.buttons),
    )


def _renewal(renewal: schema.Renewal) -> RenewalSettings:
    return RenewalSettings(
        due_share=renewal.after_percent / 100,
        latest_share=renewal.latest_percent / 100,
        max_age_s=renewal.max_age_s,
        max_context_tokens=renewal.max_context_tokens,
    )


def _caps(limits: schema.Reconnect) -> Caps:
    return Caps(
        unplanned=(Cap(limits.storm_limit, 10 * 60.0), Cap(limits.daily_limit, 24 * 60 * 60.0)),
        paid=(Cap(limits.paid_hourly_limit, 60 * 60.0),),
    )


def _button(button: schema.Button, mode: Mode) -> ButtonSettings:
    tap, hold, double_tap = (
        default if given is None else Action(given)
        for given, default in zip(
            (button.tap, button.hold, button.double_tap), DEFAULT_GESTURES[mode], strict=True
        )
    )
    hold_s = DEFAULT_HOLD_S.get(hold, DEFAULT_HOLD_FALLBACK_S)
    if button.hold_ms is not None:
        hold_s = button.hold_ms / 1000
    return ButtonSettings(button.name, tap, hold, double_tap, hold_s)


def _led(led: schema.Led | schema.PwmLed | schema.RgbLed) -> LedSettings:
    match led:
        case schema.Led():
            return LedSettings(LedKind.LED, (led.pin,), led.active_high)
        case schema.PwmLed():
            return LedSettings(LedKind.PWM, (led.pin,), led.active_high, led.brightness)
        case schema.RgbLed():
            pins = (led.red, led.green, led.blue)
            return LedSettings(LedKind.RGB, pins, led.active_high, led.brightness)


def _opus(opus: schema.Opus, machine: Machine) -> OpusSettings:
    wished = None if opus.application == "auto" else Application(opus.application)
    suits = encoding_for(machine, wished, needs_speech_model=opus.fec or opus.dtx)
    return OpusSettings(
        frame_ms=opus.frame_ms,
        application=suits.application,
        bitrate_bps=suits.bitrate_bps if opus.bitrate_bps is None else opus.bitrate_bps,
        bandwidth_hz=opus.bandwidth_hz,
        complexity=suits.complexity if opus.complexity is None else opus.complexity,
        fec=opus.fec,
        expected_loss_percent=opus.expected_loss_percent,
        dtx=opus.dtx,
    )


def _mixer(control: str, sink: PcmSpec) -> CardMixer | None:
    if sink.kind is not PcmKind.ALSA or control == "none":
        return None
    from edge_agent.audio.mixer import CardMixer  # libasound is of no use to the other kinds

    return CardMixer(sink.target, None if control == "auto" else control)


def _control(control: schema.Control) -> ControlSettings | None:
    if control.socket is None:
        return None
    return ControlSettings(Path(control.socket), control.transcripts, control.raw_events)
