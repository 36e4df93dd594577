"""The importers over the real files, where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.outgoing import outgoing
from services.importers import Imported, chicago, describe, uk_pesticides

DATA = Path(__file__).parents[3] / "shared" / "data"
CHICAGO = DATA / "chicago_food_inspections_2011_2013.csv.gz"
PESTICIDES = DATA / "uk_pesticide_samples_2016_2020.csv.gz"


@pytest.mark.skipif(not CHICAGO.exists(), reason=f"{CHICAGO.name} is not in ../shared/data")
def test_every_inspection() -> None:
    found = list(chicago.load(CHICAGO))
    counts = {"samples": 17823, "results": 17823, "items": 17823, "pass": 14249, "fail": 3574, "inconclusive": 0}
    assert describe(found) == counts
    assert _distinct_ids(found) == len(found) == counts["samples"]


@pytest.mark.skipif(not PESTICIDES.exists(), reason=f"{PESTICIDES.name} is not in ../shared/data")
def test_every_pesticide_sample() -> None:
    found = list(uk_pesticides.load(PESTICIDES))
    counts = {"samples": 15947, "results": 15947, "items": 19207, "pass": 15129, "fail": 818, "inconclusive": 0}
    assert describe(found) == counts
    assert _distinct_ids(found) == len(found) == counts["samples"]


def _distinct_ids(found: list) -> int:
    events = [event for one in found if isinstance(one, Imported) for event in (one.sample, one.result) if event]
    return len({(message.source, message.event_id) for message in map(outgoing, events)}) // 2
