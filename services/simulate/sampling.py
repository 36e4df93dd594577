"""Visits and the samples taken on them: what, where, from whom, and how probable a failure is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.simulate.catalogue import (
    CATEGORIES_AT,
    PLAN_ODDS,
    PROGRAMMES,
    STAGES,
    TARGETED_ODDS,
    TARGETED_SHARE,
    Category,
    with_odds,
)
from services.simulate.clock import DAY, Clock
from services.simulate.places import COUNTIES, COUNTY_NAMES, LABORATORIES, Place, place, samplers
from services.simulate.problems import Hotspot, Problem
from services.simulate.producers import Producer, producers
from services.simulate.randomness import Dice, Weighted

_VISIT_SIZES = Weighted((1, 2, 3, 4), (0.45, 0.3, 0.15, 0.1))
#: Samples of one visit are not independent: a factor on the probability of failure, with mean one.
VISIT_EFFECTS = (0.4, 0.7, 1.1, 1.8)
_HIGHEST = 0.9
_TASKS = {
    "supervision": "市级监督抽检",
    "risk_monitoring": "风险监测",
    "evaluation": "评价性抽检",
    "special": "专项抽检",
}
_SPECIFICATIONS = ("500克/袋", "1千克/袋", "250毫升/瓶", "散装", "计量销售")
_UNITS = {"drug": "盒", "medical_device": "件", "cosmetic": "盒", "product": "件"}
_BRANDS = ("合成牌", "陇东(合成)", "庆州(合成)")
_FIRST_MINUTE, _LAST_MINUTE = 8 * 60 + 30, 17 * 60
_COLD_CHAIN = frozenset(("畜禽肉及副产品", "水产品"))


@dataclass(slots=True)
class Taken:
    """A sample as it was taken: its event's body, and what decides how it goes on."""

    body: dict[str, Any]
    sample_id: str
    moment: int
    domain: str
    plan: str
    county: str
    category: Category
    lab_id: str
    probability: float


@dataclass(slots=True)
class _Visit:
    domain: str
    plan: str
    stage: str
    county: str
    place: Place
    targeting: str
    samplers: list[str]
    source: str
    effect: float
    inspection: str | None


class Inspectors:
    """Takes samples. `tag` sets the numbers of this simulation apart from those of others."""

    def __init__(self, dice: Dice, clock: Clock, problems: Sequence[Problem], tag: str) -> None:
        self._dice = dice
        self._clock = clock
        self._tag = tag
        self._serial = 0
        self._producers = producers(dice)
        self._hotspots = [(clock.number(each.since), each) for each in problems if isinstance(each, Hotspot)]

    def take(self, day: int, count: int) -> Iterator[Taken]:
        """`count` samples of one day, visit by visit."""
        while count > 0:
            size = min(count, _VISIT_SIZES.pick(self._dice.uniform()))
            count -= size
            minute = day * DAY + self._dice.between(_FIRST_MINUTE, _LAST_MINUTE)
            visit = self._visit()
            for number in range(size):
                yield self._sample(visit, day, minute + 8 * number)

    def _visit(self) -> _Visit:
        uniform = self._dice.uniform
        domain, plan = PROGRAMMES.pick(uniform())
        stage = STAGES[domain].pick(uniform())
        county = COUNTIES.pick(uniform())
        return _Visit(
            domain=domain,
            plan=plan,
            stage=stage,
            county=county,
            place=place(county, stage, uniform()),
            targeting="targeted" if uniform() < TARGETED_SHARE[plan] else "routine",
            samplers=samplers(county, uniform()),
            source=f"synthetic:inspectors-{county}",
            effect=self._dice.pick(VISIT_EFFECTS),
            inspection=f"INS{self._tag}{self._serial + 1:07}" if uniform() < 0.3 else None,
        )

    def _probability(self, visit: _Visit, category: Category, producer: Producer | None, day: int) -> float:
        probability = category.stage_rates[visit.stage] * visit.effect
        if producer is not None:
            probability *= producer.effect
        odds = PLAN_ODDS[visit.plan]
        if visit.targeting == "targeted":
            odds *= TARGETED_ODDS
        for since, spot in self._hotspots:
            if (
                day >= since
                and spot.domain == visit.domain
                and spot.county in (None, visit.county)
                and (spot.category is None or spot.category == category.path[: len(spot.category)])
                and (spot.producer is None or (producer is not None and spot.producer == producer.licence))
            ):
                odds *= spot.odds_ratio
        return with_odds(min(_HIGHEST, probability), odds)

    def _sample(self, visit: _Visit, day: int, minute: int) -> Taken:
        uniform, pick = self._dice.uniform, self._dice.pick
        self._serial += 1
        sample_id = f"SYN{self._tag}{self._serial:07}"
        category = CATEGORIES_AT[visit.domain][visit.stage].pick(uniform())
        makers = self._producers.get((visit.domain, category.path))
        producer = makers.pick(uniform()) if makers is not None else None
        body: dict[str, Any] = {
            "type": "SampleTaken",
            "source": visit.source,
            "event_id": f"{sample_id}-T",
            "sample_id": sample_id,
            "domain": visit.domain,
            "plan": visit.plan,
            "targeting": visit.targeting,
            "task": COUNTY_NAMES[visit.county] + _TASKS[visit.plan],
            "category": category.path,
            "product_name": pick(category.products),
            "sampled_party": visit.place.party,
            "region": visit.place.region,
            "stage": visit.stage,
            "quantity": self._dice.between(2, 20),
            "quantity_unit": _UNITS.get(visit.domain, "kg"),
            "sampled_at": self._clock.local(minute),
            "sampled_by": visit.samplers,
        }
        if producer is not None:
            made = self._clock.day(day - self._dice.between(1, 180))
            body |= {
                "brand": pick(_BRANDS),
                "specification": pick(_SPECIFICATIONS),
                "batch": made.replace("-", ""),
                "production_date": made,
                "producer": producer.party,
            }
        if visit.domain != "food_rapid":
            body["backup_quantity"] = 1
        if visit.inspection is not None:
            body["linked_inspection"] = visit.inspection
        if category.path[1] in _COLD_CHAIN and uniform() < 0.05:
            body["imported_cold_chain"] = True
        lab_id = LABORATORIES[visit.domain].pick(uniform())
        probability = self._probability(visit, category, producer, day)
        return Taken(body, sample_id, minute, visit.domain, visit.plan, visit.county, category, lab_id, probability)
