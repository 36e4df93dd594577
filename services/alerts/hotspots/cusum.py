"""The Bernoulli CUSUM: a baseline to compare the detector with. Pure.

S <- max(0, S + failed log(p1 / p0) + passed log((1 - p1) / (1 - p0))), with p1 at `odds_ratio` times the odds of p0; an
alarm at S > h, after which it begins anew.
Source: Reynolds and Stoumbos, "A CUSUM chart for monitoring a proportion when inspecting continuously" (1999).
"""

from __future__ import annotations

from math import ceil, log, log1p

from services.alerts.hotspots.detector import raised


class Cusum:
    """The state of one chart."""

    def __init__(self, p0: float, odds_ratio: float, h: float) -> None:
        self._fail = log(raised(p0, odds_ratio) / p0)
        self._pass = -log1p((odds_ratio - 1) * p0)
        self._h = h
        self.value = 0.0

    def update(self, failed: int, units: int) -> bool:
        """Takes what came in; whether that is an alarm. `value` keeps the height of the alarm until the next one."""
        before = 0.0 if self.value > self._h else self.value
        self.value = max(0.0, before + failed * self._fail + (units - failed) * self._pass)
        return self.value > self._h

    def failures_to_alarm(self, units: int) -> int:
        """How many of the next units would have to fail for an alarm from where the chart stood before the last."""
        before = 0.0 if self.value > self._h else self.value
        return ceil((self._h - before - units * self._pass) / (self._fail - self._pass))
