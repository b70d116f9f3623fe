"""What ends a bench early."""

from __future__ import annotations

from edge_agent.errors import EdgeAgentError


class BenchError(EdgeAgentError):
    """The bench can't go on. The message is for the person who started it and names the next step."""
