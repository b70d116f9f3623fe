"""The process that recognises speech: sound in on stdin, words out on stdout.

A process of its own because pocketsphinx keeps Python's global lock while it works (measured: 0.2 s at a
time), which would stop the sound of every call; and because a process can be ended when it takes too long.

Two decoders hear everything. The grammar knows the sentences that there is an answer to, and finds one of
them in anything. The language model knows English, and is the check: unless both heard similar sounds, what
it heard is what was said.
"""

from __future__ import annotations

import difflib
import json
import sys
from typing import NamedTuple

import pocketsphinx

from edge_agent.server import grammar
from edge_agent.server.listening_wire import Kind, read_message

SIMILAR = 0.55
"""Share of the sounds (phones) that both decoders must agree on. Measured with 34 sentences in four voices of
flite: of 72 that the grammar holds three were below it, of 64 others none above."""

LANGUAGE_MODEL_BEAM = 3000
"""``maxhmmpf``, most model states per frame: halves the work (0.15 s per second of speech on a PC) and loses
no sentence of those tried; at 2000 a third was lost."""


class Heard(NamedTuple):
    """``text`` is "" when there were no words; ``in_grammar`` tells which decoder is believed."""

    text: str
    in_grammar: bool


class Ear:
    """One decoder of pocketsphinx, which may be told to begin and to end at any time."""

    def __init__(self, decoder: pocketsphinx.Decoder) -> None:
        self._decoder = decoder
        self._is_open = False

    @property
    def words(self) -> str:
        """What was heard so far; "" for none."""
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def begin(self) -> None:
        """An utterance begins."""
        self.end()
        self._decoder.start_utt()
        self._is_open = True

    def hear(self, pcm: bytes) -> None:
        """Go on with the utterance."""
        if self._is_open:
            self._decoder.process_raw(pcm, False, False)

    def end(self) -> None:
        """The utterance is over; the last passes over it are made now."""
        if self._is_open:
            self._is_open = False
            self._decoder.end_utt()

    def phones(self, words: str) -> list[str]:
        """Return the sounds of ``words``, as far as the dictionary knows them."""
        pronounced = (self._decoder.lookup_word(word) or word for word in words.split())
        return [phone for word in pronounced for phone in word.split()]


class Listener:
    """Both decoders. Raises RuntimeError when pocketsphinx can't load its models."""

    def __init__(self) -> None:
        decoder = pocketsphinx.Decoder(loglevel="FATAL", lm=None, bestpath=False)
        decoder.add_jsgf_string(grammar.NAME, grammar.jsgf())
        decoder.activate_search(grammar.NAME)
        self._grammar = Ear(decoder)
        self._language = Ear(pocketsphinx.Decoder(loglevel="FATAL", maxhmmpf=LANGUAGE_MODEL_BEAM))

    def begin(self) -> None:
        """Forget what was heard: an utterance begins."""
        self._grammar.begin()
        self._language.begin()

    def hear(self, pcm: bytes) -> None:
        """Listen to ``pcm`` (SAMPLE_RATE_HZ of listening_wire, any length)."""
        self._grammar.hear(pcm)
        self._language.hear(pcm)

    def heard(self) -> Heard:
        """Return what was said since begin.

        When both decoders agree already, the last pass of the language model is left for the next begin.
        """
        self._grammar.end()
        sentence = self._grammar.words
        if self._agrees(sentence):
            return Heard(grammar.written(sentence), True)
        self._language.end()
        if self._agrees(sentence):
            return Heard(grammar.written(sentence), True)
        return Heard(self._language.words, False)

    def _agrees(self, sentence: str) -> bool:
        words = self._language.words
        if not sentence or not words:
            return False
        expected, heard = self._language.phones(sentence), self._language.phones(words)
        return difflib.SequenceMatcher(None, expected, heard, autojunk=False).ratio() >= SIMILAR


def main() -> int:
    """Listen until stdin ends."""
    listener = Listener()
    _say({"ready": True})
    while message := read_message(sys.stdin.buffer):
        kind, body = message
        match kind:
            case Kind.BEGIN:
                listener.begin()
            case Kind.SOUND:
                listener.hear(body)
            case Kind.END:
                _say(listener.heard()._asdict())
    return 0


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
