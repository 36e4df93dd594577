"""What the demo feeds: a synthetic year, and real laboratory data where it is at hand; and what must come of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from schemas.results import Report
from schemas.timing import SYNTHETIC
from services.cli.outgoing import Outgoing, outgoing
from services.cli.simulate_commands import outgoing as simulated
from services.importers import Imported, uk_pesticides
from services.runtime.calendar import day_of
from services.simulate.simulate import simulate

_ROOT = Path(__file__).parents[2]
#: Real laboratory data beside the checkout; not part of it.
LABORATORY_DATA = _ROOT.parent / "shared" / "data" / "uk_pesticide_samples_2016_2020.csv.gz"
#: The city of the simulation, Qingyang, and the whole of the laboratory data, as cells of the cut `city`.
SIMULATED_CITY, LABORATORY_CITY = "6210", uk_pesticides.NATION

#: Domain and plan.
Programme = tuple[str, str]
_OUTCOMES = ("pass", "fail", "inconclusive")


@dataclass(slots=True)
class Truth:
    """What must come of an input: of its events, and of its samples by programme, place and month.

    city: the cell of the cut `city` that holds its samples and nothing else. source: how its sources begin.
    """

    name: str
    city: str
    source: str
    events: int = 0
    duplicates: int = 0
    failed_samples: int = 0
    alerts: int = 0
    programmes: dict[Programme, Counter[str]] = field(default_factory=dict)
    counties: dict[Programme, dict[str, Counter[str]]] = field(default_factory=dict)
    months: dict[Programme, dict[str, Counter[str]]] = field(default_factory=dict)

    @property
    def outcomes(self) -> Counter[str]:
        """How many samples come to which outcome."""
        return sum(self.programmes.values(), Counter())


@dataclass(frozen=True, slots=True)
class Input:
    """Events in steps, each of which is answered before the next goes out, and what must come of them."""

    steps: tuple[list[Outgoing], ...]
    truth: Truth


def synthetic_year(samples: int, seed: int, start: date) -> Input:
    """The simulation in its order of arrival: with repeats, and with results that come before their sample."""
    simulation = simulate(samples, seed, start)
    events = [simulated(event) for event in simulation]
    found = simulation.truth.as_dict()
    truth = Truth(
        f"{samples:,} synthetic samples",
        SIMULATED_CITY,
        SYNTHETIC,
        events=len(events),
        duplicates=found["duplicates"],
        failed_samples=found["expected_alerts"]["failed_samples"],
        alerts=found["expected_alerts"]["sample_item_classes"],
    )
    for row in found["programmes"]:
        programme = (row["domain"], row["plan"])
        truth.programmes[programme] = _counts(row)
        truth.counties[programme] = {county: _counts(named) for county, named in row["counties"].items()}
        truth.months[programme] = _by_month((day, _counts(named)) for day, named in row["days"].items())
    return Input((events,), truth)


def laboratory_data(path: Path) -> Input:
    """The residue samples of the file, their samples first, then their results."""
    imported = [one for one in uk_pesticides.load(path) if isinstance(one, Imported)]
    samples = [outgoing(one.sample) for one in imported]
    reports = [one.result for one in imported if one.result]
    results = [outgoing(report) for report in reports]
    truth = Truth("laboratory data", LABORATORY_CITY, uk_pesticides.SOURCE, events=len(samples) + len(results))
    programme = (imported[0].sample.domain, imported[0].sample.plan)
    truth.programmes[programme] = Counter(report.conclusion for report in reports)
    truth.months[programme] = _by_month(
        (day_of(report.issued_at).isoformat(), Counter({report.conclusion: 1})) for report in reports
    )
    failed = [_failed_classes(report) for report in reports if report.conclusion == "fail"]
    truth.failed_samples, truth.alerts = len(failed), sum(map(len, failed))
    return Input((samples, results), truth)


def _failed_classes(report: Report) -> set[str | None]:
    return {item.item_class for item in report.items if item.verdict == "fail"}


def _counts(named: dict[str, Any]) -> Counter[str]:
    return Counter({outcome: named[outcome] for outcome in _OUTCOMES if named[outcome]})


def _by_month(days: Iterable[tuple[str, Counter[str]]]) -> dict[str, Counter[str]]:
    months: dict[str, Counter[str]] = {}
    for day, counts in days:
        months.setdefault(day[:7], Counter()).update(counts)
    return months
