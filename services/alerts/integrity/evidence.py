"""E-values of laboratories' data. Pure.

An e-value is evidence that is at most 1 on average if nothing is wrong; 20 or more come by chance in at most one case
in twenty. Those of several tests can be weighed together by e-BH however they depend on each other
(`services/alerts/hotspots/levels.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, inf, lgamma, log
from typing import NamedTuple

#: How much likelier than expected, by odds, something may be where something is wrong.
_MORE_OFTEN = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_LESS_OFTEN = (1 / 1.5, 1 / 2, 1 / 4, 1 / 8)


class Trials(NamedTuple):
    """So many of `n` cases of one group were striking; at most a share p0 of them should be."""

    group: str
    striking: int
    n: int
    p0: float


def log_e_more_often(trials: Iterable[Trials]) -> float:
    """log of the e-value that striking cases are more frequent than p0 in each group, by a mixture of odds ratios.

    If each case is striking with probability p0 or less, given those before it, the e-value is at most 1 on average.
    """
    found = [one for one in trials if one.n]
    return _log_mean([sum(_log_ratio(one, ratio) for one in found) for ratio in _MORE_OFTEN])


def log_e_less_often(cases: Iterable[tuple[float, bool]]) -> float:
    """log of the e-value that cases fail less often than expected; each with its probability and whether it failed."""
    logs = [0.0] * len(_LESS_OFTEN)
    for p, failed in cases:
        for place, ratio in enumerate(_LESS_OFTEN):
            logs[place] += (log(ratio) if failed else 0.0) - log(1 - p + ratio * p)
    return _log_mean(logs)


def log_e_digits(counts: Sequence[int], shares: Sequence[float], steadiness: float, doubt: float) -> float:
    """log of the e-value that digits fall otherwise than among peers: the counts' probability if the laboratory's
    shares vary around the peers' as a Dirichlet of weight `doubt`, over that if they do as honest laboratories' do
    (`steadiness`, much larger)."""
    return _log_dirichlet_multinomial(counts, shares, doubt) - _log_dirichlet_multinomial(counts, shares, steadiness)


def _log_ratio(trials: Trials, ratio: float) -> float:
    return trials.striking * log(ratio) - trials.n * log(1 - trials.p0 + ratio * trials.p0)


def _log_dirichlet_multinomial(counts: Sequence[int], shares: Sequence[float], weight: float) -> float:
    n = sum(counts)
    total = lgamma(weight) - lgamma(weight + n)
    for count, share in zip(counts, shares, strict=True):
        total += lgamma(weight * share + count) - lgamma(weight * share)
    return total


def _log_mean(logs: Sequence[float]) -> float:
    top = max(logs, default=-inf)
    return top + log(sum(exp(value - top) for value in logs) / len(logs)) if top > -inf else -inf
