"""Numbers that wrap around, made ones that do not."""

from __future__ import annotations


class Unwrapper:
    """Extends counters of ``bits`` bits: each value is taken for the one nearest to the newest before it."""

    def __init__(self, bits: int) -> None:
        self._half = 1 << (bits - 1)
        self._mask = (1 << bits) - 1
        self._newest: int | None = None

    def ahead(self, value: int) -> int:
        """Return how far ``value`` lies ahead of the newest, negative if behind; 0 for the first."""
        if self._newest is None:
            return 0
        return (value - self._newest + self._half & self._mask) - self._half

    def unwrap(self, value: int) -> int:
        """Return ``value`` without the wrap; the first one stands for itself."""
        if self._newest is None:
            self._newest = value
        return self.advance(self.ahead(value))

    def advance(self, ahead: int) -> int:
        """Return the value that lies so far :meth:`ahead`, without the wrap. Not for the first one."""
        assert self._newest is not None
        extended = self._newest + ahead
        if ahead > 0:
            self._newest = extended
        return extended
