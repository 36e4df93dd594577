"""The rates watch: a rate that drops under its floor, grows worse and recovers, and the alert that follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import AlertEvent
from schemas.findings import Finding
from schemas.qualification import Rate
from schemas.topics import ALERT_EVENTS, FINDINGS, RATES
from services.alerts.escalation import first_level
from services.alerts.floors import DEFAULT_FILE, BadFloors, Floors, load_floors
from services.alerts.rates_stage import RatesWatchStage, watched_key
from services.alerts.stage import AlertsStage
from services.lab_results.rates import wilson
from tests.memory import FakeRecord, MemoryShard

PARTITION = 4
FLOORS = Floors.model_validate(
    {
        "floors": [
            {"id": "county", "domain": "food", "plan": "supervision", "cut": "county", "window": "30d", "floor": 0.9},
            {"id": "city", "domain": "food", "plan": "supervision", "cut": "city", "window": "90d", "floor": 0.9},
        ],
        "severity": [{"under": 0, "severity": "Minor"}, {"under": 0.1, "severity": "Severe"}],
    }
)


def rate(offset: int, passed: int, failed: int, cut: str = "county", value: str = "621002", **more: Any) -> FakeRecord:
    low, high = wilson(passed, failed)
    window = {"from": "2026-03-02", "to": "2026-03-31", "pass": passed, "fail": failed, "inconclusive": 0}
    window |= {"rate": passed / (passed + failed), "low": low, "high": high}
    body = {
        "cell": f"food|supervision|{cut}|{value}",
        "domain": "food",
        "plan": "supervision",
        "cut": cut,
        "value": value,
        "measure": "qualification",
        "as_of": "2026-03-31",
        "windows": {"30d": window, "90d": window},
    }
    body = Rate.model_validate(body | more).model_dump_json(by_alias=True).encode()
    return FakeRecord(RATES.name, offset, b"cell", body, partition=PARTITION)


def watch(*records: FakeRecord) -> MemoryShard:
    one = MemoryShard(RatesWatchStage(FLOORS), PARTITION)
    for record in records:
        one.feed([record])
    return one


def findings(one: MemoryShard) -> list[Finding]:
    return [Finding.model_validate_json(message.value or b"") for message in one.of(FINDINGS.name)]


def test_a_rate_is_found_when_its_upper_bound_falls_under_the_floor() -> None:
    assert findings(watch(rate(0, 17, 3))) == [], "17 of 20 may well be over 90 %"
    (found,) = findings(watch(rate(0, 170, 30), rate(1, 168, 32), rate(2, 167, 33)))
    assert (found.status, found.severity, found.epoch, found.area) == ("open", "Minor", "2026-03-31", "621002")
    assert "170/200" in found.description.en


def test_it_grows_graver_and_recovers_when_the_rate_itself_is_back() -> None:
    one = watch(
        rate(0, 160, 40),
        rate(1, 161, 39),
        rate(2, 140, 60),
        rate(3, 178, 22),  # the upper bound is over the floor, the rate is not
        rate(4, 181, 19),
        rate(5, 182, 18),
        rate(6, 150, 50, as_of="2026-04-20"),
    )
    told = [(found.status, found.severity, found.epoch, found.revision) for found in findings(one)]
    assert told == [
        ("open", "Minor", "2026-03-31", 1),
        ("open", "Severe", "2026-03-31", 3),
        ("over", "Severe", "2026-03-31", 5),
        ("open", "Minor", "2026-04-20", 7),
    ]


def test_a_batch_that_recovers_and_drops_again_stays_under() -> None:
    one = watch(rate(0, 160, 40))
    one.feed([rate(1, 190, 10), rate(2, 160, 40)])
    assert [found.status for found in findings(one)] == ["open", "over", "open"]
    assert set(one.redis.hashes[watched_key(PARTITION)]) == {"county|food|supervision|county|621002"}


def test_a_window_without_samples_says_nothing() -> None:
    assert len(findings(watch(rate(0, 160, 40), rate(1, 1, 1, windows={})))) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_a_rate_that_drops_again_on_the_day_of_its_recovery_raises_another_alert(at_once: bool) -> None:
    one = watch(rate(0, 160, 40))
    later = [rate(1, 190, 10), rate(2, 160, 40), rate(3, 190, 10), rate(4, 140, 60), rate(5, 160, 40)]
    for batch in [later] if at_once else [[record] for record in later]:
        one.feed(batch)
    one.feed([rate(6, 190, 10, as_of="2026-04-01"), rate(7, 160, 40, as_of="2026-04-02")])
    alerts = MemoryShard(AlertsStage(), PARTITION)
    for number, message in enumerate(one.of(FINDINGS.name)):
        alerts.feed([FakeRecord(FINDINGS.name, number, message.key, message.value, partition=PARTITION)])
    told = [AlertEvent.model_validate_json(message.value or b"") for message in alerts.of(ALERT_EVENTS.name)]
    assert [(alert.epoch, alert.transition) for alert in told] == [
        ("2026-03-31", "raised"),
        ("2026-03-31", "closed"),
        ("2026-03-31#2", "raised"),
        ("2026-03-31#2", "closed"),
        ("2026-03-31#3", "raised"),
        ("2026-03-31#3", "updated"),
        ("2026-03-31#3", "closed"),
        ("2026-04-02", "raised"),
    ]


def test_a_floor_that_is_taken_out_of_the_file_ends_its_alerts() -> None:
    under = watch(rate(0, 160, 40), rate(1, 160, 40, value="621021"))
    others = FLOORS.model_copy(update={"floors": tuple(one for one in FLOORS.floors if one.cut != "county")})
    one = MemoryShard(RatesWatchStage(others), PARTITION, under.redis)
    one.feed([rate(2, 161, 40), rate(3, 161, 40)])
    (ended,) = findings(one)
    assert (ended.rule, ended.status, ended.epoch, ended.revision) == ("county", "over", "2026-03-31", 3)
    assert set(one.redis.hashes[watched_key(PARTITION)]) == {"county|food|supervision|county|621021"}
    again = MemoryShard(RatesWatchStage(FLOORS), PARTITION, under.redis)
    again.feed([rate(4, 160, 40)])
    assert [found.epoch for found in findings(again)] == ["2026-03-31#2"]


def test_the_alert_of_a_city_is_with_the_city() -> None:
    found = watch(rate(0, 160, 40, "city", "6210"))
    alerts = MemoryShard(AlertsStage(), PARTITION)
    for number, message in enumerate(found.of(FINDINGS.name)):
        alerts.feed([FakeRecord(FINDINGS.name, number, message.key, message.value, partition=PARTITION)])
    (alert,) = [AlertEvent.model_validate_json(message.value or b"") for message in alerts.of(ALERT_EVENTS.name)]
    assert (alert.kind, alert.rule, alert.area, alert.level) == ("rate_drop", "city", "621000", "city")
    assert first_level("621000") == "city" and first_level("621002") == "county"


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=20))
def test_what_is_found_opens_and_ends_by_turns_and_a_replay_finds_the_same(counts: list[tuple[int, int]]) -> None:
    records = [rate(number, passed, failed) for number, (passed, failed) in enumerate(counts)]
    live, replayed = watch(*records), MemoryShard(RatesWatchStage(FLOORS), PARTITION)
    if records:
        replayed.feed(records)
    assert replayed.messages == live.messages
    assert replayed.redis.hashes[watched_key(PARTITION)] == live.redis.hashes[watched_key(PARTITION)]
    under = False
    for found in findings(live):
        assert found.status == "open" or under
        under = found.status == "open"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda body: body["floors"][0].update(floor=1.5), "floors.0.floor"),
        (lambda body: body["floors"][0].update(cut="producer"), "floors.0.cut"),
        (lambda body: body["floors"][0].update(recovers_at=0.1), "recovers_at lies under the floor"),
        (lambda body: body["floors"][1].update(id=body["floors"][0]["id"]), "two floors have one id"),
        (lambda body: body["severity"].reverse(), "severity begins under"),
        (lambda body: body.pop("severity"), "severity"),
    ],
)
def test_floors_that_are_wrong_are_refused_by_name(tmp_path: Path, change: Any, told: str) -> None:
    body = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    change(body)
    path = tmp_path / "floors.yaml"
    path.write_text(yaml.safe_dump(body), "utf-8")
    with pytest.raises(BadFloors, match=told):
        load_floors(path)
