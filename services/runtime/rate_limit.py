"""A token bucket: so many requests a second on average, so many at once. Pure: the time is given."""

from __future__ import annotations


class Bucket:
    """Fills with `rate` a second up to `burst`; begins full."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._held, self._at = rate, burst, burst, now

    def take(self, now: float) -> float:
        """Takes one and returns 0; or, where there is none, the seconds until there will be."""
        self._held = min(self._burst, self._held + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        if self._held >= 1:
            self._held -= 1
            return 0.0
        return (1 - self._held) / self._rate
