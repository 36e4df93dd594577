"""What is sampled: domains, plans, stages and categories with their shares and failure probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from services.simulate.category_tables import TABLES
from services.simulate.items import PANELS, PanelItem
from services.simulate.randomness import Weighted

#: Failures among routine samples of food supervision, nationwide in 2023: 190,872 of 6,997,389.
FOOD_FAILURE_RATE = 190_872 / 6_997_389
#: 乳制品, from the same notice.
DAIRY_FAILURE_RATE = 0.0009
DAIRY = "乳制品"

DOMAIN_SHARES = {
    "food": 0.50,
    "food_rapid": 0.32,
    "drug": 0.06,
    "medical_device": 0.02,
    "cosmetic": 0.04,
    "product": 0.06,
}
_PLAN_SHARES = {
    "food": {"supervision": 0.78, "risk_monitoring": 0.10, "evaluation": 0.07, "special": 0.05},
    "food_rapid": {"supervision": 0.85, "special": 0.15},
    "drug": {"supervision": 0.70, "risk_monitoring": 0.10, "evaluation": 0.20},
    "medical_device": {"supervision": 0.80, "risk_monitoring": 0.20},
    "cosmetic": {"supervision": 0.75, "risk_monitoring": 0.25},
    "product": {"supervision": 0.80, "risk_monitoring": 0.10, "special": 0.10},
}
#: A plan's odds of failure against those of supervision, and how much of it is targeted.
PLAN_ODDS = {"supervision": 1.0, "risk_monitoring": 1.6, "evaluation": 0.7, "special": 1.4}
TARGETED_SHARE = {"supervision": 0.15, "risk_monitoring": 0.40, "evaluation": 0.0, "special": 0.60}
TARGETED_ODDS = 2.5
#: How a category's failures differ by stage, before they are scaled to the category's own rate.
_STAGE_FACTORS = {"production": 0.7, "circulation": 1.0, "catering": 1.3, "use": 1.0, "online": 1.5}
_STAGE_LETTERS = {"P": "production", "C": "circulation", "K": "catering", "U": "use", "O": "online"}


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its share of the domain and the failure probability of a routine sample at each stage."""

    path: tuple[str, ...]
    share: float
    rate: float
    stages: dict[str, float]
    stage_rates: dict[str, float]
    panel: tuple[PanelItem, ...]
    producers: int
    products: tuple[str, ...]


def _stages(text: str) -> dict[str, float]:
    weights = {_STAGE_LETTERS[part[0]]: float(part[1:]) for part in text.split()}
    total = sum(weights.values())
    return {stage: weight / total for stage, weight in weights.items()}


def _category(row: str, scale: float) -> Category:
    path, share, percent, stage_text, panel, producers, products = (cell.strip() for cell in row.split("|"))
    names = tuple(path.split("/"))
    rate = DAIRY_FAILURE_RATE if names[0] == DAIRY else float(percent) / 100 * scale
    stages = _stages(stage_text)
    mean = sum(weight * _STAGE_FACTORS[stage] for stage, weight in stages.items())
    stage_rates = {stage: rate * _STAGE_FACTORS[stage] / mean for stage in stages}
    panel_items = PANELS[panel]
    return Category(
        names, float(share), rate, stages, stage_rates, panel_items, int(producers), tuple(products.split())
    )


def _read(domain: str) -> tuple[Category, ...]:
    rows = TABLES[domain].strip().splitlines()
    scale = 1.0
    if domain == "food":
        plain = [_category(row, 1.0) for row in rows]
        wanted = FOOD_FAILURE_RATE * sum(category.share for category in plain)
        dairy = sum(category.share * category.rate for category in plain if category.path[0] == DAIRY)
        others = sum(category.share * category.rate for category in plain if category.path[0] != DAIRY)
        scale = (wanted - dairy) / others
    return tuple(_category(row, scale) for row in rows)


CATEGORIES = {domain: _read(domain) for domain in TABLES}
PROGRAMMES = Weighted(
    [(domain, plan) for domain, plans in _PLAN_SHARES.items() for plan in plans],
    [DOMAIN_SHARES[domain] * share for domain, plans in _PLAN_SHARES.items() for share in plans.values()],
)


def _by_stage(domain: str) -> tuple[Weighted[str], dict[str, Weighted[Category]]]:
    """The stages of a domain and the categories found at each, so that both shares come out as the table says."""
    found: dict[str, list[tuple[Category, float]]] = {}
    for category in CATEGORIES[domain]:
        for stage, weight in category.stages.items():
            found.setdefault(stage, []).append((category, category.share * weight))
    weights = {stage: sum(weight for _, weight in rows) for stage, rows in found.items()}
    stages = Weighted(list(weights), list(weights.values()))
    return stages, {
        stage: Weighted([row[0] for row in rows], [row[1] for row in rows]) for stage, rows in found.items()
    }


STAGES: dict[str, Weighted[str]] = {}
CATEGORIES_AT: dict[str, dict[str, Weighted[Category]]] = {}
for _domain in TABLES:
    STAGES[_domain], CATEGORIES_AT[_domain] = _by_stage(_domain)


def with_odds(probability: float, ratio: float) -> float:
    """The probability whose odds are `ratio` times those of `probability`."""
    return ratio * probability / (1 - probability + ratio * probability)
