"""Shrunken rates: each cell's rate drawn towards the common one, the more the fewer its samples. Pure.

Empirical Bayes with a beta-binomial model: the true rates of the cells follow a Beta(a, b), whose mean and precision
a + b are estimated from the cells themselves by moments (Kleinman, JASA 68, 1973), and a cell's shrunken rate is its
posterior mean, (passed + a) / (passed + failed + a + b).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

METHOD = "empirical-Bayes beta-binomial, prior by moments (Kleinman 1973)"


@dataclass(frozen=True, slots=True)
class Prior:
    """Beta(a, b): what is held of a cell's rate before its samples are seen."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """The common rate."""
        return self.a / (self.a + self.b)

    @property
    def strength(self) -> float:
        """a + b: the number of samples that the prior counts for. A cell of so many keeps half of its own rate."""
        return self.a + self.b

    def shrink(self, passed: int, failed: int) -> float:
        """The posterior mean of a cell's rate."""
        return (passed + self.a) / (passed + failed + self.a + self.b)

    def weight(self, passed: int, failed: int) -> float:
        """The share that the cell's own rate has in its shrunken one."""
        n = passed + failed
        return n / (n + self.strength)


def fit_prior(cells: Sequence[tuple[int, int]]) -> Prior:
    """The prior of cells of (passed, failed); raises ValueError where nothing passed or failed at all.

    Half a pass and half a fail are added to the pooled counts, so that the prior is never certain. It counts for at
    least one sample, and, where the cells differ no more than chance has it, for as many as all cells have together.
    """
    counted = [(passed, passed + failed) for passed, failed in cells if passed + failed]
    passed, samples = sum(passed for passed, _ in counted), sum(n for _, n in counted)
    if not samples:
        raise ValueError("no cell has a rate")
    pooled = (passed + 0.5) / (samples + 1)
    correlation = _correlation(counted, passed / samples, samples)
    # cells of many samples say less of the common rate than their samples would: they are correlated
    weights = [n / (1 + (n - 1) * correlation) for _, n in counted]
    mean = (sum(w * x / n for w, (x, n) in zip(weights, counted, strict=True)) + 0.5) / (sum(weights) + 1)
    if not correlation:
        mean = pooled
    strength = min(float(samples), max(1.0, (1 - correlation) / correlation)) if correlation else float(samples)
    return Prior(mean * strength, (1 - mean) * strength)


def _correlation(counted: Sequence[tuple[int, int]], rate: float, samples: int) -> float:
    """1 / (a + b + 1): how much two samples of one cell resemble each other; 0 where chance explains all of it.

    In a beta-binomial, the expectation of sum n (rate of the cell - pooled rate)^2 is
    rate (1 - rate) ((cells - 1) + correlation sum (n - 1)(1 - n / samples)).
    """
    spread = rate * (1 - rate)
    room = sum((n - 1) * (1 - n / samples) for _, n in counted)
    if not spread or room <= 0:
        return 0.0
    observed = sum(n * (x / n - rate) ** 2 for x, n in counted)
    return min(1.0, max(0.0, (observed / spread - (len(counted) - 1)) / room))
