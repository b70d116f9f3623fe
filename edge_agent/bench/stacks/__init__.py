"""The stacks that are measured, each a program of its own. They offer, a far end answers and sends.

A stack talks JSON, one object a line. It says ``{"offer": SDP}``, hears ``{"answer": SDP}``, then
``{"do": "count"}``, to which it says ``{"counters": {…}}`` with the names of W3C webrtc-stats, as far as it
knows them, and ``{"do": "end", "pcm": PATH}``, for which it writes what came out to PATH (s16le, 48 kHz) and
says ``{"blocks": [[monotonic seconds, samples, channels], …]}``. It ends when its stdin does.
"""
