"""What leaves a device that waits to be spoken to, on a network of its own: bytes by the kernel's count.

usage: python -m tests.network.quiet [MINUTES [KIND...]]

A kind is what the room is like meanwhile, and what the device waits for: see KINDS. In the end somebody asks
for something: that shows that the device was there, and that sound is counted. ``near-misses`` is another
thing: it tells which of some sentences a wake word's model takes for the word.
"""

from __future__ import annotations

import itertools
import math
import random
import re
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.network.place import Place, place
from tests.network.wires import DEVICE
from tests.network.wiretap import Wiretap
from tests.processes import Message
from tests.speech import spoken

BYTES_PER_S = 96_000
NOISE_DBFS = -55.0
NOISE_S = 5.0
"""It is repeated: what matters is that it is never digital silence."""

VOICES = ("rms", "slt", "awb", "kal16")
CALLER = "rms"
"""The wake word's model is surest of it."""

LEAST_WORDS, MOST_CHARS = 5, 200

NEAR_MISSES = (
    "okay, nobody knew that",
    "oh, can you hear me now",
    "the bamboo is okay",
    "a cane above the table",
    "okay boomer",
    "hey jarvis, what is the weather",
    "alexa, play some music",
    "take a new one",
    "okay now who is that",
)
"""They sound like the wake word, or are those of others. A model may take one for its own: that is told."""

WAKE_WORD: dict[str, Any] = {"mode": "wake-word", "wake": {"follow_up_s": 4}}
SLEEPY: dict[str, Any] = {"mode": "always-on", "link": {"sleep_after_s": 5}}

BREATH_S = 2.0
"""Between what was said and what is said next."""

LONG_S = 60.0
"""Until a device that was woken for nothing is asleep again."""

SETTLE_S = 3.0
"""What a session that has ended, or the start, has yet to say on the network."""


@dataclass(frozen=True)
class Kind:
    """``room`` makes so many seconds of what the microphone hears; ``call`` wakes the device afterwards."""

    config: dict[str, Any]
    room: Callable[[float], bytes]
    call: str


@dataclass
class Quiet:
    """What came of it."""

    lasted_s: float
    sent_bytes: int
    kinds: dict[str, int] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    """What it was meanwhile, but asleep."""
    sent_bytes_of_a_turn: int = 0
    """Afterwards, when the device was called: the count works."""
    sound_packets_of_a_turn: int = 0
    answer: str = ""


def noise(lasts_s: float) -> bytes:
    """Nobody is there: a soft hiss, as of a microphone."""
    chance, sigma = random.Random(3), 32_768 * 10 ** (NOISE_DBFS / 20)
    samples = (round(chance.gauss(0, sigma)) for _ in range(int(NOISE_S * BYTES_PER_S / 2)))
    piece = array("h", samples).tobytes()
    return (piece * math.ceil(lasts_s / NOISE_S))[: int(lasts_s * BYTES_PER_S)]


def speech(lasts_s: float) -> bytes:
    """People talk with each other, in four voices: the sentences of this project's documents."""
    pages = ("README.md", "docs/local-server.md", "CONTRIBUTING.md")
    text = "".join((Path(__file__).parents[2] / page).read_text() for page in pages)
    sentences = [each.strip() for each in re.split(r"[.\n]", re.sub(r"[^A-Za-z0-9 .,\n]", " ", text))]
    sentences = [each[:MOST_CHARS] for each in sentences if len(each.split()) >= LEAST_WORDS]
    random.Random(4).shuffle(sentences)
    said = bytearray()
    for number, sentence in enumerate(itertools.cycle(sentences)):
        said += spoken(sentence, VOICES[number % len(VOICES)])
        if len(said) >= lasts_s * BYTES_PER_S:
            return bytes(said[: int(lasts_s * BYTES_PER_S)])
    raise AssertionError("there are sentences")


KINDS: dict[str, Kind] = {
    "quiet": Kind(WAKE_WORD, noise, "okay nabu, what time is it"),
    "speech": Kind(WAKE_WORD, speech, "okay nabu, what time is it"),
    "asleep": Kind(SLEEPY, noise, "what time is it"),
}
NEAR = "near-misses"


def wait_in(kind: Kind, lasts_s: float) -> Quiet:
    """Let the device wait for so long in such a room, and ask it for the time afterwards."""
    config = {**kind.config, "session": {"transcription": {"model": "local"}}}
    with place(config) as there:
        there.daemon.seen.wait_for_state("asleep")
        time.sleep(SETTLE_S)
        wiretap = Wiretap(there.wires, DEVICE, "lan")
        try:
            return _listen(there, wiretap, kind, lasts_s)
        finally:
            wiretap.close()


def _listen(there: Place, wiretap: Wiretap, kind: Kind, lasts_s: float) -> Quiet:
    room, mark = kind.room(lasts_s), there.daemon.seen.mark
    wiretap.begin()
    began = time.monotonic()
    there.daemon.say(room)
    found = Quiet(time.monotonic() - began, wiretap.sent_bytes, dict(wiretap.kinds))
    found.states = there.daemon.seen.states(mark)
    time.sleep(BREATH_S)
    wiretap.begin()
    mark = there.daemon.seen.mark
    there.daemon.say(spoken(kind.call, CALLER))
    there.daemon.seen.wait_for_state("speaking", mark=mark)
    there.daemon.seen.wait_for(_is_answer, "answer", mark=mark)
    found.sent_bytes_of_a_turn, found.sound_packets_of_a_turn = wiretap.sent_bytes, wiretap.kinds["sound"]
    found.answer = next(m["text"] for m in there.daemon.seen.since(mark, "transcript") if _is_answer(m))
    return found


def near_misses() -> list[str]:
    """Say each near miss in each voice, and return those that woke the device."""
    taken: list[str] = []
    with place(WAKE_WORD) as there:
        there.daemon.seen.wait_for_state("asleep")
        for sentence, voice in itertools.product(NEAR_MISSES, VOICES):
            mark = there.daemon.seen.mark
            there.daemon.say(spoken(sentence, voice) + noise(BREATH_S))
            if there.daemon.seen.states(mark):
                taken.append(f"{voice}: {sentence}")
                there.daemon.seen.wait_for_state("asleep", LONG_S, mark)
    return taken


def _is_answer(message: Message) -> bool:
    return bool(message["type"] == "transcript" and message["final"] and message["role"] == "assistant")


def main(arguments: list[str]) -> int:
    """Measure one kind after the other and print what was found; 1 if anything left."""
    lasts_s = 60.0 * float(arguments[0]) if arguments else 600.0
    has_leaked = False
    for name in arguments[1:] or (*KINDS, NEAR):
        if name == NEAR:
            taken = near_misses()
            sys.stdout.write(f"{name}: {len(taken)} of {len(NEAR_MISSES) * len(VOICES)}: {taken}\n")
            continue
        found = wait_in(KINDS[name], lasts_s)
        has_leaked |= found.sent_bytes > 0
        sys.stdout.write(f"{name}: {found}\n")
        sys.stdout.flush()
    return int(has_leaked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
