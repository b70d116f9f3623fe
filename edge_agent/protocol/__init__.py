"""The Realtime protocol as pure data: events, the session object, and what providers do differently.

Nothing below this folder does I/O, reads a clock, starts a thread, draws a random number or logs.
"""
