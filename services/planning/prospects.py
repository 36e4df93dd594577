"""The posteriors of a plan's cells, from their counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.alerts.hotspots.expected import Tally, fit, fit_strength
from services.planning.allocation import Place, Prospect


def prospects(counts: Mapping[Place, Tally]) -> list[Prospect]:
    """A prospect for each cell that was sampled, and for each other combination of a county with a stage and category
    that were sampled together somewhere: what was never looked at is where least is known.

    A cell's prior is centred on its stratum (stage, category), shrunk in its turn; its strength is the one that makes
    the counts of all cells likeliest.
    """
    strata: dict[tuple[str, ...], Tally] = {}
    for place, tally in counts.items():
        held = strata.get(_path(place), Tally(0, 0))
        strata[_path(place)] = Tally(held.units + tally.units, held.failed + tally.failed)
    model = fit(strata, "plan")
    seen = [place for place, tally in counts.items() if tally.units]
    means = {path: model.nodes[path].probability for path in strata if path in model.nodes}
    strength = fit_strength(
        np.array([counts[place].failed for place in seen]),
        np.array([counts[place].units for place in seen]),
        np.array([means[_path(place)] for place in seen]),
    )
    kinds = sorted({(place.stage, place.category) for place in seen})
    found = []
    for county in sorted({place.county for place in seen}):
        for stage, category in kinds:
            place = Place(county, stage, category)
            units, failed = counts.get(place, Tally(0, 0))
            mean = means[_path(place)]
            a, b = failed + strength * mean, units - failed + strength * (1 - mean)
            found.append(Prospect(place, a, b, units, failed))
    return found


def _path(place: Place) -> tuple[str, ...]:
    return ("plan", "", "", place.stage, place.category)
