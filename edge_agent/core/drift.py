"""How fast a sound card's clock runs, measured against the monotonic clock.

Two crystals differ by 20 to 100 ppm, and what a machine can see of a card is late and coarse: positions move
in steps, threads wake late. So the rate is the slope of a straight line through many positions: a weighted
least squares fit that forgets, as Klipper's ``clocksync.py`` does for its micro-controllers. A second-order
delay-locked loop (F. Adriaensen, "Using a DLL to filter time", LAC 2005) follows sooner, but can't say how
sure it is.
"""

from __future__ import annotations

import math

MEMORY_S = 300.0
"""What lies so far back weighs 1/e: crystals change by 1 ppm with some degrees, which takes minutes."""

CREDIBLE_PPM = 5.0
"""A rate is given out once its standard error is below this: a tenth of what two usual crystals differ by."""

LONGEST_GAP_S = 30.0
"""After a longer pause between positions (a suspended machine) everything is measured anew."""

OUTLIER_SIGMAS = 4.0
"""A position so far off the line (one in 16,000 of a normal distribution) was looked at late."""

SMALLEST_OUTLIER_S = 0.015
"""Whatever the line says of itself, a shorter distance is usual: a thread that waits for its turn, or a card
that moves in steps of a period."""

STEP_POSITIONS = 10
"""So many outliers in a row are not late looks: samples were lost, and another line begins."""

FEWEST_POSITIONS = 10
"""With fewer, the distances from the line say nothing about how sure it is."""


class ClockDrift:
    """One device's clock. Feed it positions.

    Lost samples (an xrun) begin another line, which has the slope in common with those before it.
    """

    def __init__(self) -> None:
        self._last_at: float | None = None
        self._began_at = self._lead_s = 0.0
        self._line, self._former = _Sums(), _Sums()
        self._outliers = 0

    @property
    def ppm(self) -> float | None:
        """Parts in a million by which the device is faster; None until that is known to CREDIBLE_PPM."""
        return self._slope * 1e6 if self.error_ppm <= CREDIBLE_PPM else None

    @property
    def error_ppm(self) -> float:
        """The standard error of :attr:`ppm`; infinite at first."""
        spread = self._line.xx + self._former.xx
        if spread <= 0.0 or self._weight < FEWEST_POSITIONS:
            return math.inf
        return math.sqrt(self._variance / spread) * 1e6

    def update(self, moved_s: float, at_s: float) -> None:
        """The device had moved ``moved_s`` of sound since some moment, ``at_s`` on the monotonic clock."""
        if self._last_at is None or not 0.0 <= at_s - self._last_at <= LONGEST_GAP_S:
            self._begin(moved_s, at_s)
        self._age(at_s)
        x, y = at_s - self._began_at, moved_s - at_s - self._lead_s  # y is small: only the drift is in it
        if self._is_off(self._line.distance(x, y, self._slope)):
            self._outliers += 1
            if self._outliers >= STEP_POSITIONS:
                self._begin_another_line()
        else:
            self._outliers = 0
            self._line.add(x, y)

    @property
    def _slope(self) -> float:
        spread = self._line.xx + self._former.xx
        return (self._line.xy + self._former.xy) / spread if spread > 0.0 else 0.0

    @property
    def _weight(self) -> float:
        return self._line.weight + self._former.weight

    @property
    def _variance(self) -> float:
        """How far positions lie from the line, squared."""
        unexplained = self._line.yy + self._former.yy - self._slope * (self._line.xy + self._former.xy)
        return max(0.0, unexplained) / max(1.0, self._weight - 2.0)

    def _is_off(self, distance_s: float) -> bool:
        return abs(distance_s) > max(SMALLEST_OUTLIER_S, OUTLIER_SIGMAS * math.sqrt(self._variance))

    def _begin(self, moved_s: float, at_s: float) -> None:
        self._last_at = self._began_at = at_s
        self._lead_s = moved_s - at_s
        self._line, self._former = _Sums(), _Sums()
        self._outliers = 0

    def _begin_another_line(self) -> None:
        self._former.take(self._line)
        self._line = _Sums()
        self._outliers = 0

    def _age(self, at_s: float) -> None:
        assert self._last_at is not None
        factor = math.exp((self._last_at - at_s) / MEMORY_S)
        self._last_at = at_s
        self._line.scale(factor)
        self._former.scale(factor)


class _Sums:
    """Weight, means, and the sums of squares and products around them: all that a straight line needs.

    B. P. Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
    """

    def __init__(self) -> None:
        self.weight = self._mean_x = self._mean_y = 0.0
        self.xx = self.xy = self.yy = 0.0

    def add(self, x: float, y: float) -> None:
        dx, dy = x - self._mean_x, y - self._mean_y
        kept = self.weight / (self.weight + 1.0)
        self.weight += 1.0
        self._mean_x += dx / self.weight
        self._mean_y += dy / self.weight
        self.xx += kept * dx * dx
        self.xy += kept * dx * dy
        self.yy += kept * dy * dy

    def distance(self, x: float, y: float, slope: float) -> float:
        """How far a point lies above the line through the mean; 0.0 while there is none."""
        return y - self._mean_y - slope * (x - self._mean_x) if self.weight > 0.0 else 0.0

    def scale(self, factor: float) -> None:
        """Make all points weigh less."""
        self.weight *= factor
        self.xx *= factor
        self.xy *= factor
        self.yy *= factor

    def take(self, other: _Sums) -> None:
        """Add the sums of another line, whose means are its own."""
        self.weight += other.weight
        self.xx += other.xx
        self.xy += other.xy
        self.yy += other.yy
