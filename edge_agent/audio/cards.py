"""Which sound cards this machine has, by names that stay the same when the cards' numbers change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROC_ASOUND = Path("/proc/asound")
"""Where the kernel lists its cards: https://docs.kernel.org/sound/designs/procfile.html."""

_CARD = re.compile(r"^\s*(?P<number>\d+)\s+\[(?P<id>\S+)\s*\]: .*? - (?P<description>.*)$", re.MULTILINE)
_PCM = re.compile(r"^(?P<number>\d+)-(?P<device>\d+): (?P<rest>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Card:
    """One PCM device of a sound card. ``name`` can stand in the configuration as it is."""

    name: str
    description: str
    can_capture: bool
    can_play: bool


def list_cards(proc: Path = PROC_ASOUND) -> list[Card]:
    """Return every PCM device of every card, none on a machine without ALSA. Never raises OSError."""
    return cards_in(_text_of(proc / "cards"), _text_of(proc / "pcm"))


def cards_in(cards: str, pcms: str) -> list[Card]:
    """Read the kernel's ``cards`` and ``pcm`` lists."""
    known = {int(match["number"]): match for match in _CARD.finditer(cards)}
    found = []
    for pcm in _PCM.finditer(pcms):
        card = known.get(int(pcm["number"]))
        if card is None:
            continue  # the card went while the two lists were read
        can_play, can_capture = (f" : {what} " in pcm["rest"] for what in ("playback", "capture"))
        name = f"plughw:CARD={card['id']},DEV={int(pcm['device'])}"
        found.append(Card(name, card["description"].strip(), can_capture, can_play))
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # no sound driver is loaded
