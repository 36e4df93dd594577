"""Ground truth: what every sample finally comes to, counted as the services must count it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from schemas.values import measure_of
from services.simulate.clock import DAY, Clock
from services.simulate.endings import Happening
from services.simulate.life import REPORT_DEADLINE
from services.simulate.sampling import Taken

_PLACES = {"pass": 0, "fail": 1, "inconclusive": 2}


class Standing(NamedTuple):
    """What a sample counts as: its outcome, the day it counts on, and the reports that decide. None: does not count."""

    outcome: str | None
    day: int
    deciding: Sequence[dict[str, Any]] = ()


def standing(told: Sequence[Happening]) -> Standing | None:
    """The final standing of a sample; None where it was never reported.

    The highest revision of each report that is not withdrawn decides, and of those that a retest answers the retest,
    which is never inconclusive here: fail if any fails, else pass if any passes. It counts on the day of the earliest
    report, whatever came of that one.
    """
    first: int | None = None
    voided = False
    reports: dict[str, dict[str, Any]] = {}
    for moment, body in told:
        kind = body["type"]
        if kind == "SampleVoided":
            voided = True
        elif kind[0] == "R":
            if kind != "ResultWithdrawn":
                first = moment if first is None else min(first, moment)
            held = reports.get(body["report_no"])
            if held is None or body["revision"] > held["revision"]:
                reports[body["report_no"]] = body
    if first is None:
        return None
    standing_reports = [body for body in reports.values() if body["type"] != "ResultWithdrawn"]
    if voided or not standing_reports:
        return Standing(None, first // DAY)
    answered = {body["retest_of"] for body in standing_reports if body["type"] == "RetestReported"}
    deciding = [body for body in standing_reports if body["report_no"] not in answered]
    outcomes = {body["conclusion"] for body in deciding}
    outcome = next(found for found in ("fail", "pass", "inconclusive") if found in outcomes)
    return Standing(outcome, first // DAY, deciding)


@dataclass(slots=True)
class ProgrammeTruth:
    """The counts of one domain and plan. counties and days hold [pass, fail, inconclusive]."""

    samples: int = 0
    voided: int = 0
    withdrawn: int = 0
    unreported: int = 0
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    routine: list[int] = field(default_factory=lambda: [0, 0, 0])
    alerts: int = 0
    counties: dict[str, list[int]] = field(default_factory=dict)
    days: dict[int, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Truth:
    """What a simulation amounts to once all of its events are taken in."""

    clock: Clock
    arguments: dict[str, Any]
    problems: tuple[dict[str, Any], ...]
    programmes: dict[tuple[str, str], ProgrammeTruth] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    ahead_of_sample: int = 0
    late_reports: int = 0

    def note(self, taken: Taken, told: Sequence[Happening]) -> None:
        """Counts a sample with all that happens to it, each event once."""
        programme = self.programmes.setdefault((taken.domain, taken.plan), ProgrammeTruth())
        programme.samples += 1
        for happening in told:
            self.events[happening.body["type"]] += 1
        found = standing(told)
        if found is None:
            voided = told[-1].body["type"] == "SampleVoided"
            programme.voided += voided
            programme.unreported += not voided
            return
        received = told[1].moment // DAY
        self.late_reports += self.clock.working_days(received, told[2].moment // DAY) > REPORT_DEADLINE
        if found.outcome is None:
            voided = told[-1].body["type"] == "SampleVoided"
            programme.voided += voided
            programme.withdrawn += not voided
            return
        place = _PLACES[found.outcome]
        programme.counts[place] += 1
        programme.routine[place] += taken.body["targeting"] == "routine"
        programme.counties.setdefault(taken.county, [0, 0, 0])[place] += 1
        programme.days.setdefault(found.day, [0, 0, 0])[place] += 1
        if found.outcome == "fail":
            failing = [item for body in found.deciding for item in body["items"] if item["verdict"] == "fail"]
            programme.alerts += len({item["item_class"] for item in failing})

    def as_dict(self) -> dict[str, Any]:
        """The truth as one JSON object."""
        rows = [
            self._programme(domain, plan, self.programmes[domain, plan]) for domain, plan in sorted(self.programmes)
        ]
        return {
            "synthetic": True,
            **self.arguments,
            "events": dict(sorted(self.events.items())),
            "duplicates": self.duplicates,
            "results_ahead_of_their_sample": self.ahead_of_sample,
            "late_reports": self.late_reports,
            "expected_alerts": {
                "failed_samples": sum(row["fail"] for row in rows),
                "sample_item_classes": sum(row["alerts"] for row in rows),
            },
            "problems": list(self.problems),
            "programmes": rows,
        }

    def _programme(self, domain: str, plan: str, truth: ProgrammeTruth) -> dict[str, Any]:
        start: date = self.clock.start
        return {
            "domain": domain,
            "plan": plan,
            "measure": measure_of(domain, plan),
            "samples": truth.samples,
            "concluded": sum(truth.counts),
            **_named(truth.counts),
            "routine": _named(truth.routine),
            "voided": truth.voided,
            "withdrawn": truth.withdrawn,
            "unreported": truth.unreported,
            "alerts": truth.alerts,
            "counties": {county: _named(truth.counties[county]) for county in sorted(truth.counties)},
            "days": {(start + timedelta(days=day)).isoformat(): _named(truth.days[day]) for day in sorted(truth.days)},
        }


def _named(counts: list[int]) -> dict[str, int]:
    return dict(zip(_PLACES, counts, strict=True))
