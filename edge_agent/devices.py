"""What this machine has to hear, speak and blink with: ``edge-agent devices``."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.audio.cards import PROC_ASOUND, Card, list_cards
from edge_agent.audio.machine import DEVICE_TREE_MODEL, Machine, encoding_for, this_machine

DEV = Path("/dev")
"""Where the kernel shows GPIO chips as ``gpiochip0`` and so on."""

CHIP_INFO = struct.Struct("=32s32sI")
"""``struct gpiochip_info``: name, label, number of lines (include/uapi/linux/gpio.h)."""

GPIO_GET_CHIPINFO_IOCTL = 0x8044B401
"""``_IOR(0xB4, 0x01, struct gpiochip_info)``; the same number on every processor that Raspberry Pis have."""


@dataclass(frozen=True, slots=True)
class GpioChip:
    """A GPIO chip. ``problem`` says why no more is known of it; then label and lines are "" and 0."""

    path: str
    label: str = ""
    lines: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Devices:
    """All sound devices and GPIO chips, and the machine that has them."""

    sound: tuple[Card, ...]
    gpio: tuple[GpioChip, ...]
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        encoding = encoding_for(self.machine)
        opus = {**asdict(encoding), "application": encoding.application.value}
        return {**asdict(self), "opus": opus}


def list_devices(proc: Path = PROC_ASOUND, dev: Path = DEV, model: Path = DEVICE_TREE_MODEL) -> Devices:
    """Return what the kernel shows. Raises nothing: a chip that can't be opened is listed with the reason."""
    chips = tuple(_chip(path) for path in _chip_paths(dev))
    return Devices(tuple(list_cards(proc)), chips, this_machine(model))


def as_text(devices: Devices) -> str:
    """Return the devices as a person reads them."""
    lines = ["Sound (names for sound.input and sound.output):"]
    lines += [_sound_line(card) for card in devices.sound] or ["  none: no sound card is known to the kernel"]
    lines += ["", "GPIO (pins for leds and buttons):"]
    lines += [_gpio_line(chip) for chip in devices.gpio] or ["  none: LEDs and buttons will not be used"]
    lines += ["", "Machine (what null means in sound.opus):", _machine_line(devices.machine)]
    return "\n".join(lines) + "\n"


def _machine_line(machine: Machine) -> str:
    encoding = encoding_for(machine)
    return (
        f"  {machine.model or 'no board that is known'}, {machine.cpus} processors: "
        f"{encoding.application.value}, complexity {encoding.complexity}, {encoding.bitrate_bps} bit/s"
    )


def _sound_line(card: Card) -> str:
    uses = [use for use, works in (("input", card.can_capture), ("output", card.can_play)) if works]
    return f"  {card.name:<32} {'+'.join(uses):<13} {card.description}"


def _gpio_line(chip: GpioChip) -> str:
    return f"  {chip.path:<20} " + (chip.problem or f"{chip.label}, {chip.lines} lines")


def _chip_paths(dev: Path) -> list[Path]:
    """Return the chips in numerical order; a link is another name of one, as on Raspberry Pi 5."""
    chips = [
        path
        for path in dev.glob("gpiochip*")
        if re.fullmatch(r"gpiochip\d+", path.name) and not path.is_symlink()
    ]
    return sorted(chips, key=lambda path: int(path.name.removeprefix("gpiochip")))


def _chip(path: Path) -> GpioChip:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        advice = " (is this user in the group gpio?)" if isinstance(error, PermissionError) else ""
        return GpioChip(str(path), problem=f"can't be opened: {error.strerror}{advice}")
    try:
        answer = fcntl.ioctl(descriptor, GPIO_GET_CHIPINFO_IOCTL, bytes(CHIP_INFO.size))
    except OSError as error:
        return GpioChip(str(path), problem=f"is no GPIO chip: {error.strerror}")
    finally:
        os.close(descriptor)
    return described(path, answer)


def described(path: Path, answer: bytes) -> GpioChip:
    """Read the kernel's answer to GPIO_GET_CHIPINFO_IOCTL."""
    _, label, lines = CHIP_INFO.unpack(answer)
    return GpioChip(str(path), label.split(b"\0")[0].decode(errors="replace"), lines)
