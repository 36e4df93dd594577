"""False alarms a quarter, power and delay of every method, with their Monte Carlo errors. Pure: seeds are passed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.alerts.hotspots.evaluation.methods import METHODS, Method
from services.alerts.hotspots.evaluation.world import DAYS, World, history, make_world, play
from services.alerts.hotspots.expected import GUARD_DAYS, MARGIN, TRAILING_DAYS, fit

Floats = npt.NDArray[np.float64]

#: Quarters of history that the service estimates from: 365 days less the guard of 28.
_TRAILING_QUARTERS = (TRAILING_DAYS - GUARD_DAYS) / DAYS


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its Monte Carlo standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Estimate:
        """The mean of independent replicates."""
        array = np.asarray(values, dtype=np.float64)
        return cls(float(array.mean()), float(array.std(ddof=1) / np.sqrt(len(array))))


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Cells that a method alarms in a quarter in which nothing happens."""

    method: str
    knowledge: str
    cell_spread: float
    a_quarter: Estimate


@dataclass(frozen=True, slots=True)
class Power:
    """How often a method finds a cell whose odds rose within the quarter, and how many days after the rise began.

    median_delay: over all quarters, infinite where fewer than half were found, with its interval (95 %, by order
    statistics). median_found: over those found alone, which flatters a method that finds few; nan where it found none.
    """

    method: str
    knowledge: str
    odds_ratio: float
    onset: float
    power: Estimate
    median_delay: float
    delay_low: float
    delay_high: float
    median_found: float


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What p0 comes from: the service's estimate, or the truth; with the margin or without."""

    name: str
    estimated: bool
    margin: bool = True

    def p0(self, random: np.random.Generator, world: World) -> Floats:
        """p0 of each stratum of the world."""
        if self.estimated:
            # of the two years that there are the service looks at the trailing one, less the guard
            model = fit(history(random, world, _TRAILING_QUARTERS), "evaluation")
            return np.array([model.expect(path).p0 for path in world.paths])
        p = world.probabilities
        return MARGIN * p / (1 - p + MARGIN * p) if self.margin else p


ESTIMATED = Knowledge("estimated by the service", estimated=True)
KNOWN = Knowledge("known, odds x 1.25", estimated=False)
EXACT = Knowledge("known, as they are", estimated=False, margin=False)


def false_alarms(
    seed: int,
    cells: int,
    replicates: int,
    mean: float,
    knowledge: Knowledge,
    cell_spread: float = 0.0,
    methods: Mapping[str, Method] = METHODS,
) -> Iterator[FalseAlarms]:
    """Quarters in which no cell's odds rise. cell_spread: the standard deviation of the cells' own log odds, of which
    p0 knows nothing: with it the cells are not null, and an alarm not wholly false."""
    counts: dict[str, list[int]] = {name: [] for name in methods}
    for random in np.random.default_rng(seed).spawn(replicates):
        world = make_world(random, cells, mean)
        p = knowledge.p0(random, world)
        quarter, stratum = play(random, world, cell_odds=np.exp(random.normal(0, cell_spread, cells)))
        for name, method in methods.items():
            counts[name].append(int(np.isfinite(method(quarter, p[stratum])).sum()))
    for name, values in counts.items():
        yield FalseAlarms(name, knowledge.name, cell_spread, Estimate.of(values))


def power(
    seed: int,
    cells: int,
    replicates: int,
    mean: float,
    knowledge: Knowledge,
    odds_ratio: float,
    onset: float = 0.0,
    units: int = 300,
    methods: Mapping[str, Method] = METHODS,
) -> Iterator[Power]:
    """One cell of `units` a quarter rises among `cells`, once in each replicate."""
    delays: dict[str, list[float]] = {name: [] for name in methods}
    for random in np.random.default_rng(seed).spawn(replicates):
        world = make_world(random, cells, mean)
        world.planned[0] = units
        p = knowledge.p0(random, world)
        rise = np.ones(cells)
        rise[0] = odds_ratio
        quarter, stratum = play(random, world, rise, onset)
        for name, method in methods.items():
            day = float(method(quarter, p[stratum])[0])
            if day >= onset:  # an alarm before its time came by chance, and says nothing of what it would find
                delays[name].append(day - onset)
    for name, values in delays.items():
        array = np.sort(values)
        found = array[np.isfinite(array)]
        median = float(np.median(found)) if len(found) else np.nan
        yield Power(name, knowledge.name, odds_ratio, onset, Estimate.of(np.isfinite(array)), *_median(array), median)


def _median(ordered: Floats) -> tuple[float, float, float]:
    n = len(ordered)
    half = 1.96 * np.sqrt(n) / 2
    low, high = max(0, int(np.floor(n / 2 - half))), min(n - 1, int(np.ceil(n / 2 + half)))
    return float(np.median(ordered)), float(ordered[low]), float(ordered[high])
