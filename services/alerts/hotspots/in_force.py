"""What the night found, as far as findings need it: how many cells there are, and where failures cluster. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from services.lab_results.cuts import CROSS, Cell


class InForce(NamedTuple):
    """active_cells: K; 0 while there is no model. clusters: those of the model, in their mirror."""

    active_cells: int = 0
    clusters: tuple[Any, ...] = ()

    def cluster_of(self, cell: Cell) -> Any:
        """The cluster that the cell's county lies in, the likeliest first; None where there is none."""
        place = cell.value.split(CROSS)[0]
        places = {place, place[:6]} if place.isdigit() else {place}
        for cluster in self.clusters:
            if (cluster.domain, cluster.plan) == (cell.domain, cell.plan) and places & set(cluster.places):
                return cluster
        return None
