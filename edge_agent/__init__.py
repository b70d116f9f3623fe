"""edge-agent: a daemon that turns a Raspberry Pi into a voice agent."""

__version__ = "0.1.0"
