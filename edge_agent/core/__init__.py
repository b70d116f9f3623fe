"""What the agent decides: pure code. Events and ``now`` go in, commands come out.

Nothing below this folder reads a clock, starts a thread, does I/O, draws a random number or logs.
"""
