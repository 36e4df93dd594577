"""The posteriors of a plan's cells, from their counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.alerts.hotspots.expected import Model, Tally, fit, fit_strength
from services.planning.allocation import Place, Prospect


def prospects(counts: Mapping[Place, Tally]) -> list[Prospect]:
    """A prospect for each cell that was sampled, and for each other combination of a county with a stage and category
    that were sampled together somewhere: what was never looked at is where least is known. A cell whose samples all
    were inconclusive has no units, and is one of these. None where no cell has units.

    A cell's prior is centred on its stratum (stage, category), shrunk in its turn; its strength is the one that makes
    the counts of all cells likeliest, but no more than the units of its stratum and one: where cells differ no more
    than chance has them the likeliest is without bound, and a stratum can tell no more of a cell than it knows itself.
    A stratum without units takes what is above it.
    """
    strata: dict[tuple[str, ...], Tally] = {}
    for place, tally in counts.items():
        held = strata.get(_path(place), Tally(0, 0))
        strata[_path(place)] = Tally(held.units + tally.units, held.failed + tally.failed)
    model = fit(strata, "plan")
    seen = [place for place, tally in counts.items() if tally.units]
    if not seen:
        return []
    means = {path: _probability(model, path) for path in strata}
    strength = fit_strength(
        np.array([counts[place].failed for place in seen]),
        np.array([counts[place].units for place in seen]),
        np.array([means[_path(place)] for place in seen]),
    )
    kinds = sorted({(place.stage, place.category) for place in counts})
    found = []
    for county in sorted({place.county for place in counts}):
        for stage, category in kinds:
            place = Place(county, stage, category)
            units, failed = counts.get(place, Tally(0, 0))
            mean, weight = means[_path(place)], min(strength, strata[_path(place)].units + 1)
            a, b = failed + weight * mean, units - failed + weight * (1 - mean)
            found.append(Prospect(place, a, b, units, failed))
    return found


def _probability(model: Model, path: tuple[str, ...]) -> float:
    """That of the deepest node of the path that has history."""
    return next(node.probability for depth in range(len(path), 0, -1) if (node := model.nodes.get(path[:depth])))


def _path(place: Place) -> tuple[str, ...]:
    return ("plan", "", "", place.stage, place.category)
