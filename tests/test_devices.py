"""What is listed of a machine's sound cards and GPIO chips."""

from __future__ import annotations

import struct
from pathlib import Path

from edge_agent.audio.machine import Machine
from edge_agent.devices import (
    CHIP_INFO,
    GPIO_GET_CHIPINFO_IOCTL,
    Devices,
    GpioChip,
    as_text,
    described,
    list_devices,
)

CARDS = " 1 [Device         ]: USB-Audio - USB PnP Sound Device\n                      C-Media\n"
MACHINE = Machine("", 4)
PCMS = "01-00: USB Audio : USB Audio : playback 1 : capture 1\n"


def proc_with_a_card(folder: Path) -> Path:
    folder.mkdir()
    (folder / "cards").write_text(CARDS)
    (folder / "pcm").write_text(PCMS)
    return folder


def test_sound_cards_have_names_that_last(tmp_path: Path) -> None:
    devices = list_devices(proc_with_a_card(tmp_path / "asound"), tmp_path)
    assert [card.name for card in devices.sound] == ["plughw:CARD=Device,DEV=0"]
    assert "  plughw:CARD=Device,DEV=0 " in as_text(devices)
    assert "input+output" in as_text(devices)


def test_a_machine_with_nothing_says_so(tmp_path: Path) -> None:
    devices = list_devices(tmp_path, tmp_path, tmp_path / "model")
    assert (devices.sound, devices.gpio, devices.machine.model) == ((), (), "")
    assert as_text(devices).count("  none: ") == 2
    assert "  no board that is known, " in as_text(devices)


def test_the_machine_is_shown_with_what_it_encodes_like(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi Zero 2 W Rev 1.0\0")
    devices = list_devices(tmp_path, tmp_path, tmp_path / "model")
    assert "  Raspberry Pi Zero 2 W Rev 1.0, " in as_text(devices)
    assert ": lowdelay, complexity 0, 48000 bit/s\n" in as_text(devices)
    assert devices.as_json()["opus"] == {"application": "lowdelay", "complexity": 0, "bitrate_bps": 48_000}


def test_chips_are_listed_in_numerical_order_and_links_are_not(tmp_path: Path) -> None:
    for name in ("gpiochip10", "gpiochip2", "gpiochip"):
        (tmp_path / name).touch()
    (tmp_path / "gpiochip4").symlink_to("gpiochip2")
    devices = list_devices(tmp_path, tmp_path)
    assert [Path(chip.path).name for chip in devices.gpio] == ["gpiochip2", "gpiochip10"]


def test_what_is_no_chip_is_told(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    (chip,) = list_devices(tmp_path, tmp_path).gpio
    assert chip.problem.startswith("is no GPIO chip: ")
    assert (chip.label, chip.lines) == ("", 0)
    assert chip.problem in as_text(Devices((), (chip,), MACHINE))


def test_the_kernels_answer_is_read() -> None:
    answer = struct.pack("=32s32sI", b"gpiochip0", b"pinctrl-rp1", 54)
    chip = described(Path("/dev/gpiochip0"), answer)
    assert chip == GpioChip("/dev/gpiochip0", "pinctrl-rp1", 54)
    assert "pinctrl-rp1, 54 lines" in as_text(Devices((), (chip,), MACHINE))


def test_the_request_is_the_one_of_the_kernels_header() -> None:
    read_direction, gpio_group, first_request = 2, 0xB4, 1
    size = CHIP_INFO.size
    assert read_direction << 30 | size << 16 | gpio_group << 8 | first_request == GPIO_GET_CHIPINFO_IOCTL
