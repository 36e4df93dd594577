"""hotspots.models.v1 and hotspots.cases.v1: what failures are expected, and the concluded samples that are compared."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.qualification import CellKey
from schemas.regions import Region
from schemas.values import Contract, Domain, Identifier, Plan, Text

Probability = Annotated[float, Field(gt=0, lt=1)]


class HotspotNode(Contract):
    """The failure probability of one stratum: domain, plan, targeting, then stage and category as far as known."""

    path: tuple[Text, ...]
    units: int = Field(ge=0)
    failed: int = Field(ge=0)
    probability: Probability = Field(description="after shrinkage towards the stratum above, without the margin")


class HotspotCluster(Contract):
    """Counties next to each other in which more failed than elsewhere, by the night's spatial scan."""

    domain: Domain
    plan: Plan
    places: tuple[Region, ...]
    observed: int = Field(ge=0)
    expected: float
    p_value: float = Field(gt=0, le=1)


class HotspotModel(Contract):
    """Expected failure probabilities, as fitted on one night. Hotspot alerts cite the version."""

    version: Identifier
    first: date = Field(description="of the days that it rests on")
    last: date = Field(description="of the days that it rests on: the guard lies between it and the version")
    active_cells: int = Field(ge=0, description="K: how many cells are looked at")
    margin: float = Field(description="the odds of p0 are those of the probability times this")
    strengths: tuple[float, ...] = Field(description="prior strength by depth below domain, plan and targeting")
    nodes: tuple[HotspotNode, ...]
    clusters: tuple[HotspotCluster, ...] = Field((), description="where coordinates of counties are configured")


class HotspotCase(Contract):
    """A concluded sample as one cell sees it. Of one sample the highest revision holds.

    outcome: absent where nothing stands any more (withdrawn, voided) or the verdict is inconclusive.
    """

    sample_id: Identifier
    revision: int = Field(ge=1, description="of the verdict")
    visit: Identifier = Field(description="samples with the same visit are one unit")
    day: date = Field(description="of the visit, in Asia/Shanghai; its quarter is the one that the case counts in")
    region: Region
    outcome: Literal["pass", "fail"] | None = None
    p0: Probability
    basis: tuple[Text, ...] = Field(description="the stratum that p0 comes from; empty where there was no history")
    model: Identifier


class HotspotCases(Contract):
    """The cases that one batch of verdicts brings to a cell."""

    cell: CellKey
    cases: tuple[HotspotCase, ...]
