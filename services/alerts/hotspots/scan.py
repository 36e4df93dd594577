"""Kulldorff's spatial scan statistic with circular windows, Poisson or Bernoulli. Pure: randomness is passed in.

A window is a centre with its nearest places, up to a share of the population. The most likely cluster is the window
with the highest log likelihood ratio; its p-value is the rank of that ratio among the maxima of random data sets in
which the cases fall on the places by their population alone.
Source: Kulldorff, "A spatial scan statistic" (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Model = Literal["poisson", "bernoulli"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: How many random data sets are looked at together: bounds memory.
_CHUNK = 128


@dataclass(frozen=True, slots=True)
class Cluster:
    """A window with more cases than its population explains.

    places: positions of its places, the centre first, then by distance. expected: cases by population alone.
    p_value: None where no random data sets were made.
    """

    places: tuple[int, ...]
    observed: int
    expected: float
    llr: float
    p_value: float | None


class Windows:
    """The circular windows over places at (x, y), each with at most `share` of the population."""

    def __init__(self, xy: Floats, population: Ints, share: float) -> None:
        if not 0 < share <= 0.5:
            raise ValueError(f"a window's share of the population lies in (0, 0.5], not at {share}")
        distance: Floats = ((xy[:, None, :] - xy[None, :, :]) ** 2).sum(axis=2)
        order = np.argsort(distance, axis=1, kind="stable")
        inside = np.cumsum(population[order], axis=1)
        bound = share * population.sum()
        # places at the same distance enter together: a window ends only where the next place is farther away
        ordered = np.take_along_axis(distance, order, axis=1)
        ends = np.ones_like(inside, dtype=bool)
        ends[:, :-1] = ordered[:, 1:] > ordered[:, :-1]
        self.widest = int(max(1, (inside <= bound).sum(axis=1).max()))
        self.order: Ints = order[:, : self.widest]
        self.population: Ints = inside[:, : self.widest]
        self.allowed = (ends & (inside <= bound) & (inside > 0))[:, : self.widest]

    def cases(self, cases: Ints) -> Ints:
        """Cases in each window: (..., places) -> (..., centres, widest)."""
        counted: Ints = np.cumsum(cases[..., self.order], axis=-1, dtype=np.int64)
        return counted


class _Ratio:
    """The log likelihood ratio of every window for given numbers of cases, by tables of n log n."""

    def __init__(self, model: Model, windows: Windows, population: int, cases: int) -> None:
        self._model, self._cases, self._all = model, cases, population
        self._windows = windows
        self.expected = windows.population * np.float64(cases / population)
        largest = population if model == "bernoulli" else cases
        numbers = np.arange(largest + 1, dtype=np.float64)
        self._n_log_n = numbers * np.log(np.maximum(numbers, 1))
        with np.errstate(divide="ignore"):
            self._log_inside = np.log(self.expected)
            self._log_outside = np.log(cases - self.expected)

    def __call__(self, inside: Ints) -> Floats:
        """Zero where a window is not allowed or has no more than expected."""
        t, cases = self._n_log_n, self._cases
        outside = cases - inside
        ratio: Floats = t[inside] + t[outside]
        if self._model == "poisson":
            ratio -= inside * self._log_inside
            ratio -= outside * self._log_outside
        else:
            n, total = self._windows.population, self._all
            ratio += t[n - inside] + t[total - n - outside]
            ratio += t[total] - t[n] - t[total - n] - t[cases] - t[total - cases]
        ratio[~(self._windows.allowed & (inside > self.expected))] = 0.0
        return ratio


def scan(
    xy: Floats,
    population: Ints,
    cases: Ints,
    *,
    random: np.random.Generator,
    model: Model = "poisson",
    share: float = 0.1,
    replicates: int = 999,
    secondary: int = 5,
) -> list[Cluster]:
    """The most likely cluster and up to `secondary` others that share no place with a likelier one, likeliest first.

    xy: (places, 2) coordinates in a plane; population, cases: (places,) counts (Bernoulli: samples and failures).
    Returns an empty list where there are no cases or no window has more than expected. Raises ValueError for shapes
    that do not fit, or more cases than population under Bernoulli.
    """
    population, cases = np.asarray(population, dtype=np.int64), np.asarray(cases, dtype=np.int64)
    _check(xy, population, cases, model)
    people, all_cases = int(population.sum()), int(cases.sum())
    if all_cases == 0:
        return []
    windows = Windows(np.asarray(xy, dtype=np.float64), population, share)
    ratio = _Ratio(model, windows, people, all_cases)
    inside = windows.cases(cases)
    found = _disjoint(windows, ratio(inside), 1 + secondary)
    maxima = _maxima(windows, ratio, population, all_cases, model, replicates, random) if found else np.empty(0)
    return [
        Cluster(
            places=tuple(int(place) for place in windows.order[centre, : last + 1]),
            observed=int(inside[centre, last]),
            expected=float(ratio.expected[centre, last]),
            llr=llr,
            p_value=float((1 + (maxima >= llr - 1e-9).sum()) / (1 + replicates)) if replicates else None,
        )
        for centre, last, llr in found
    ]


def _check(xy: Floats, population: Ints, cases: Ints, model: Model) -> None:
    places = len(population)
    if np.shape(xy) != (places, 2) or cases.shape != (places,):
        raise ValueError(f"xy {np.shape(xy)}, population {population.shape} and cases {cases.shape} do not fit")
    if (population < 0).any() or (cases < 0).any() or population.sum() == 0:
        raise ValueError("population and cases are counts, and somebody has to live there")
    if model == "bernoulli" and (cases > population).any():
        raise ValueError("a place has more failures than samples")


def _disjoint(windows: Windows, ratios: Floats, most: int) -> list[tuple[int, int, float]]:
    """The windows of the highest ratios that share no place: centre, index of the last place, ratio."""
    found: list[tuple[int, int, float]] = []
    taken = np.zeros(len(windows.order), dtype=bool)
    ratios = ratios.copy()
    while len(found) < most:
        centre, last = np.unravel_index(int(ratios.argmax()), ratios.shape)
        llr = float(ratios[centre, last])
        if llr <= 0:
            break
        found.append((int(centre), int(last), llr))
        taken[windows.order[centre, : last + 1]] = True
        # a window that holds a taken place is out, and so is every wider one of its centre
        ratios[np.logical_or.accumulate(taken[windows.order], axis=1)] = 0.0
    return found


def _maxima(
    windows: Windows,
    ratio: _Ratio,
    population: Ints,
    cases: int,
    model: Model,
    replicates: int,
    random: np.random.Generator,
) -> Floats:
    """The highest ratio of each random data set."""
    maxima = []
    for start in range(0, replicates, _CHUNK):
        size = min(_CHUNK, replicates - start)
        if model == "poisson":
            drawn = random.multinomial(cases, population / population.sum(), size=size)
        else:
            drawn = random.multivariate_hypergeometric(population, cases, size=size, method="marginals")
        maxima.append(ratio(windows.cases(drawn)).max(axis=(1, 2)))
    return np.concatenate(maxima) if maxima else np.empty(0)
