"""Intervals for a failure probability, from counts. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scipy.special import betaincinv


class Interval(NamedTuple):
    """A two-sided interval of a probability."""

    low: float
    high: float


def beta_interval(a: float, b: float, level: float = 0.95) -> Interval:
    """The central interval of a Beta(a, b) distribution."""
    tail = (1 - level) / 2
    return Interval(float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1 - tail)))


def jeffreys(failed: int, units: int, level: float = 0.95) -> Interval:
    """The interval of the posterior under Jeffreys' prior, Beta(1/2, 1/2); 0 and 1 where nothing or all failed."""
    low, high = beta_interval(failed + 0.5, units - failed + 0.5, level)
    return Interval(0.0 if failed == 0 else low, 1.0 if failed == units else high)


def clopper_pearson(failed: int, units: int, level: float = 0.95) -> Interval:
    """The exact interval: it covers with at least the level whatever the probability is."""
    tail = (1 - level) / 2
    low = float(betaincinv(failed, units - failed + 1, tail)) if failed else 0.0
    high = float(betaincinv(failed + 1, units - failed, 1 - tail)) if failed < units else 1.0
    return Interval(low, high)
