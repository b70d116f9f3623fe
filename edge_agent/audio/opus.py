"""Opus through the system's libopus, mono; the only file that binds it.

PyAV's encoder offers neither in-band FEC nor a decoder that conceals losses, and aiortc's own is stereo at
96 kbit/s. Function and constant names: https://opus-codec.org/docs/opus_api-1.3.1/.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import math
import weakref
from array import array
from dataclasses import dataclass
from typing import Any

from edge_agent.core.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ
from edge_agent.errors import EdgeAgentError

LIBRARY = "libopus.so.0"

LARGEST_PACKET_BYTES = 4000
"""What the documentation of ``opus_encode`` recommends; 20 ms of speech are about 80."""

LONGEST_PACKET_SAMPLES = 5760
"""120 ms at 48 kHz, the longest packet (RFC 6716 section 3.2.5)."""

# opus_defines.h
_SET_BITRATE = 4002
_SET_MAX_BANDWIDTH = 4004
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_DTX = 4016
_GET_LOOKAHEAD = 4027
_RESET_STATE = 4028
_UNIMPLEMENTED = -5

_PROBE_PACKETS = 4
_PROBE_SAMPLES = 960

NEURAL_COMPLEXITY = 5
"""Of the decoder: what concealment by a neural network needs (``celt_decoder.c`` and ``opus_decoder.c``)."""

BANDWIDTHS = {8_000: 1103, 12_000: 1104, 20_000: 1105}
"""How high a sound may reach, in Hz (RFC 6716 section 2), and ``OPUS_BANDWIDTH_*``."""


class Application(enum.Enum):
    """What the encoder is tuned for (``OPUS_APPLICATION_*``)."""

    VOIP = "voip"  # speech first; 6.5 ms of look-ahead
    AUDIO = "audio"  # fidelity first; 6.5 ms of look-ahead
    LOW_DELAY = "lowdelay"  # CELT alone: 2.5 ms of look-ahead and a third of the work, no FEC

    @property
    def code(self) -> int:
        """The number that libopus knows it by."""
        return {Application.VOIP: 2048, Application.AUDIO: 2049, Application.LOW_DELAY: 2051}[self]


@dataclass(frozen=True, slots=True)
class OpusSettings:
    """How the microphone is encoded.

    ``frame_ms`` 10, 20, 40 or 60, the length of a packet; ``bitrate_bps`` 6 000 to 128 000; ``bandwidth_hz``
    one of BANDWIDTHS; ``complexity`` 0 to 10; ``expected_loss_percent`` 0 to 100, without which in-band
    ``fec`` does nothing. With ``dtx`` silence is left out but for a packet every 400 ms; VOIP alone does
    that, the others need 3 bytes for it.
    """

    frame_ms: int = 20
    bitrate_bps: int = 32_000
    bandwidth_hz: int = 20_000
    complexity: int = 5
    application: Application = Application.VOIP
    fec: bool = False
    expected_loss_percent: int = 0
    dtx: bool = False


class OpusError(EdgeAgentError):
    """libopus is missing, or refused what it was given."""


class OpusEncoder:
    """48 kHz mono PCM to Opus packets. Raises OpusError if libopus is missing or refuses the settings.

    Not safe between threads; a call releases the interpreter's lock while libopus works.
    """

    def __init__(self, settings: OpusSettings) -> None:
        self._library = _library()
        error = ctypes.c_int()
        code = settings.application.code
        self._state = self._library.opus_encoder_create(SAMPLE_RATE_HZ, 1, code, ctypes.byref(error))
        _check(error.value, "opus_encoder_create")
        weakref.finalize(self, self._library.opus_encoder_destroy, self._state)
        self._packet = ctypes.create_string_buffer(LARGEST_PACKET_BYTES)
        self._packet_bytes = memoryview(self._packet).cast("B")
        for request, value in (
            (_SET_BITRATE, settings.bitrate_bps),
            (_SET_MAX_BANDWIDTH, BANDWIDTHS[settings.bandwidth_hz]),
            (_SET_COMPLEXITY, settings.complexity),
            (_SET_INBAND_FEC, int(settings.fec)),
            (_SET_PACKET_LOSS_PERC, settings.expected_loss_percent),
            (_SET_DTX, int(settings.dtx)),
        ):
            self._control(request, ctypes.c_int32(value))

    @property
    def lookahead_samples(self) -> int:
        """How far the decoded sound lies behind what was encoded."""
        samples = ctypes.c_int32()
        self._control(_GET_LOOKAHEAD, ctypes.byref(samples))
        return samples.value

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of 2.5, 5, 10, 20, 40 or 60 ms; OpusError for any other length."""
        n_bytes = self._library.opus_encode(
            self._state, pcm, len(pcm) // SAMPLE_BYTES, self._packet, LARGEST_PACKET_BYTES
        )
        return self._packet_bytes[: _check(n_bytes, "opus_encode")].tobytes()

    def reset(self) -> None:
        """Forget what was encoded: the next packet begins a new stream."""
        self._control(_RESET_STATE)

    def _control(self, request: int, *arguments: object) -> None:
        result = self._library.opus_encoder_ctl(self._state, request, *arguments)
        _check(result, f"opus_encoder_ctl {request}")


class OpusDecoder:
    """Opus packets to mono PCM at 48 kHz, lost ones concealed. Raises OpusError if libopus is missing.

    ``complexity``, 0 to 10, is the effort of the decoder: from NEURAL_COMPLEXITY on libopus 1.5 conceals by a
    neural network if it was built with one, as Debian's is. Earlier ones have no such choice.

    Not safe between threads; a call releases the interpreter's lock while libopus works.
    """

    def __init__(self, complexity: int = 0) -> None:
        self._library = _library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        _check(error.value, "opus_decoder_create")
        weakref.finalize(self, self._library.opus_decoder_destroy, self._state)
        self._complexity = complexity
        result = self._library.opus_decoder_ctl(self._state, _SET_COMPLEXITY, ctypes.c_int32(complexity))
        if result != _UNIMPLEMENTED:
            _check(result, f"opus_decoder_ctl {_SET_COMPLEXITY}")
        self._kept = ctypes.create_string_buffer(self._library.opus_decoder_get_size(1))
        self._pcm = (ctypes.c_int16 * LONGEST_PACKET_SAMPLES)()
        self._pcm_bytes = memoryview(self._pcm).cast("B")
        self.keep()

    @property
    def is_neural(self) -> bool:
        """Whether it conceals by a neural network."""
        return self._complexity >= NEURAL_COMPLEXITY and _has_network()

    def decode(self, packet: bytes) -> bytes:
        """Return the packet's sound. Raises OpusError for what is not Opus; the decoder stays usable."""
        if not packet:
            # libopus would take it for a lost packet of the longest length.
            raise OpusError("opus_decode: expected a packet, got nothing")
        return self._decode(packet, LONGEST_PACKET_SAMPLES, fec=False)

    def recover(self, next_packet: bytes, lost_samples: int) -> bytes:
        """Return ``lost_samples`` of the packet before ``next_packet``, from its in-band FEC or concealed."""
        return self._decode(next_packet, lost_samples, fec=True)

    def conceal(self, lost_samples: int) -> bytes:
        """Return ``lost_samples`` (a multiple of 2.5 ms, up to 120 ms) that go on like the sound before."""
        return self._decode(None, lost_samples, fec=False)

    def keep(self) -> None:
        """Remember where the stream is.

        A state is one block of memory and made to be copied (documentation of ``OpusDecoder``).
        """
        ctypes.memmove(self._kept, self._state, len(self._kept))

    def take_back(self) -> None:
        """Go back to where :meth:`keep` was called last: all that was decoded since did not happen."""
        ctypes.memmove(self._state, self._kept, len(self._kept))

    def _decode(self, packet: bytes | None, samples: int, *, fec: bool) -> bytes:
        n_bytes = len(packet) if packet is not None else 0
        decoded = self._library.opus_decode(self._state, packet, n_bytes, self._pcm, samples, int(fec))
        return self._pcm_bytes[: _check(decoded, "opus_decode") * SAMPLE_BYTES].tobytes()


@functools.cache
def _has_network() -> bool:
    """Whether concealment sounds otherwise where libopus may make the effort: nothing else tells."""
    plain, able = OpusDecoder(), OpusDecoder(NEURAL_COMPLEXITY)
    encoder = OpusEncoder(OpusSettings())
    tone = array("h", (round(8_000 * math.sin(at / 20)) for at in range(_PROBE_SAMPLES)))
    for _ in range(_PROBE_PACKETS):
        packet = encoder.encode(tone.tobytes())
        plain.decode(packet)
        able.decode(packet)
    return plain.conceal(_PROBE_SAMPLES) != able.conceal(_PROBE_SAMPLES)


def library_version() -> str:
    """Return what libopus calls itself, such as "libopus 1.5.2". Raises OpusError if it is missing."""
    text: bytes = _library().opus_get_version_string()
    return text.decode()


def _check(result: int, call: str) -> int:
    if result < 0:
        raise OpusError(f"{call}: {_library().opus_strerror(result).decode()}")
    return result


@functools.cache
def _library() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise OpusError(f"{LIBRARY} is missing; install it: apt-get install libopus0") from error
    state, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, returned, arguments in (
        ("opus_get_version_string", text, []),
        ("opus_strerror", text, [number]),
        ("opus_encoder_create", state, [ctypes.c_int32, number, number, state]),
        ("opus_encoder_destroy", None, [state]),
        ("opus_encode", ctypes.c_int32, [state, text, number, state, ctypes.c_int32]),
        ("opus_decoder_get_size", number, [number]),
        ("opus_decoder_create", state, [ctypes.c_int32, number, state]),
        ("opus_decoder_destroy", None, [state]),
        ("opus_decode", number, [state, text, ctypes.c_int32, state, number, number]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returned, arguments
    # These take whatever the request asks for, so only their first two arguments have types.
    for control in (library.opus_encoder_ctl, library.opus_decoder_ctl):
        control.restype, control.argtypes = number, [state, number]
    return library
