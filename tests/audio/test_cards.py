from __future__ import annotations

from pathlib import Path

from edge_agent.audio.cards import Card, cards_in, list_cards

CARDS = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
 3 [Device         ]: USB-Audio - USB PnP Sound Device
                      C-Media Electronics Inc. USB PnP Sound Device at usb-0000:01:00.0-1.3, full speed
"""
PCMS = """\
00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8
01-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1
03-00: USB Audio : USB Audio : playback 1 : capture 1
03-01: USB Audio #1 : USB Audio #1 : capture 1
07-00: Gone : Gone : playback 1
"""


def test_cards_are_listed_by_names_that_do_not_depend_on_their_number() -> None:
    usb = "USB PnP Sound Device"
    assert cards_in(CARDS, PCMS) == [
        Card("plughw:CARD=Headphones,DEV=0", "bcm2835 Headphones", can_capture=False, can_play=True),
        Card("plughw:CARD=vc4hdmi0,DEV=0", "vc4-hdmi-0", can_capture=False, can_play=True),
        Card("plughw:CARD=Device,DEV=0", usb, can_capture=True, can_play=True),
        Card("plughw:CARD=Device,DEV=1", usb, can_capture=True, can_play=False),
    ]


def test_a_machine_without_cards_has_none() -> None:
    assert cards_in("--- no soundcards ---\n", "") == []


def test_a_machine_without_alsa_has_none(tmp_path: Path) -> None:
    assert list_cards(tmp_path / "missing") == []


def test_the_kernels_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(CARDS)
    (tmp_path / "pcm").write_text(PCMS)
    assert len(list_cards(tmp_path)) == 4
