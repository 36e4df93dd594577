"""The simulator: the same for the same seed, true to the contracts, calibrated, and truthful about itself."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from schemas.regions import roll_up
from schemas.results import BELOW_LIMIT, RESULT_EVENT, Item, Report
from schemas.sampling import SAMPLING_EVENT, SampleTaken
from schemas.timing import SYNTHETIC
from services.cli.simulate_commands import simulate as command
from services.simulate.catalogue import CATEGORIES_AT, DAIRY, FOOD_FAILURE_RATE, STAGES
from services.simulate.misconduct import WHATS, Misconduct, What
from services.simulate.problems import Hotspot, LateLaboratory, NeverFailingLaboratory
from services.simulate.producers import producers
from services.simulate.randomness import Dice
from services.simulate.sampling import VISIT_EFFECTS
from services.simulate.simulate import SimulatedEvent, simulate

START = date(2025, 1, 1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
Body = dict[str, Any]


@pytest.fixture(scope="module")
def year() -> list[SimulatedEvent]:
    return list(simulate(12_000, 7, START))


@pytest.fixture(scope="module")
def truth() -> Body:
    return simulate(12_000, 7, START).truth.as_dict()


def bodies(events: Iterable[SimulatedEvent]) -> dict[str, list[Body]]:
    """The bodies by sample, each event once, in order of arrival."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, list[Body]] = defaultdict(list)
    for event in events:
        if (event.source, event.event_id) not in seen:
            seen.add((event.source, event.event_id))
            found[event.sample_id].append(json.loads(event.value))
    return found


def recount(told: list[Body]) -> tuple[str | None, date, set[str]] | None:
    """(outcome, day, failing item classes) of a sample, from its events alone; None where nothing was reported."""
    issued = [datetime.fromisoformat(body["issued_at"]) for body in told if "issued_at" in body]
    if not issued:
        return None
    day = min(issued).astimezone(SHANGHAI).date()
    withdrawn = {body["report_no"] for body in told if body["type"] == "ResultWithdrawn"}
    reports = [body for body in told if "issued_at" in body and body["report_no"] not in withdrawn]
    if any(body["type"] == "SampleVoided" for body in told):
        return None, day, set()
    answered = {body["retest_of"] for body in reports if body["type"] == "RetestReported"}
    numbers = {body["report_no"] for body in reports} - answered
    deciding = [
        max((body for body in reports if body["report_no"] == number), key=lambda body: body["revision"])
        for number in numbers
    ]
    if not deciding:
        return None, day, set()
    conclusions = {body["conclusion"] for body in deciding}
    outcome = "fail" if "fail" in conclusions else "pass" if "pass" in conclusions else "inconclusive"
    classes = {item["item_class"] for body in deciding for item in body["items"] if item["verdict"] == "fail"}
    return outcome, day, classes


def rate(outcomes: Iterable[str | None]) -> tuple[float, int]:
    """The failure rate, and of how many samples."""
    counts = Counter(outcomes)
    decided = counts["pass"] + counts["fail"]
    return counts["fail"] / decided, decided


def taken(told: list[Body]) -> Body:
    return next(body for body in told if body["type"] == "SampleTaken")


def test_same_arguments_give_the_same_bytes() -> None:
    first, second = simulate(800, 3, START), simulate(800, 3, START)
    events = list(first)
    assert events == list(second) == list(first)
    assert first.truth.as_dict() == second.truth.as_dict()


def test_other_arguments_give_other_samples() -> None:
    runs = [simulate(50, 3, START), simulate(50, 4, START), simulate(51, 3, START), simulate(50, 3, date(2025, 1, 2))]
    numbers = [{event.sample_id for event in run} for run in runs]
    assert len(set.union(*numbers)) == 50 + 50 + 51 + 50


@pytest.mark.parametrize("samples", [1, 2, 17])
def test_small_years(samples: int) -> None:
    simulation = simulate(samples, 0, START)
    assert len({event.sample_id for event in simulation}) == samples
    assert sum(row["samples"] for row in simulation.truth.as_dict()["programmes"]) == samples


@pytest.mark.parametrize(("samples", "seed"), [(0, 1), (1_000_001, 1), (5, -1)])
def test_impossible_arguments_are_refused(samples: int, seed: int) -> None:
    with pytest.raises(ValueError, match="must"):
        simulate(samples, seed, START)


def test_every_event_keeps_the_contracts(year: list[SimulatedEvent]) -> None:
    for event in year:
        contract: Any = RESULT_EVENT if event.is_result else SAMPLING_EVENT
        read = contract.validate_json(event.value)
        assert (read.type, read.source, read.event_id) == (event.type, event.source, event.event_id)
        assert event.source.startswith(SYNTHETIC)
        assert read.sample_id == event.sample_id
        body = json.loads(event.value)
        assert set(body) <= set(type(read).model_fields), "a field that the contract does not have"
        if isinstance(read, SampleTaken):
            assert len(set(read.sampled_by)) == 2
            assert roll_up(read.region).city == "6210"
            assert len(read.region) == 9
        if isinstance(read, Report):
            assert read.items
            assert all(agrees(item) for item in read.items), read
            assert read.received_at and read.started_at and read.finished_at
            assert read.received_at <= read.started_at <= read.finished_at <= read.issued_at


@pytest.mark.parametrize("what", WHATS)
def test_misconduct_keeps_the_contracts_too(what: What) -> None:
    for event in simulate(3000, 5, date(2025, 1, 1), [Misconduct("lab-qy3", what, date(2025, 1, 1))]):
        if event.is_result:
            RESULT_EVENT.validate_json(event.value)


def agrees(item: Item) -> bool:
    """Whether the item's value bears out its verdict."""
    if item.verdict not in ("pass", "fail"):
        return True
    passes = item.verdict == "pass"
    if isinstance(item.value, Decimal):
        if item.limit_kind == "absent":
            return not passes
        above = item.limit is not None and item.value > item.limit
        below = item.value < (item.limit_low or 0)
        if item.limit_kind == "min":
            above, below = False, item.limit is not None and item.value < item.limit
        return passes != (above or below)
    good = {*BELOW_LIMIT, "<10", "符合", "符合规定", "未击穿", "阴性"}
    return (item.value in good) == passes


def test_a_laboratory_does_all_that_the_truth_says_of_it() -> None:
    both = [Misconduct("lab-qy1", what, START) for what in ("impossible_times", "quick_turnaround")]
    simulation = simulate(400, 3, START, both)
    bodies = [json.loads(event.value) for event in simulation if event.type == "ResultReported"]
    assert any(body["finished_at"] < body["received_at"] for body in bodies)
    assert any(one["finished_at"] == one["issued_at"] and one["received_at"] == one["started_at"] for one in bodies)
    assert [problem["what"] for problem in simulation.truth.as_dict()["problems"]] == [one.what for one in both]


def test_truth_equals_a_recount(year: list[SimulatedEvent], truth: Body) -> None:
    counted: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for told in bodies(year).values():
        sample = taken(told)
        programme = (sample["domain"], sample["plan"])
        counted[programme]["samples"] += 1
        found = recount(told)
        if found is None:
            voided = any(body["type"] == "SampleVoided" for body in told)
            counted[programme]["voided" if voided else "unreported"] += 1
            continue
        outcome, day, classes = found
        if outcome is None:
            voided = any(body["type"] == "SampleVoided" for body in told)
            counted[programme]["voided" if voided else "withdrawn"] += 1
            continue
        keys = [programme, (*programme, sample["region"][:6]), (*programme, day.isoformat())]
        if sample["targeting"] == "routine":
            keys.append((*programme, "routine"))
        for key in keys:
            counted[key][outcome] += 1
        counted[programme]["concluded"] += 1
        counted[programme]["alerts"] += len(classes) if outcome == "fail" else 0
    told_truth: dict[tuple[str, ...], Counter[str]] = {}
    outcomes = ("pass", "fail", "inconclusive")
    for row in truth["programmes"]:
        programme = (row["domain"], row["plan"])
        numbers = ("samples", "concluded", *outcomes, "voided", "withdrawn", "unreported", "alerts")
        told_truth[programme] = Counter({name: row[name] for name in numbers})
        for name, counts in {**row["counties"], **row["days"], "routine": row["routine"]}.items():
            told_truth[(*programme, name)] = Counter(counts)
    assert {key: +counts for key, counts in told_truth.items() if +counts} == dict(counted)
    assert truth["expected_alerts"]["failed_samples"] == sum(
        counts["fail"] for key, counts in counted.items() if len(key) == 2
    )
    assert truth["expected_alerts"]["sample_item_classes"] == sum(
        counts["alerts"] for key, counts in counted.items() if len(key) == 2
    )


def test_truth_of_events_equals_a_recount(year: list[SimulatedEvent], truth: Body) -> None:
    seen: set[str] = set()
    arrived: set[str] = set()
    kinds: Counter[str] = Counter()
    duplicates = ahead = 0
    for event in year:
        if event.event_id in seen:
            duplicates += 1
            continue
        seen.add(event.event_id)
        kinds[event.type] += 1
        if event.type == "SampleTaken":
            arrived.add(event.sample_id)
        ahead += event.is_result and event.sample_id not in arrived
    assert kinds == truth["events"]
    assert set(kinds) == {
        *("SampleTaken", "SampleReceived", "SampleVoided"),
        *("ResultReported", "ResultAmended", "ResultWithdrawn", "RetestReported"),
    }
    assert (duplicates, ahead) == (truth["duplicates"], truth["results_ahead_of_their_sample"])
    assert duplicates > 0
    assert ahead > 0


def test_some_verdicts_change_on_the_way(year: list[SimulatedEvent]) -> None:
    changes: Counter[tuple[str, str]] = Counter()
    for told in bodies(year).values():
        first = next((body for body in told if body["type"] == "ResultReported"), None)
        found = recount(told)
        if first is not None and found is not None and found[0] != first["conclusion"]:
            changes[first["conclusion"], str(found[0])] += 1
    assert changes["fail", "pass"] > 0
    assert changes["pass", "fail"] > 0
    assert changes["pass", "None"] > 0


def test_failure_probabilities_average_to_the_national_rates() -> None:
    stages = STAGES["food"]
    mean = dairy = dairy_share = 0.0
    for stage, stage_share in zip(stages.values, stages.shares, strict=True):
        categories = CATEGORIES_AT["food"][stage]
        for category, share in zip(categories.values, categories.shares, strict=True):
            mean += stage_share * share * category.stage_rates[stage]
            if category.path[0] == DAIRY:
                dairy += stage_share * share * category.stage_rates[stage]
                dairy_share += stage_share * share
    assert mean == pytest.approx(190_872 / 6_997_389, rel=1e-12)
    assert dairy / dairy_share == pytest.approx(0.0009, rel=1e-12)
    for makers in producers(Dice(1)).values():
        effects = [producer.effect for producer in makers.values]
        assert sum(s * e for s, e in zip(makers.shares, effects, strict=True)) == pytest.approx(1)
    assert sum(VISIT_EFFECTS) / len(VISIT_EFFECTS) == pytest.approx(1)


def test_final_failures_come_at_the_national_rate() -> None:
    programmes = simulate(100_000, 11, START, problems=()).truth.as_dict()["programmes"]
    row = next(row for row in programmes if (row["domain"], row["plan"]) == ("food", "supervision"))
    routine = row["routine"]
    count = routine["pass"] + routine["fail"]
    observed = routine["fail"] / count
    # samples of one visit are not independent: the variance is a few per cent above the binomial one
    error = sqrt(1.1 * FOOD_FAILURE_RATE * (1 - FOOD_FAILURE_RATE) / count)
    assert count > 30_000
    assert abs(observed - FOOD_FAILURE_RATE) < 3.5 * error
    failed, passed = row["fail"] - routine["fail"], row["pass"] - routine["pass"]
    assert failed / (failed + passed) > 1.7 * observed, "targeted sampling fails more often"


def test_injected_problems_show() -> None:
    with_problems = simulate(40_000, 5, START)
    spot, cake = (each for each in with_problems.problems if isinstance(each, Hotspot))
    late = next(each for each in with_problems.problems if isinstance(each, LateLaboratory))
    lenient = next(each for each in with_problems.problems if isinstance(each, NeverFailingLaboratory))
    cells: dict[str, list[str | None]] = defaultdict(list)
    turnaround: dict[str, list[bool]] = defaultdict(list)
    for told in bodies(with_problems).values():
        sample, found = taken(told), recount(told)
        report = next((body for body in told if body["type"] == "ResultReported"), None)
        if found is None or report is None:
            continue
        cells[report["lab_id"]].append(found[0])
        day = datetime.fromisoformat(sample["sampled_at"]).date()
        if sample["domain"] == "food":
            if day >= late.since:
                waited = datetime.fromisoformat(report["issued_at"]) - datetime.fromisoformat(report["received_at"])
                turnaround[report["lab_id"]].append(waited.days > 29)
            if spot.category is not None and sample["category"][0] == spot.category[0]:
                where = "spot" if sample["region"].startswith(str(spot.county)) else "elsewhere"
                cells[where + (" after" if day >= spot.since else " before")].append(found[0])
            if cake.category is not None and tuple(sample["category"]) == cake.category:
                producer = "cake" if sample["producer"]["licence"] == cake.producer else "other cake"
                cells[producer + (" after" if day >= cake.since else " before")].append(found[0])
    assert rate(cells["spot after"])[0] > 2.5 * rate(cells["elsewhere after"])[0]
    assert rate(cells["spot before"])[0] < 2.0 * rate(cells["elsewhere before"])[0]
    assert rate(cells["cake after"])[0] > 2.0 * rate(cells["other cake after"])[0]
    assert rate(cells[lenient.lab_id])[0] == 0
    assert rate(cells["lab-qy1"])[0] > 0
    shares = {lab: sum(lates) / len(lates) for lab, lates in turnaround.items()}
    assert shares[late.lab_id] > 5 * shares["lab-qy1"]


def test_some_reports_are_dated_a_day_early_in_utc(year: list[SimulatedEvent]) -> None:
    issued = [str(body["issued_at"]) for event in year if "issued_at" in (body := json.loads(event.value))]
    days = [(text[:10], datetime.fromisoformat(text).astimezone(SHANGHAI)) for text in issued if text.endswith("Z")]
    assert any(written < moment.date().isoformat() and moment.hour <= 6 for written, moment in days)
    assert all(moment.hour <= 6 or 9 <= moment.hour <= 17 for _, moment in days)


def test_all_of_the_city_is_there(year: list[SimulatedEvent], truth: Body) -> None:
    samples = [json.loads(event.value) for event in year if event.type == "SampleTaken"]
    assert {sample["domain"] for sample in samples} == {
        *("food", "food_rapid", "drug", "medical_device", "cosmetic", "product"),
    }
    assert {sample["plan"] for sample in samples} == {"supervision", "risk_monitoring", "evaluation", "special"}
    assert {sample["stage"] for sample in samples} == {"production", "circulation", "catering", "use", "online"}
    assert len({sample["region"][:6] for sample in samples}) == 8
    assert len({body["lab_id"] for event in year if "lab_id" in (body := json.loads(event.value))}) == 6
    assert {problem["kind"] for problem in truth["problems"]} == {
        *("hotspot", "late_laboratory", "never_failing_laboratory"),
    }


def test_command_writes_files_that_publish_takes(tmp_path: Path) -> None:
    arguments = ["--samples", "60", "--seed", "2", "--start", "2024-03-01", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    expected = list(simulate(60, 2, date(2024, 3, 1)))
    for name, is_result in (("samples", False), ("results", True)):
        lines = (tmp_path / f"{name}.jsonl").read_bytes().splitlines()
        assert lines == [event.value for event in expected if event.is_result == is_result]
    assert printed["published"] is None
    assert printed["truth"] == json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.jsonl", "samples.jsonl", "truth.json"]


def test_command_prints_a_summary(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--samples", "40", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "40 synthetic samples" in result.output
    assert "hotspot" in result.output
