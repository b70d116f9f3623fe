"""The echo canceller of SpeexDSP, by ctypes: the peer in the echo table.

https://www.speex.org/docs/manual/speex-manual/node7.html; Debian's package is libspeexdsp1.
"""

from __future__ import annotations

import ctypes
import ctypes.util

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_RATE_HZ

TAIL_S = 0.2
"""Longest echo that it looks for, the delay included."""

ADVICE = "apt-get install libspeexdsp1"

_SET_SAMPLING_RATE = 24  # speex/speex_echo.h
_SET_DENOISE = 0  # speex/speex_preprocess.h
_SET_ECHO_SUPPRESS = 20
_SET_ECHO_SUPPRESS_ACTIVE = 22
_SET_ECHO_STATE = 24

ECHO_SUPPRESS_DB = -40
ECHO_SUPPRESS_ACTIVE_DB = -15
"""What is left of the echo is attenuated by that, without and with a near voice: the documentation's
defaults."""


def is_installed() -> bool:
    """Whether there is a library to measure."""
    return ctypes.util.find_library("speexdsp") is not None


class SpeexCanceller:
    """Linear canceller and residual suppressor; the interface of EchoCanceller. Raises OSError without
    libspeexdsp."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("speexdsp")
        if name is None:
            raise OSError(f"libspeexdsp is missing: {ADVICE}")
        self._library = ctypes.CDLL(name)
        self._library.speex_echo_state_init.restype = ctypes.c_void_p
        self._library.speex_preprocess_state_init.restype = ctypes.c_void_p
        tail_samples = round(TAIL_S * SAMPLE_RATE_HZ)
        self._echo = ctypes.c_void_p(self._library.speex_echo_state_init(PERIOD_SAMPLES, tail_samples))
        self._library.speex_echo_ctl(
            self._echo, _SET_SAMPLING_RATE, ctypes.byref(ctypes.c_int(SAMPLE_RATE_HZ))
        )
        self._suppressor = ctypes.c_void_p(
            self._library.speex_preprocess_state_init(PERIOD_SAMPLES, SAMPLE_RATE_HZ)
        )
        self._library.speex_preprocess_ctl(self._suppressor, _SET_ECHO_STATE, self._echo)
        for request, value in (
            (_SET_DENOISE, 1),
            (_SET_ECHO_SUPPRESS, ECHO_SUPPRESS_DB),
            (_SET_ECHO_SUPPRESS_ACTIVE, ECHO_SUPPRESS_ACTIVE_DB),
        ):
            self._library.speex_preprocess_ctl(self._suppressor, request, ctypes.byref(ctypes.c_int(value)))

    def process(self, near: bytes, far: bytes) -> bytes:
        """Clean one period."""
        out = ctypes.create_string_buffer(PERIOD_BYTES)
        self._library.speex_echo_cancellation(self._echo, near, far, out)
        self._library.speex_preprocess_run(self._suppressor, out)
        return out.raw

    def close(self) -> None:
        """Free what the library holds."""
        self._library.speex_preprocess_state_destroy(self._suppressor)
        self._library.speex_echo_state_destroy(self._echo)
