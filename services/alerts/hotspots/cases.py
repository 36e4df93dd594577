"""What a verdict says to the hotspot cells: which they are, and the case that each of them sees. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from schemas.hotspots import HotspotCase
from schemas.structs import struct_of
from schemas.verdicts import Verdict
from services.alerts.hotspots.detector import raised
from services.alerts.hotspots.expected import MARGIN, Expectation, Model
from services.lab_results.cuts import Cell, Cells, escaped, place_of
from services.runtime.calendar import day_text

CaseFacts = struct_of(HotspotCase)
#: What the cells need of a verdict.
VerdictFacts = struct_of(
    Verdict,
    only=(
        *("sample_id", "revision", "outcome", "domain", "plan", "targeting", "category", "region", "stage"),
        *("sampled_at", "sampled_party", "producer", "lab_id"),
    ),
)
#: The version that a case cites while there is no model.
NO_MODEL = "none"


def path_of(verdict: Any) -> tuple[str, ...]:
    """The stratum of a verdict's sample."""
    levels = map(escaped, verdict.category)
    return (verdict.domain, verdict.plan, verdict.targeting, verdict.stage, *levels)


def visit_of(verdict: Any) -> str:
    """What the samples of one visit share: the party they were taken from, and the day. Where no party is named, a
    sample is a visit of its own."""
    party = verdict.sampled_party
    who = (party.licence or party.name) if party else f"sample {verdict.sample_id}"
    said = "|".join((verdict.region, who, day_text(verdict.sampled_at)))
    return blake2b(said.encode(), digest_size=8).hexdigest()


def expect(model: Model | None, path: tuple[str, ...], without_history: float) -> Expectation:
    """p0 of a sample: by the model, or where nothing of its kind was sampled before by what is assumed then."""
    try:
        if model is not None:
            return model.expect(path)
    except KeyError:
        pass
    return Expectation(raised(without_history, MARGIN), ())


def cells_of(verdict: Any, cells: Cells) -> list[Cell]:
    """The cells that the verdict counts in."""
    place = place_of(verdict)
    named = [*cells.of_place(place), *cells.of_who(verdict, place)]
    return [Cell.parse(f"{group}|{value}") for group, value in named]


def case_of(verdict: Any, model: Model | None, without_history: float) -> HotspotCase:
    """The case, in its mirror."""
    expected = expect(model, path_of(verdict), without_history)
    case: HotspotCase = CaseFacts(
        sample_id=verdict.sample_id,
        revision=verdict.revision,
        visit=visit_of(verdict),
        day=day_text(verdict.sampled_at),
        region=verdict.region,
        outcome=verdict.outcome if verdict.outcome in ("pass", "fail") else None,
        p0=expected.p0,
        basis=expected.basis,
        model=model.version if model is not None else NO_MODEL,
    )
    return case
