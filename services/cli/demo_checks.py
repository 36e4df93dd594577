"""Compares what the services say with what must come of the demo's input."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from services.cli.demo_input import Truth
from services.cli.demo_watch import Receipt, Standing, Watch

#: Asks a service: its name, the path and the parameters; the JSON answer.
Ask = Callable[[str, str, dict[str, Any]], Any]
_OUTCOMES = ("pass", "fail", "inconclusive")
#: How many differences of one check are told.
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. Where they differ, `differences` says in what."""

    what: str
    expected: Any
    found: Any
    differences: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether both say the same."""
        return bool(self.expected == self.found) and not self.differences

    def as_dict(self) -> dict[str, Any]:
        """The check as a JSON object."""
        found = {"what": self.what, "expected": self.expected, "found": self.found, "ok": self.ok}
        return {**found, "differences": list(self.differences)} if self.differences else found


def checks(truth: Truth, watch: Watch, ask: Ask) -> Iterator[Check]:
    """Every comparison of one input, cheap ones first."""
    receipts = [receipt for receipt in watch.receipts.values() if _of(truth, receipt)]
    outcomes = Counter(receipt.outcome for receipt in receipts)
    yield Check("one receipt for each event", truth.events, len(receipts))
    yield Check("events answered as duplicates", truth.duplicates, outcomes["duplicate"])
    yield Check("events rejected", 0, outcomes["rejected"])

    standing = Counter(verdict.word for verdict in watch.verdicts.values() if _of(truth, verdict))
    expected = {outcome: truth.outcomes[outcome] for outcome in _OUTCOMES}
    yield Check("verdicts on lab.verdicts.v1", expected, {outcome: standing[outcome] for outcome in _OUTCOMES})

    alerts = [alert for alert in watch.alerts.values() if _of(truth, alert) and alert.word != "cancelled"]
    yield Check("standing alerts on alerts.events.v1", truth.alerts, len(alerts))
    yield Check("samples with a standing alert", truth.failed_samples, len({alert.sample_id for alert in alerts}))
    served = ask("alerts", "/alerts", {"area": truth.city, "kind": "failed_sample"})
    yield Check("standing alerts of GET /alerts", truth.alerts, sum(row["state"] != "cancelled" for row in served))

    rates = _rates(ask, {"cut": "city", "cell": truth.city})
    yield _compare(
        "rates of the city by programme", {(*name, truth.city): of for name, of in truth.programmes.items()}, rates
    )
    if truth.counties:
        wanted = {(*name, county): of for name, rows in truth.counties.items() for county, of in rows.items()}
        found = {key: of for key, of in _rates(ask, {"cut": "county"}).items() if key[2].startswith(truth.city)}
        yield _compare("rates of each county by programme", wanted, found)
    months = sorted({month for rows in truth.months.values() for month in rows})
    wanted = {(*name, month): of for name, rows in truth.months.items() for month, of in rows.items()}
    found = {
        (domain, plan, month): of
        for month in months
        for (domain, plan, _), of in _rates(ask, {"cut": "city", "cell": truth.city, **_days(month)}).items()
    }
    yield _compare(f"rates of {len(months)} months by programme", wanted, found)


def _of(truth: Truth, one: Receipt | Standing) -> bool:
    return one.source.startswith(truth.source)


def _days(month: str) -> dict[str, str]:
    year, number = map(int, month.split("-"))
    return {"from": f"{month}-01", "to": f"{month}-{monthrange(year, number)[1]}"}


def _rates(ask: Ask, parameters: dict[str, Any]) -> dict[tuple[str, str, str], Counter[str]]:
    return {
        (row["domain"], row["plan"], row["cell"]): Counter({name: row[name] for name in _OUTCOMES if row[name]})
        for row in ask("lab_results", "/rates", {**parameters, "limit": 5000})["rates"]
    }


def _compare(
    what: str, wanted: dict[tuple[str, str, str], Counter[str]], found: dict[tuple[str, str, str], Counter[str]]
) -> Check:
    wanted = {key: counts for key, counts in wanted.items() if counts}
    different = [key for key in sorted({*wanted, *found}) if wanted.get(key) != found.get(key)]
    told = tuple(
        f"{' '.join(key)}: expected {dict(wanted.get(key, {}))}, found {dict(found.get(key, {}))}"
        for key in different[:_TOLD]
    )
    return Check(what, _sum(wanted), _sum(found), told)


def _sum(rows: dict[tuple[str, str, str], Counter[str]]) -> dict[str, int]:
    total = sum(rows.values(), Counter[str]())
    return {outcome: total[outcome] for outcome in _OUTCOMES}
