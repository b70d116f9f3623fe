from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.server.listener import Heard, Listener
from edge_agent.server.listening_wire import MAX_BODY_BYTES, Kind, pack, read_message
from edge_agent.server.recognizer import BYTES_PER_S, MAX_UTTERANCE_S, Recognizer
from edge_agent.server.settings import CannotServe
from tests.server.client import DEADLINE_S, speech, until
from tests.server.conftest import parrot

SECOND = bytes(BYTES_PER_S)


@asynccontextmanager
async def started(recognizer: Recognizer) -> AsyncIterator[Recognizer]:
    await recognizer.start()
    try:
        yield recognizer
    finally:
        await recognizer.close()


# The messages to the listening process


def test_messages_are_read_as_they_were_packed() -> None:
    stream = io.BytesIO(pack(Kind.BEGIN) + pack(Kind.SOUND, b"pcm") + pack(Kind.END))
    read = [read_message(stream) for _ in range(4)]
    assert read == [(Kind.BEGIN, b""), (Kind.SOUND, b"pcm"), (Kind.END, b""), None]


def test_half_a_message_is_the_end() -> None:
    assert read_message(io.BytesIO(pack(Kind.SOUND, b"pcm")[:-1])) is None


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        read_message(io.BytesIO(pack(Kind.SOUND, bytes(MAX_BODY_BYTES + 1))))
    with pytest.raises(ValueError, match="9"):
        read_message(io.BytesIO(b"\x09\0\0\0\0"))


# The recogniser, with a listening process that is a parrot


async def test_words_come_back_to_the_utterance_that_they_belong_to() -> None:
    async with started(parrot("!length")) as recognizer:
        heard = await asyncio.gather(*(recognizer.recognise(SECOND * n) for n in (1, 2, 3)))
    assert heard == [str(n * BYTES_PER_S) for n in (1, 2, 3)]


async def test_an_utterance_is_heard_while_it_is_spoken() -> None:
    async with started(parrot("!length")) as recognizer:
        utterance = recognizer.open()
        for _ in range(5):
            utterance.feed(SECOND)
            await asyncio.sleep(0.01)  # a person who speaks, in pieces
        assert await utterance.finish() == str(5 * BYTES_PER_S)


async def test_who_has_finished_does_not_wait_for_who_still_speaks() -> None:
    async with started(parrot("!length")) as recognizer:
        slow = recognizer.open()
        slow.feed(SECOND)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(DEADLINE_S):
            assert await recognizer.recognise(SECOND * 2) == str(2 * BYTES_PER_S)
        slow.feed(SECOND * 2)
        assert await slow.finish() == str(3 * BYTES_PER_S)


async def test_a_dropped_utterance_is_in_nobodys_way() -> None:
    async with started(parrot("words")) as recognizer:
        recognizer.open().drop()
        assert await recognizer.recognise(SECOND) == "words"


async def test_only_the_beginning_of_an_endless_utterance_is_kept() -> None:
    async with started(parrot("!length")) as recognizer:
        utterance = recognizer.open()
        for _ in range(MAX_UTTERANCE_S + 5):
            utterance.feed(SECOND)
        assert await utterance.finish() == str(MAX_UTTERANCE_S * BYTES_PER_S)


@pytest.mark.parametrize("fault", ["!die", "!hang", "!nonsense"])
async def test_a_listening_process_that_fails_is_started_again(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = f"once:{tmp_path / 'done'}"
    async with started(parrot(once, fault, "words", answer_deadline_s=2.0)) as recognizer:
        assert await recognizer.recognise(SECOND) is None
        assert await recognizer.recognise(SECOND) == "words"
    assert "starting it again" in caplog.text


async def test_a_listening_process_that_does_not_start_is_said_at_once() -> None:
    for recognizer in (parrot("!mute"), Recognizer(("/nonexistent",))):
        with pytest.raises(CannotServe, match="did not start"):
            await recognizer.start()
        await recognizer.close()


async def test_nobody_waits_for_words_after_the_end() -> None:
    recognizer = parrot("!hang")
    await recognizer.start()
    waiting = asyncio.create_task(recognizer.recognise(SECOND))
    await until(lambda: recognizer._utterances)
    await recognizer.close()
    assert await asyncio.wait_for(waiting, DEADLINE_S) is None


# The listening process itself, with real speech

SILENCE = bytes(BYTES_PER_S // 3)


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


def heard(listener: Listener, text: str, voice: str = "slt") -> Heard:
    sound = SILENCE + speech(text, voice) + SILENCE
    listener.begin()
    for start in range(0, len(sound), 640):
        listener.hear(sound[start : start + 640])
    return listener.heard()


@pytest.mark.parametrize(
    "question",
    [
        "what time is it",
        "what day is it today",
        "what is seven plus five",
        "set a timer for five minutes",
        "hello",
        "turn on the light",
    ],
)
def test_sentences_of_the_grammar_are_recognised(listener: Listener, question: str) -> None:
    assert heard(listener, question) == Heard(question, True)


@pytest.mark.parametrize(
    ("voice", "question"), [("rms", "set a timer for five minutes"), ("awb", "what is seven plus five")]
)
def test_other_voices_are_understood_too(listener: Listener, question: str, voice: str) -> None:
    assert heard(listener, question, voice) == Heard(question, True)


def test_other_sentences_are_taken_as_they_were_said(listener: Listener) -> None:
    sentence = "repeat after me the sun is shining"
    assert heard(listener, sentence) == Heard(sentence, False)


def test_other_sentences_are_not_squeezed_into_the_grammar(listener: Listener) -> None:
    assert not heard(listener, "play some music by mozart").in_grammar


def test_silence_has_no_words(listener: Listener) -> None:
    listener.begin()
    listener.hear(SILENCE * 3)
    assert listener.heard().text == ""


def test_an_utterance_may_begin_before_the_last_one_ended(listener: Listener) -> None:
    listener.begin()
    listener.hear(speech("stop"))
    assert heard(listener, "what time is it") == Heard("what time is it", True)


def test_nothing_was_heard_before_the_beginning() -> None:
    assert Listener().heard().text == ""


def test_a_question_in_one_breath_with_a_wake_word_is_recognised(listener: Listener) -> None:
    assert heard(listener, "okay nabu, what time is it", "rms") == Heard("okay nabu what time is it", True)
