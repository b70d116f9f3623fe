"""Both threads on real ALSA handles: what is said on either side is heard on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from edge_agent.audio import capture as capture_module
from edge_agent.audio import playback as playback_module
from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.both_ends import BothEnds
from edge_agent.audio.capture import Capture
from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.opus import OpusDecoder, OpusSettings
from edge_agent.audio.playback import Playback
from edge_agent.audio.uplink import EncodedPacket, Uplink
from edge_agent.core.commands import Gate
from edge_agent.core.events import Device, DeviceBack, DeviceLost, Event, SoundEnded, SoundStarted
from edge_agent.core.pcm import PERIOD_S
from edge_agent.core.playout.queued import PREFILL_S
from tests.audio.conftest import hear_everything
from tests.audio.sounds import DEADLINE_S, PEAK, amplitude, blocks_of, heard_s, silence, tone, wait_until
from tests.virtual_cards import VirtualCards

SETTINGS = DeviceSettings()
LEAD_IN_S = 0.3
"""What a virtual card may lose while it connects."""


class RememberingOutput(AlsaOutput):
    """A loudspeaker that remembers what it was given and how much of it it was told to drop."""

    written = b""
    dropped_s = 0.0

    def write(self, block: bytes) -> None:
        self.written += block
        super().write(block)

    def drop(self) -> None:
        self.dropped_s = self.queued_s()
        super().drop()


class Road:
    """Capture and playback as the daemon builds them, and ears and a mouth on the other side of the cards."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.crashes: list[BaseException] = []
        self.packets: list[EncodedPacket] = []
        self.outputs: list[RememberingOutput] = []
        self.uplink = Uplink(OpusSettings())
        self.downlink = Downlink()
        both_ends = BothEnds()
        self.capture = Capture(
            lambda: AlsaInput.open("mic", SETTINGS),
            self.uplink,
            self.events.append,
            self.crashes.append,
            both_ends,
        )
        self.playback = Playback(
            self.open_output, self.downlink, self.events.append, self.crashes.append, (both_ends,)
        )

    def open_output(self) -> RememberingOutput:
        output = RememberingOutput.open("speaker", SETTINGS)
        assert isinstance(output, RememberingOutput)
        self.outputs.append(output)
        return output

    def wait_for(self, event: Event) -> None:
        wait_until(lambda: event in self.events, str(event))

    def answer_heard(self, until: Callable[[bytes], bool], meanwhile: Callable[[], None]) -> bytes:
        """What comes out of the loudspeaker until it is what was waited for."""
        heard = bytearray()
        with closing(AlsaInput.open("answer", SETTINGS)) as ear:
            meanwhile()
            for period in range(round(DEADLINE_S / PERIOD_S)):
                heard += ear.read()
                if period % 10 == 0 and until(bytes(heard)):
                    break
        return bytes(heard)

    def ask(self, pcm: bytes) -> None:
        with closing(AlsaOutput.open("question", SETTINGS)) as mouth:
            for block in blocks_of(silence(LEAD_IN_S) + pcm + silence(0.2)):
                mouth.write(block)

    def voice(self, since_packet: int) -> bytes:
        decoder = OpusDecoder()
        return b"".join(decoder.decode(packet.payload) for packet in self.packets[since_packet:])


@pytest.fixture
def road(cards: VirtualCards, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    monkeypatch.setattr(capture_module, "RETRY_S", 0.1)
    monkeypatch.setattr(playback_module, "RETRY_S", 0.1)
    hear_everything(monkeypatch)  # also the road's own microphone: what that drops has a test of its own
    road = Road()
    road.uplink.connect(road.packets.append)
    road.uplink.set_gate(Gate.OPEN)
    road.capture.start()
    road.playback.start()
    yield road
    assert road.capture.stop(5.0)
    assert road.playback.stop(5.0)
    assert road.crashes == []


def test_a_question_reaches_the_session_and_an_answer_the_room(road: Road) -> None:
    road.ask(tone(400, 0.3))
    wait_until(lambda: heard_s(road.voice(0), 400) > 0.25, "the question in the packets")
    assert road.capture.last_voice_at is not None
    answer = tone(1000, 0.3)
    heard = road.answer_heard(
        lambda heard: heard_s(heard, 1000) > 0.28, lambda: road.downlink.play(silence(0.3) + answer)
    )
    assert heard_s(heard, 1000) == pytest.approx(0.3, abs=0.03)
    assert max(amplitude(block, 1000) for block in blocks_of(heard)) == pytest.approx(PEAK, rel=0.01)
    road.wait_for(SoundEnded())
    assert road.events == [SoundStarted(), SoundEnded()]


def test_a_flush_cuts_off_what_the_card_has_not_played(road: Road) -> None:
    def interrupt() -> None:
        road.downlink.play(silence(LEAD_IN_S) + tone(1000, 5.0))
        wait_until(lambda: heard_s(road.outputs[0].written, 1000) > 0.2, "the answer to begin")
        road.playback.flush()
        road.downlink.play(tone(3000, 0.2))

    heard = road.answer_heard(lambda heard: heard_s(heard, 3000) > 0.18, interrupt)
    output = road.outputs[0]
    assert road.events[:3] == [SoundStarted(), SoundEnded(), SoundStarted()]
    # The card had been given this much, and what was in its buffer is not heard.
    assert output.dropped_s > 0
    given_s = heard_s(output.written, 1000)
    assert heard_s(heard, 1000) <= given_s - output.dropped_s + 0.03
    # By content, not by the test's clock: the next answer follows within the prefill and two periods.
    written = list(enumerate(blocks_of(output.written)))
    last_of_old = max(at for at, block in written if amplitude(block, 1000) > PEAK / 2)
    first_of_new = min(at for at, block in written if amplitude(block, 3000) > PEAK / 2)
    assert (first_of_new - last_of_old) * PERIOD_S <= PREFILL_S + 3 * PERIOD_S


def test_cards_that_were_unplugged_are_used_again(road: Road, cards: VirtualCards) -> None:
    road.ask(tone(400, 0.1))
    cards.unplug()
    wait_until(lambda: all(is_lost(device, road.events) for device in Device), "both to be missed")
    cards.plug_in()
    for device in Device:
        road.wait_for(DeviceBack(device))
    for device in Device:
        told = [event for event in road.events if isinstance(event, DeviceLost | DeviceBack)]
        of_device = [type(event) for event in told if event.device is device]
        assert of_device == [DeviceLost, DeviceBack]
    before = len(road.packets)
    road.ask(tone(400, 0.3))
    wait_until(lambda: heard_s(road.voice(before), 400) > 0.25, "the second question")
    stamps = [packet.timestamp_samples for packet in road.packets]
    assert stamps == sorted(set(stamps))


def is_lost(device: Device, events: list[Event]) -> bool:
    return any(isinstance(event, DeviceLost) and event.device is device for event in events)
