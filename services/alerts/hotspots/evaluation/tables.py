"""The evaluation as tables for people: which settings, which methods, which numbers with which errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isinf, isnan

from services.alerts.hotspots.evaluation import evaluate, real
from services.alerts.hotspots.evaluation.evaluate import ESTIMATED, EXACT, KNOWN, FalseAlarms, Power
from services.alerts.hotspots.evaluation.real import Observation

_ODDS_RATIOS = (2.0, 3.0, 5.0)
#: How much cells differ by themselves in the last scenario: standard deviation of their log odds.
_CELL_SPREAD = 0.2
#: Rises that begin within the quarter: some weeks after its beginning, and in its middle.
_LATER_DAYS = (20.0, 45.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """Seed, cells of a quarter, replicates of each scenario, and the mean failure rate."""

    seed: int
    cells: int
    replicates: int
    mean: float


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title and columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """As Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return f"### {self.title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def simulated(settings: Settings, tell: Callable[[str], None] = lambda line: None) -> list[Table]:
    """False alarms in four scenarios; power and delay for each odds ratio, from the quarter's start and later days."""
    quiet: list[FalseAlarms] = []
    for knowledge, spread in ((EXACT, 0.0), (KNOWN, 0.0), (ESTIMATED, 0.0), (ESTIMATED, _CELL_SPREAD)):
        tell(f"quarters in which nothing rises: probabilities {knowledge.name}, cells' own spread {spread}")
        quiet += evaluate.false_alarms(
            settings.seed, settings.cells, settings.replicates, settings.mean, knowledge, spread
        )
    rises: list[Power] = []
    for knowledge, onset in ((ESTIMATED, 0.0), (KNOWN, 0.0), *((ESTIMATED, day) for day in _LATER_DAYS)):
        for odds_ratio in _ODDS_RATIOS:
            tell(f"odds ratio {odds_ratio:g} from day {onset:g}: probabilities {knowledge.name}")
            rises += evaluate.power(
                settings.seed + 1, settings.cells, settings.replicates, settings.mean, knowledge, odds_ratio, onset
            )
    what = f"{settings.replicates} quarters of {settings.cells} cells, mean failure rate {settings.mean:.2%}"
    return [_false_alarms(what, quiet), _power(what, rises)]


def _false_alarms(what: str, results: Sequence[FalseAlarms]) -> Table:
    by_method: dict[str, list[str]] = defaultdict(list)
    columns: dict[str, None] = {}
    for one in results:
        spread = f"; cells differ by themselves, sd {one.cell_spread}" if one.cell_spread else ""
        columns[f"p0 {one.knowledge}{spread}"] = None
        by_method[one.method].append(f"{one.a_quarter.value:.2f} ± {one.a_quarter.error:.2f}")
    rows = tuple((method, *values) for method, values in by_method.items())
    return Table(f"Cells alarmed in a quarter without a rise ({what})", ("method", *columns), rows)


def _power(what: str, results: Sequence[Power]) -> Table:
    rows = tuple(
        (
            one.method,
            one.knowledge,
            f"{one.odds_ratio:g}",
            f"{one.onset:g}",
            f"{one.power.value:.3f} ± {one.power.error:.3f}",
            _with_interval(one),
            _days(one.median_found),
        )
        for one in results
    )
    columns = (
        "method",
        "p0",
        "odds ratio",
        "from day",
        "found in the quarter",
        "median delay, days",
        "of those found alone",
    )
    return Table(f"One cell of 300 samples rises ({what})", columns, rows)


def _with_interval(one: Power) -> str:
    interval = f" ({_days(one.delay_low)} to {_days(one.delay_high)})" if one.delay_low < inf else ""
    return _days(one.median_delay) + interval


def _days(delay: float) -> str:
    return "" if isnan(delay) else "beyond" if isinf(delay) else f"{delay:.0f}"


def on_records(name: str, observations: Sequence[Observation]) -> Table:
    """Cells alarmed in each quarter of real records."""
    by_quarter: dict[str, dict[str, str]] = defaultdict(dict)
    for one in real.evaluate(observations):
        quarter = f"{one.quarter.year} Q{one.quarter.month // 3 + 1} ({one.active} cells)"
        by_quarter[quarter][one.method] = str(len(one.cells))
    methods = dict.fromkeys(method for counts in by_quarter.values() for method in counts)
    rows = tuple((method, *(counts[method] for counts in by_quarter.values())) for method in methods)
    return Table(f"Cells alarmed in {name}", ("method", *by_quarter), rows)
