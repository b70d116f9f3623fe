"""GStreamer's webrtcbin as an application would use it: decode, then play by the pipeline's clock.

Runs under the distribution's Python, which has GStreamer's binding, and so imports nothing of this package.
See ``__init__.py`` for the protocol.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - their versions come first

OPUS_CAPS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=96,clock-rate=48000"
PCM_CAPS = "audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved"
MAX_BUNDLE = 3


class Stack:
    """One webrtcbin that offers to receive, and everything that came out of it."""

    def __init__(self) -> None:
        self._pcm: list[bytes] = []
        self._blocks: list[tuple[float, int, int]] = []
        self._kept: list[Any] = []  # GStreamer's replies own what they hold
        self._pipeline = Gst.Pipeline.new()
        self._webrtc = Gst.ElementFactory.make("webrtcbin")
        self._webrtc.set_property("bundle-policy", MAX_BUNDLE)
        self._pipeline.add(self._webrtc)
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self._webrtc.emit("add-transceiver", direction, Gst.Caps.from_string(OPUS_CAPS))
        self._webrtc.connect("pad-added", self._pad_added)
        self._webrtc.connect("on-negotiation-needed", self._offer)
        self._webrtc.connect("notify::ice-gathering-state", self._gathered)

    def start(self) -> None:
        """Begin to gather candidates."""
        self._pipeline.set_state(Gst.State.PLAYING)

    def handle(self, message: dict[str, Any]) -> None:
        """Carry out one message of the bench."""
        if "answer" in message:
            _, sdp = GstSdp.SDPMessage.new()
            GstSdp.sdp_message_parse_buffer(message["answer"].encode(), sdp)
            answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
            self._kept += [sdp, answer]
            self._webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        elif message["do"] == "count":
            say({"counters": {}})
        else:
            count = len(self._blocks)
            Path(message["pcm"]).write_bytes(b"".join(self._pcm[:count]))
            say({"blocks": self._blocks[:count]})

    def _offer(self, webrtc: Any) -> None:
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offered, None, None))

    def _offered(self, promise: Any, *_: object) -> None:
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self._kept += [reply, offer]
        self._webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def _gathered(self, webrtc: Any, _: object) -> None:
        if webrtc.get_property("ice-gathering-state").value_nick == "complete":
            say({"offer": webrtc.get_property("local-description").sdp.as_text()})

    def _pad_added(self, _: object, pad: Any) -> None:
        if pad.direction != Gst.PadDirection.SRC:
            return
        names = ("rtpopusdepay", "opusdec", "audioconvert", "capsfilter", "appsink")
        elements = [Gst.ElementFactory.make(name) for name in names]
        elements[3].set_property("caps", Gst.Caps.from_string(PCM_CAPS))
        elements[1].set_property("plc", True)
        elements[4].set_property("emit-signals", True)
        elements[4].set_property("sync", True)
        elements[4].connect("new-sample", self._play)
        for element in elements:
            self._pipeline.add(element)
        for one, next_one in itertools.pairwise(elements):
            one.link(next_one)
        pad.link(elements[0].get_static_pad("sink"))
        for element in elements:
            element.sync_state_with_parent()

    def _play(self, sink: Any) -> Any:
        buffer = sink.emit("pull-sample").get_buffer()
        pcm = buffer.extract_dup(0, buffer.get_size())
        self._pcm.append(pcm)
        self._blocks.append((time.monotonic(), len(pcm) // 2, 1))
        return Gst.FlowReturn.OK


def say(message: dict[str, Any]) -> None:
    """Write one line at once."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Talk to the bench until it has gone."""
    Gst.init(None)
    loop, stack = GLib.MainLoop(), Stack()

    def hear() -> None:
        for line in sys.stdin:
            GLib.idle_add(stack.handle, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=hear, daemon=True).start()
    stack.start()
    loop.run()


if __name__ == "__main__":
    main()
