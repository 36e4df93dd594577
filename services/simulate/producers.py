"""Producers (标称生产企业) of each category: a few large ones, each a little better or worse than its peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.simulate.catalogue import CATEGORIES, Category
from services.simulate.places import COUNTIES, COUNTY_NAMES
from services.simulate.randomness import Dice, Weighted, zipf

#: How much more or less often than the average a producer's samples fail; scaled so that the mean is one.
_EFFECTS = (0.5, 0.8, 1.0, 1.2, 1.5)
_NUMBERS = {
    (domain, category.path): number
    for number, (domain, category) in enumerate(
        (domain, category) for domain, categories in CATEGORIES.items() for category in categories
    )
}


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer as events carry it, with the factor on its samples' failure probability."""

    licence: str
    party: dict[str, Any]
    effect: float


def licence_of(domain: str, path: tuple[str, ...], rank: int) -> str:
    """The licence of a category's producer; rank 0 is the largest."""
    return f"SYNSC{_NUMBERS[domain, path]:03}{rank + 1:04}"


def _producer(domain: str, category: Category, rank: int, effect: float) -> Producer:
    licence = licence_of(domain, category.path, rank)
    county = COUNTIES.values[rank % len(COUNTIES.values)]
    name = f"合成{category.path[-1]}企业{rank + 1}号"
    return Producer(licence, {"name": name, "licence": licence, "address": f"{COUNTY_NAMES[county]}合成工业园"}, effect)


def producers(dice: Dice) -> dict[tuple[str, tuple[str, ...]], Weighted[Producer]]:
    """Every category's producers, by domain and path; categories whose labels name none are absent."""
    found = {}
    for domain, categories in CATEGORIES.items():
        for category in categories:
            if category.producers:
                shares = Weighted(range(category.producers), zipf(category.producers)).shares
                effects = [dice.pick(_EFFECTS) for _ in shares]
                mean = sum(share * effect for share, effect in zip(shares, effects, strict=True))
                made = [_producer(domain, category, rank, effect / mean) for rank, effect in enumerate(effects)]
                found[domain, category.path] = Weighted(made, shares)
    return found
