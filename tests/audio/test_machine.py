from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.audio.machine import (
    BITRATE_BPS,
    COMPLEXITY,
    DECODER_COMPLEXITY,
    SMALL_COMPLEXITY,
    SMALL_DECODER_COMPLEXITY,
    Encoding,
    Machine,
    decoder_complexity_for,
    encoding_for,
    this_machine,
)
from edge_agent.audio.opus import Application, OpusEncoder, OpusSettings

SMALL = [
    "Raspberry Pi Zero 2 W Rev 1.0",
    "Raspberry Pi Zero W Rev 1.1",
    "Raspberry Pi 3 Model B Plus Rev 1.3",
    "Raspberry Pi 3 Model A Plus Rev 1.0",
    "Raspberry Pi Compute Module 3 Plus Rev 1.0",
    "Raspberry Pi 2 Model B Rev 1.2",
    "Raspberry Pi Model B Rev 2",
]
LARGE = [
    "",
    "Raspberry Pi 4 Model B Rev 1.5",
    "Raspberry Pi 400 Rev 1.0",
    "Raspberry Pi 5 Model B Rev 1.0",
    "Raspberry Pi 500 Rev 1.0",
    "Raspberry Pi Compute Module 4 Rev 1.1",
    "Raspberry Pi Compute Module 5 Rev 1.0",
]


@pytest.mark.parametrize("model", SMALL)
def test_a_small_board_is_asked_for_less(model: str) -> None:
    assert encoding_for(Machine(model, 4), Application.VOIP).complexity == SMALL_COMPLEXITY
    assert encoding_for(Machine(model, 4)) == Encoding(Application.LOW_DELAY, SMALL_COMPLEXITY, 48_000)
    assert decoder_complexity_for(Machine(model, 4)) == SMALL_DECODER_COMPLEXITY


@pytest.mark.parametrize("model", LARGE)
def test_any_other_machine_does_more(model: str) -> None:
    for application, complexity in COMPLEXITY.items():
        assert encoding_for(Machine(model, 4), application).complexity == complexity
    assert encoding_for(Machine(model, 4)).application is Application.LOW_DELAY
    assert decoder_complexity_for(Machine(model, 4)) == DECODER_COMPLEXITY


def test_a_single_processor_is_small_whatever_its_name() -> None:
    assert Machine("", 1).is_small


@pytest.mark.parametrize("model", [SMALL[0], LARGE[0]])
@pytest.mark.parametrize("application", list(Application))
def test_an_application_that_is_given_stays(model: str, application: Application) -> None:
    assert encoding_for(Machine(model, 4), application).application is application


@pytest.mark.parametrize("model", [SMALL[0], LARGE[0]])
def test_what_needs_the_speech_model_gets_it(model: str) -> None:
    assert encoding_for(Machine(model, 4), needs_speech_model=True).application is Application.VOIP


@pytest.mark.parametrize("application", list(Application))
def test_libopus_takes_what_is_chosen(application: Application) -> None:
    settings = OpusSettings(application=application, bitrate_bps=BITRATE_BPS[application])
    assert len(OpusEncoder(settings).encode(bytes(1920))) > 0


def test_the_boards_name_is_read_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert this_machine(tmp_path / "model") == Machine("Raspberry Pi 5 Model B Rev 1.0", os.cpu_count() or 1)


def test_a_machine_without_a_device_tree_has_no_name(tmp_path: Path) -> None:
    assert this_machine(tmp_path / "model").model == ""
