"""What ends a demo early."""

from __future__ import annotations

from edge_agent.errors import EdgeAgentError


class DemoError(EdgeAgentError):
    """The demo can't go on. The message is for the person who started it and names the next step."""


class NotReady(DemoError):
    """The agent did not become ready; its log says why."""
