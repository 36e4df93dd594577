"""All tests of all laboratories, weighed together: which of them an audit should see first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.alerts.hotspots.detector import raised
from services.alerts.hotspots.expected import Tally, fit
from services.alerts.hotspots.levels import WATCH_EVIDENCE, e_bh, evidence
from services.alerts.integrity.evidence import Trials, log_e_digits, log_e_less_often, log_e_more_often
from services.alerts.integrity.kinds import KINDS, last_digits
from services.alerts.integrity.records import ReportRecord

#: How honest laboratories' last digits vary around each other's, and how others' may, as weights of a Dirichlet.
_STEADINESS, _DOUBT = 400.0, 20.0
_LEAST_DIGITS = 100
#: The odds of failing may honestly be so much lower than expected.
_LENIENT = 1 / 1.25
_GROUPS_NAMED = 5

Priority = Literal["high", "watch", "none"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One test of one laboratory. priority: high where e-BH at 0.1 over all tests names it, watch at e >= 20, which is
    not corrected for the number of tests. details: what the evidence consists of, the most telling first."""

    lab: str
    kind: str
    e_value: float
    priority: Priority
    cases: int
    details: tuple[str, ...]


def check(reports: Sequence[ReportRecord]) -> list[Suspicion]:
    """Every test that could be made of the laboratories' reports, that with the most evidence first."""
    tests = [*_by_trials(reports), *_digits(reports), *_failures(reports)]
    named = set(e_bh([log_e for _, _, log_e, _, _ in tests]))
    found = [
        Suspicion(lab, kind, evidence(log_e), _priority(place in named, evidence(log_e)), cases, details)
        for place, (lab, kind, log_e, cases, details) in enumerate(tests)
    ]
    return sorted(found, key=lambda one: (-one.e_value, one.lab, one.kind))


#: Laboratory, kind, log e, cases, details.
_Test = tuple[str, str, float, int, tuple[str, ...]]


def _priority(named: bool, e_value: float) -> Priority:
    return "high" if named else "watch" if e_value >= WATCH_EVIDENCE else "none"


def _by_trials(reports: Sequence[ReportRecord]) -> list[_Test]:
    return [
        (lab, kind, log_e_more_often(trials), sum(one.n for one in trials), _told(trials))
        for kind, look in KINDS.items()
        for lab, trials in look(reports).items()
        if trials
    ]


def _told(trials: Sequence[Trials]) -> tuple[str, ...]:
    """The groups that add most, in words."""
    telling = sorted(trials, key=lambda one: -log_e_more_often([one]))
    return tuple(
        f"{one.group}: {one.striking} of {one.n}, at most {one.p0:.1%} expected"
        for one in telling[:_GROUPS_NAMED]
        if one.striking
    )


def _digits(reports: Sequence[ReportRecord]) -> list[_Test]:
    counts = last_digits(reports)
    tests: list[_Test] = []
    for lab, own in counts.items():
        others = [sum(column) for column in zip(*(c for name, c in counts.items() if name != lab), strict=True)]
        if sum(own) < _LEAST_DIGITS or sum(others) < 10 * _LEAST_DIGITS:
            continue
        shares = [(count + 1) / (sum(others) + 10) for count in others]
        log_e = log_e_digits(own, shares, _STEADINESS, _DOUBT)
        odd = sorted(range(10), key=lambda digit: -abs(own[digit] - sum(own) * shares[digit]))[:3]
        details = tuple(
            f"last digit {digit}: {own[digit]} of {sum(own)}, {sum(own) * shares[digit]:.0f} by its peers"
            for digit in odd
        )
        tests.append((lab, "last_digits", log_e, sum(own), details))
    return tests


def _failures(reports: Sequence[ReportRecord]) -> list[_Test]:
    """Fewer failures than the case mix has among all laboratories, by the strata of the hotspot model."""
    concluded = [report for report in reports if report.failed is not None and report.path]
    strata: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for report in concluded:
        strata[report.path].append(bool(report.failed))
    model = fit({path: Tally(len(seen), sum(seen)) for path, seen in strata.items()}, "integrity")
    by_lab: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for report in concluded:
        p = raised(model.nodes[report.path].probability, _LENIENT)
        by_lab[report.lab].append((p, bool(report.failed)))
    return [
        (
            lab,
            "few_failures",
            log_e_less_often(cases),
            len(cases),
            (f"{sum(failed for _, failed in cases)} of {len(cases)} failed, {sum(p for p, _ in cases):.1f} expected",),
        )
        for lab, cases in by_lab.items()
    ]
