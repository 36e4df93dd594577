"""The hotspot detector of one cell: a mixture Shiryaev-Roberts e-detector. Pure, and in logarithms throughout.

For each unit (a visit) with its expected failure probability p0, and each odds ratio R of the mixture::

    p1  = R p0 / (1 - p0 + R p0)
    L   = p1 / p0 on fail, (1 - p1) / (1 - p0) on pass
    M_R <- (M_R + 1) L             from M_R = N at the beginning of the quarter
    E   = mean over R of M_R / 2N  with N the planned number of units of the quarter

M_R is the sum of the likelihood ratios of rises that begin at each unit, and N times that of a rise which is under way
when the quarter begins: the head start. So half of E's bet is on a rise carried over, half is spread evenly over the N
units at which one may begin.

While every unit fails with at most its p0, given what came before, M_R + (N - n) is a supermartingale that begins at
2N and does not fall below M_R within N units. So E is an e-value at whatever moment within the planned N units one
looks: P(E >= c at any time) <= 1/c. Cells may depend on each other.

Sources: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2023); the
head start: Moustakides, Polunchenko, Tartakovsky, "A numerical approach to performance analysis of quickest
change-point detection procedures" (2011).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, inf, log, log1p
from typing import NamedTuple

#: The odds ratios against expectation that the mixture looks for.
ODDS_RATIOS = (2.0, 3.0, 5.0)

#: log M_R for each odds ratio.
LogM = tuple[float, float, float]
#: log M_R without a head start: M_R = 0.
NOTHING: LogM = (-inf, -inf, -inf)


class LogRatios(NamedTuple):
    """log L of a unit for each odds ratio, by how it ends."""

    passed: LogM
    failed: LogM


def raised(p0: float, odds_ratio: float) -> float:
    """The probability whose odds are `odds_ratio` times those of p0."""
    return odds_ratio * p0 / (1 - p0 + odds_ratio * p0)


@lru_cache(maxsize=65536)
def log_ratios(p0: float) -> LogRatios:
    """log L of a unit with expected failure probability p0, 0 < p0 < 1; raises ValueError for another."""
    if not 0 < p0 < 1:
        raise ValueError(f"an expected failure probability lies between 0 and 1, not at {p0}")
    two, three, five = (raised(p0, ratio) for ratio in ODDS_RATIOS)
    # (1 - p1) / (1 - p0) = 1 / (1 - p0 + R p0)
    return LogRatios(
        passed=(-log1p(p0), -log1p(2 * p0), -log1p(4 * p0)),
        failed=(log(two / p0), log(three / p0), log(five / p0)),
    )


def head_start(planned: int) -> LogM:
    """log M_R at the beginning of a quarter of so many planned units (at least one): M_R = planned."""
    return (log(planned),) * 3


def step(log_m: LogM, log_l: LogM) -> LogM:
    """log((M + 1) L) for each odds ratio: what one unit does. Constant time, without overflow."""
    a, b, c = log_m
    # log(M + 1), from log M: exp of a number that is never positive
    a = a + log1p(exp(-a)) if a > 0 else log1p(exp(a))
    b = b + log1p(exp(-b)) if b > 0 else log1p(exp(b))
    c = c + log1p(exp(-c)) if c > 0 else log1p(exp(c))
    return a + log_l[0], b + log_l[1], c + log_l[2]


def log_mean(log_m: LogM) -> float:
    """log of the mean of M_R over the mixture; -inf for a cell that has seen nothing."""
    top = max(log_m)
    return top + log(sum(exp(part - top) for part in log_m) / len(log_m)) if top > -inf else -inf


def log_stake(planned: int, foreseen: int) -> float:
    """log of what M_R amounts to by chance, on average, after the units foreseen: those and the head start. E is the
    mixture's mean over it. foreseen: as many as planned, or as have come where more have."""
    return log(planned + foreseen)
