"""A Unix socket on which the running agent shows what it does and takes presses, for people and tests.

One JSON object a line. Out go the messages of :data:`messages.Message` (their ``type`` first), in come those
of :data:`messages.Request` (``do``), for example ``{"do":"press","button":"talk"}``. Only the user the agent
runs as (and root) may connect: the file has mode 0600. Nothing a client does or fails to do holds up the
agent.
"""
