"""How often the tests find a laboratory that misbehaves, and name one that does not: on simulated years."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

from services.alerts.integrity.check import Suspicion, check
from services.alerts.integrity.records import records_of
from services.simulate.misconduct import WHATS, Misconduct
from services.simulate.problems import NeverFailingLaboratory, Problem
from services.simulate.simulate import simulate

_START = date(2025, 1, 1)
FEW_FAILURES = "few_failures"
#: None: nobody misbehaves.
SCENARIOS: tuple[str | None, ...] = (None, *WHATS, FEW_FAILURES)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the years of one scenario: the share in which the misbehaving laboratory was named for what it did, with its
    standard error, and how many tests a year named somebody, or something, else."""

    scenario: str
    found: float | None
    found_error: float | None
    false_a_year: float
    false_error: float


def evaluate(seed: int, years: int, samples: int, laboratory: str) -> Iterator[Outcome]:
    """Each scenario, over simulated years of `samples` samples in which `laboratory` misbehaves all the time."""
    for scenario in SCENARIOS:
        named = [_named(scenario, seed + year, samples, laboratory) for year in range(years)]
        wanted = (laboratory, scenario)
        hits = [wanted in one for one in named]
        # a laboratory that changes its values is odd in more than one way: of itself nothing is false
        false = [len([lab for lab, _ in one if scenario is None or lab != laboratory]) for one in named]
        share, mean = sum(hits) / years, sum(false) / years
        spread = sqrt(sum((count - mean) ** 2 for count in false) / max(1, years - 1) / years)
        found = None if scenario is None else share
        error = None if scenario is None else sqrt(share * (1 - share) / years)
        yield Outcome(scenario or "none", found, error, mean, spread)


def _named(scenario: str | None, seed: int, samples: int, laboratory: str) -> set[tuple[str, str]]:
    problems: tuple[Problem, ...] = ()
    if scenario == FEW_FAILURES:
        problems = (NeverFailingLaboratory(laboratory, _START),)
    elif scenario is not None:
        problems = (Misconduct(laboratory, scenario, _START),)  # type: ignore[arg-type]
    return {(one.lab, one.kind) for one in checked(problems, seed, samples) if one.priority == "high"}


def checked(problems: tuple[Problem, ...], seed: int, samples: int) -> list[Suspicion]:
    """All tests of one simulated year."""
    results: dict[tuple[str, str], Any] = {}
    taken: dict[str, Any] = {}
    for event in simulate(samples, seed, _START, problems):
        if event.is_result:
            results.setdefault((event.source, event.event_id), json.loads(event.value))
        elif event.type == "SampleTaken":
            taken[event.sample_id] = json.loads(event.value)
    return check(list(records_of(results.values(), taken)))
