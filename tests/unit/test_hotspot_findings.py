"""What the owner of a cell says of it: from quarter to quarter, of wide areas, after a case that cannot be taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest

from schemas.alerts import AlertEvent
from schemas.regions import check_region, in_region
from schemas.topics import ALERT_EVENTS, FINDINGS
from services.alerts.hotspots import store
from services.alerts.hotspots.cases import CaseFacts
from services.alerts.hotspots.cell import Case, Visit, begin
from services.alerts.hotspots.config import Config
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.owner import Night, Owner, Touched
from services.alerts.hotspots.stages import CasesFacts
from services.alerts.hotspots.standing import Standing, common_area
from services.alerts.notify.labels import labels_of
from services.alerts.stage import AlertsStage
from services.runtime.stage import Changes
from tests.memory import FakeRecord, MemoryShard

CONFIG = Config(cuts=("county",), strata="stage_category", without_history=0.0286)
COUNTY = "food|supervision|county|621002"


def case(sample: str, day: date, *, failed: bool = False, revision: int = 1, **more: Any) -> Any:
    """A sample that is a visit of its own unless `visit` says otherwise."""
    fields = {"visit": sample, "region": "621002101", "p0": 0.036, "basis": ("food",), "model": "m"} | more
    outcome = "fail" if failed else "pass"
    return CaseFacts(sample_id=sample, revision=revision, day=day.isoformat(), outcome=outcome, **fields)


class World:
    """One cell with its owner; all of its visits are at hand."""

    def __init__(self, cell: str = COUNTY) -> None:
        self.cell = cell
        self.standings: dict[str, Standing] = {}
        self.visits: dict[str, dict[str, Any]] = {}
        self.findings: list[Any] = []

    def touched(self) -> Touched:
        held = {name: dict(visits) for name, visits in self.visits.items()}
        quarters = (f"2026Q{number}" for number in (1, 2, 3, 4))
        whole = {store.name_of(quarter, self.cell) for quarter in quarters}
        return Touched(dict(self.standings), held, whole, InForce(30))

    def take(self, *cases: Any) -> None:
        """One batch."""
        owner = Owner(self.touched(), CONFIG)
        owner.take(CasesFacts(cell=self.cell, cases=cases))
        self.findings += owner.conclude()
        self.standings, self.visits = owner._standings, owner._visits

    def series(self, name: str, start: date, days: int, samples: int, every: int, **more: Any) -> None:
        """Samples spread over the days, of which each so many-th fails."""
        for place in range(samples):
            day = start + timedelta(days=place * days // samples)
            self.take(case(f"{name}{place}", day, failed=place % every == 0, **more))

    def night(self, today: date) -> None:
        changes = Changes()
        night = Night(dict(self.standings), set(self.standings), dict(self.visits), InForce(30))
        self.findings += night.pass_over(changes, 0, today)
        put = changes.put[store.standings_key(0)]
        self.standings |= {name: store.unpack_standing(packed) for name, packed in put.items()}


def alerts_of(findings: Sequence[Any]) -> list[AlertEvent]:
    """What the alerts service makes of them."""
    alerts = MemoryShard(AlertsStage(), 5)
    for place, finding in enumerate(findings):
        value = msgspec.json.encode(finding)
        alerts.feed([FakeRecord(FINDINGS.name, place, b"x", value, partition=5, timestamp=1_775_000_000_000 + place)])
    return [AlertEvent.model_validate_json(message.value) for message in alerts.of(ALERT_EVENTS.name)]


def test_a_new_quarter_is_heard_though_its_cases_are_few_yet() -> None:
    world = World()
    world.series("a", date(2026, 4, 1), 89, 300, every=6)
    world.night(date(2026, 8, 31))
    world.series("b", date(2026, 9, 1), 28, 60, every=4)
    told = {(alert.epoch, alert.transition) for alert in alerts_of(world.findings)}
    assert {("2026Q2", "raised"), ("2026Q2", "closed"), ("2026Q3", "raised")} <= told
    last = alerts_of(world.findings)[-1]
    assert (last.epoch, last.severity) == ("2026Q3", "Severe")


def test_a_hotspot_names_the_samples_that_failed() -> None:
    world = World()
    world.series("a", date(2026, 4, 1), 89, 300, every=6)
    named = {one.value for one in alerts_of(world.findings)[-1].evidence if one.name == "sample"}
    assert named == {f"a{place}" for place in range(0, 300, 6)}


def test_a_hotspot_names_another_sample_of_a_visit_that_had_failed_and_one_that_passed_after_all_no_more() -> None:
    world = World()
    world.series("a", date(2026, 4, 1), 89, 300, every=6)
    world.take(case("b", date(2026, 6, 29), failed=True, visit="a294"))
    world.take(case("a294", date(2026, 6, 29), revision=2))
    named = [{one.value for one in alert.evidence if one.name == "sample"} for alert in alerts_of(world.findings)[-3:]]
    assert named[1] - named[0] == {"b"}
    assert named[1] - named[2] == {"a294"}


def test_while_the_new_quarter_speaks_the_end_of_the_old_one_ends_nothing() -> None:
    world = World()
    world.series("a", date(2026, 4, 1), 89, 300, every=6)
    world.series("b", date(2026, 7, 1), 40, 120, every=5)
    world.night(date(2026, 8, 31))
    assert [finding.epoch for finding in world.findings if finding.status == "over"] == ["2026Q2"]
    assert alerts_of(world.findings)[-1].state == "raised"


def test_revisions_grow_with_cases_level_and_quarter_and_are_whole_in_json() -> None:
    low = Standing(begin(1), 1, 4)
    high, later = low._replace(cases=5, level="confirmed"), low._replace(cases=5, ended=True)
    grows = [low.revision("2026Q3"), high.revision("2026Q3"), later.revision("2026Q3"), low.revision("2026Q4")]
    assert grows == sorted(set(grows)) and low.revision("2026Q4") < low.revision("2027Q1") < 2**53


def test_a_visit_of_hundreds_of_samples_counts_and_so_does_what_comes_after() -> None:
    world, day = World(), date(2026, 4, 2)
    world.take(*(case(f"s{n}", day, p0=0.1, visit="one market") for n in range(400)), case("other", day, failed=True))
    world.take(case("later", day))
    world.take(case("s7", day, failed=True, revision=2, visit="one market"))
    cell = world.standings[f"2026Q2|{COUNTY}"].cell
    assert (cell.visits, cell.failed) == (3, 2)


@pytest.mark.parametrize("wrong", [{"p0": 1.5}, {"p0": 0.0}, {"day": "soon"}])
def test_of_a_message_that_cannot_be_taken_nothing_is(wrong: dict[str, Any]) -> None:
    world, day = World(), date(2026, 4, 2)
    world.take(case("a", day), case("b", day))
    owner = Owner(world.touched(), CONFIG)
    bad = msgspec.structs.replace(case("bad", day, visit="c"), outcome=None, **wrong)
    again = case("a", day, failed=True, revision=2)
    with pytest.raises(ValueError):
        owner.take(CasesFacts(cell=COUNTY, cases=(case("c", day), again, bad)))
    owner.take(CasesFacts(cell=COUNTY, cases=(again,)))
    owner.conclude()
    name = f"2026Q2|{COUNTY}"
    assert owner._standings[name].cell.visits == len(owner._visits[name]) == 2
    assert owner._standings[name].cell.failed == 1


def test_a_visit_that_a_former_release_kept_uncounted_is_counted_with_the_next_correction() -> None:
    world, day, name = World(), date(2026, 4, 2), f"2026Q2|{COUNTY}"
    world.take(case("a", day), case("b", day))
    world.visits[name]["c"] = Visit(2, 20_545, (Case("c", 1, 0.1, False),))
    world.take(case("a", day, failed=True, revision=2))
    assert world.standings[name].cell.visits == 3


@pytest.mark.parametrize(
    ("regions", "area"),
    [
        (("621002101", "621002101007"), "621002101"),
        (("621002101", "621002102"), "621002"),
        (("621002101", "621021", "621002"), "621000"),
        (("621002101", "620102", "621002"), "620000"),
        (("621002101", "110101", "621002", "621002"), "interprovincial"),
        (("US-IL/Chicago/North", "US-IL/Peoria/North"), "US-IL"),
        (("US-IL/Chicago/North", "US-NY/Albany", "US-IL/Chicago"), "interprovincial"),
        (("US-IL/Chicago", "621002"), "interprovincial"),
    ],
)
def test_a_hotspots_area_holds_all_of_its_samples(regions: tuple[str, ...], area: str) -> None:
    assert reduce(common_area, regions, "") == area == check_region(area)


def test_a_hotspot_that_outgrows_a_township_is_with_the_level_that_has_all_of_it() -> None:
    world = World("food|supervision|category_3|x")
    regions = ["621002101"] * 40 + ["621002102"] + ["620102"] * 2
    for place, region in enumerate(regions):
        world.take(case(f"a{place}", date(2026, 4, 1), failed=place % 3 == 0 or place > 39, region=region))
    told = [(alert.area, alert.level) for alert in alerts_of(world.findings)]
    assert list(dict.fromkeys(told)) == [("621002101", "township"), ("621002", "county"), ("620000", "city")]


def test_what_is_found_all_over_the_country_goes_to_no_single_place() -> None:
    world = World("food|supervision|category_3|x")
    for place in range(60):
        region = ("621002101", "110101", "440103")[place % 3]
        world.take(case(f"a{place}", date(2026, 4, 1), failed=place % 3 == 0, region=region))
    alert = alerts_of(world.findings)[-1]
    assert (alert.area, alert.level, alert.severity) == ("interprovincial", "city", "Severe")
    labels = labels_of(alert)
    assert not any(in_region(labels["region"], prefix) for prefix in ("62", "11", "44", "621002"))
