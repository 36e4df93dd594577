"""The expected failure probability of a unit, from its case mix, shrunk by beta-binomials. Pure.

A stratum is a path: (domain, plan, targeting), stage, and the category's levels. Every node of that tree has counts of
units and failures. A node's probability is shrunk towards its parent's: with prior Beta(s m, s (1 - m)), m the parent's
probability and s the strength that maximises the likelihood of all nodes of that depth, it is (failed + s m) / (n + s).
A stratum without history takes the probability of its deepest ancestor that has one, and says which.

The detector's p0 is that probability at 1.25 times its odds: a margin for what the estimate does not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, digamma

from services.alerts.hotspots.detector import raised

#: How far above the estimate the odds of the detector's p0 lie.
MARGIN = 1.25
#: The estimate rests on so many trailing days, less those of the guard: a rise must not hide in its own expectation.
TRAILING_DAYS, GUARD_DAYS = 365, 28
#: No unit is expected to fail less often than this, nor more often than its complement.
_LEAST = 1e-4
#: The strength of a prior lies between one unit and as good as certainty.
_STRENGTHS = (1.0, 1e6)

#: (domain, plan, targeting), then stage, then the levels of the category.
Path = tuple[str, ...]
_GROUP = 3


class Tally(NamedTuple):
    """Units of a stratum, and how many of them failed."""

    units: int
    failed: int


class Expectation(NamedTuple):
    """p0 of a unit, and the node it comes from: shorter than the unit's path where that has no history."""

    p0: float
    basis: Path


@dataclass(frozen=True, slots=True)
class Node:
    """What is known of one node: its counts, and the failure probability after shrinkage, without the margin."""

    tally: Tally
    probability: float


@dataclass(frozen=True, slots=True)
class Model:
    """Expected failure probabilities by path. `version` names it; alerts cite it.

    strengths: the prior strength s by depth below the group, as fitted.
    """

    version: str
    nodes: Mapping[Path, Node]
    strengths: tuple[float, ...]

    def expect(self, path: Path) -> Expectation:
        """p0 of a unit at the path. Raises KeyError where not even its domain, plan and targeting have history."""
        for depth in range(len(path), _GROUP - 1, -1):
            node = self.nodes.get(path[:depth])
            if node is not None:
                p0 = raised(node.probability, MARGIN)
                return Expectation(min(max(p0, _LEAST), 1 - _LEAST), path[:depth])
        raise KeyError(f"no history of {' '.join(path[:_GROUP])}")


def fit(strata: Mapping[Path, Tally], version: str) -> Model:
    """The model that follows from the units of each stratum (full paths). Strata without units are ignored."""
    tallies = _roll_up(strata)
    by_depth: dict[int, list[Path]] = defaultdict(list)
    for path in tallies:
        by_depth[len(path)].append(path)
    nodes: dict[Path, Node] = {}
    strengths = []
    for depth in sorted(by_depth):
        paths = by_depth[depth]
        units = np.array([tallies[path].units for path in paths], dtype=np.float64)
        failed = np.array([tallies[path].failed for path in paths], dtype=np.float64)
        if depth == _GROUP:
            probability = (failed + 0.5) / (units + 1)  # Jeffreys: there is nothing above it to shrink to
        else:
            above = np.array([nodes[path[:-1]].probability for path in paths])
            strength = fit_strength(failed, units, above)
            strengths.append(strength)
            probability = (failed + strength * above) / (units + strength)
        for path, value in zip(paths, probability, strict=True):
            nodes[path] = Node(tallies[path], float(value))
    return Model(version, nodes, tuple(strengths))


def _roll_up(strata: Mapping[Path, Tally]) -> dict[Path, Tally]:
    sums: dict[Path, list[int]] = defaultdict(lambda: [0, 0])
    for path, tally in strata.items():
        for depth in range(_GROUP, len(path) + 1) if tally.units else ():
            sums[path[:depth]][0] += tally.units
            sums[path[:depth]][1] += tally.failed
    return {path: Tally(*counts) for path, counts in sums.items()}


def fit_strength(failed: npt.ArrayLike, units: npt.ArrayLike, means: npt.ArrayLike) -> float:
    """The prior strength s = a + b of beta-binomials with given means, by maximum likelihood."""
    from scipy.optimize import minimize_scalar  # half a second, which the start of the service need not wait for

    y, n, m = (np.asarray(values, dtype=np.float64) for values in (failed, units, means))

    def loss(log_strength: float) -> float:
        a, b = np.exp(log_strength) * m, np.exp(log_strength) * (1 - m)
        return -float(np.sum(betaln(y + a, n - y + b) - betaln(a, b)))

    low, high = np.log(_STRENGTHS)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def fit_beta_binomial(failed: npt.ArrayLike, units: npt.ArrayLike) -> tuple[float, float]:
    """(a, b) of the beta-binomial that makes the counts likeliest: failures among units, one pair each.

    Where the counts vary no more than chance has them, the likelihood only grows with a + b: ValueError.
    """
    from scipy.optimize import root

    y, n = (np.asarray(values, dtype=np.float64) for values in (failed, units))

    def score(logs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The gradient of the log likelihood in log a and log b: its root is sharper than the flat maximum."""
        a, b = np.exp(logs)
        both = digamma(n + a + b) - digamma(a + b)
        return np.array(
            [a * np.sum(digamma(y + a) - digamma(a) - both), b * np.sum(digamma(n - y + b) - digamma(b) - both)]
        )

    mean = min(max(y.sum() / n.sum(), _LEAST), 1 - _LEAST)
    strength = fit_strength(y, n, np.full_like(n, mean))
    found = root(score, np.log([strength * mean, strength * (1 - mean)]), tol=1e-12)
    if not found.success or np.exp(found.x).sum() > _STRENGTHS[1]:
        raise ValueError("the counts vary no more than chance has them")
    a, b = np.exp(found.x)
    return float(a), float(b)
