"""What the denominator of a rate counts, in words. Pure."""

from __future__ import annotations

from schemas.values import Measure
from services.lab_results.api.parameters import Targeting

_OF: dict[Measure, str] = {
    "qualification": "samples that passed or failed (不合格)",
    "problem": "samples of risk monitoring that passed or were problem samples (问题样品)",
    "suspicion": "rapid tests that passed or were suspicious (可疑)",
}
_TARGETING: dict[Targeting, str] = {
    "together": "of routine and targeted sampling together",
    "routine": "of routine sampling only",
    "targeted": "of targeted sampling only",
}


def denominator_of(measure: Measure, targeting: Targeting) -> str:
    """What pass + fail counts; inconclusive samples are never in it."""
    return f"{_OF[measure]}, {_TARGETING[targeting]}; inconclusive ones are in neither"
