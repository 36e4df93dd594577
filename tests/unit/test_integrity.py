"""Laboratories' data: each way to misbehave is found, honest laboratories are not named, e-values are at most 1."""

from __future__ import annotations

from datetime import date
from math import comb, exp, log
from random import Random

import pytest

from services.alerts.escalation import load_policy
from services.alerts.findings import find
from services.alerts.integrity.check import Suspicion, check
from services.alerts.integrity.evaluate import checked
from services.alerts.integrity.evidence import Trials, log_e_digits, log_e_less_often, log_e_more_often
from services.alerts.integrity.finding import WORDS, finding_of, with_untested
from services.alerts.integrity.kinds import KINDS, last_digits
from services.alerts.integrity.records import Measurement, ReportRecord, records_of
from services.simulate.misconduct import WHATS, Misconduct
from services.simulate.problems import NeverFailingLaboratory

START = date(2025, 1, 1)


def named(problems: tuple[object, ...], seed: int = 3) -> set[tuple[str, str]]:
    return {(one.lab, one.kind) for one in checked(problems, seed, 5000) if one.priority == "high"}  # type: ignore[arg-type]


@pytest.mark.parametrize("what", WHATS)
def test_each_misconduct_is_found(what: str) -> None:
    found = named((Misconduct("lab-qy3", what, START),))  # type: ignore[arg-type]
    assert ("lab-qy3", what) in found
    assert {lab for lab, _ in found} == {"lab-qy3"}


def test_a_laboratory_that_never_fails_is_found() -> None:
    assert named((NeverFailingLaboratory("lab-qy3", START),)) == {("lab-qy3", "few_failures")}


@pytest.mark.parametrize("seed", range(10, 12))
def test_honest_laboratories_are_not_named(seed: int) -> None:
    assert named((), seed) == set()


@pytest.mark.parametrize("p0", [0.002, 0.05, 0.4])
def test_more_often_is_an_e_value(p0: float) -> None:
    """Its mean over all outcomes of honest trials is 1 at p0, and below 1 under it."""
    for p, bound in ((p0, 1.0), (p0 / 2, 1.0)):
        mean = sum(
            comb(30, k) * p**k * (1 - p) ** (30 - k) * exp(log_e_more_often([Trials("g", k, 30, p0)]))
            for k in range(31)
        )
        assert mean <= bound + 1e-9
        assert p != p0 or mean == pytest.approx(1)


def test_less_often_is_an_e_value() -> None:
    p0 = 0.1
    mean = sum(
        comb(40, k) * p0**k * (1 - p0) ** (40 - k) * exp(log_e_less_often([(p0, i < k) for i in range(40)]))
        for k in range(41)
    )
    assert mean == pytest.approx(1)


def test_digits_is_an_e_value_by_simulation() -> None:
    random, shares = Random(5), [0.1] * 10
    values = []
    for _ in range(4000):
        gammas = [random.gammavariate(400 * share, 1) for share in shares]
        counts = [0] * 10
        for digit in random.choices(range(10), weights=gammas, k=200):
            counts[digit] += 1
        values.append(exp(log_e_digits(counts, shares, 400.0, 20.0)))
    assert sum(values) / len(values) < 1.2
    assert log_e_digits([0, 0, 0, 100, 0, 0, 0, 100, 0, 0], shares, 400.0, 20.0) > log(1e6)


def report(lab: str, number: int, **changes: object) -> ReportRecord:
    fields: dict[str, object] = {
        "lab": lab,
        "report_no": f"{lab}-{number}",
        "sample_id": f"S{number}",
        "sampled": 0.0,
        "received": 24.0,
        "started": 30.0,
        "finished": 200.0,
        "issued": 240.0 + number % 50,
        "failed": False,
        "simulated": False,
        "path": ("food", "supervision", "routine", "catering", "meat"),
        "region": "621002",
        "measurements": (Measurement("lead", "GB 1", 0.05, f"0.{10 + number % 80}1", 0.5, "max", "mg/kg"),),
    }
    return ReportRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_nothing_is_said_without_peers() -> None:
    alone = [report("A", n) for n in range(500)] + [report("B", n) for n in range(500)]
    for kind, look in KINDS.items():
        assert kind == "impossible_times" or not any(look(alone).values())


def test_values_in_different_units_are_not_compared() -> None:
    def reports(lab: str, scale: float, unit: str) -> list[ReportRecord]:
        numbers = (0.1 + 0.37 * n % 1 for n in range(200))
        lines = (Measurement("lead", "GB 1", scale * x, str(scale * x), None, None, unit) for x in numbers)
        return [report(lab, n, measurements=(line,)) for n, line in enumerate(lines)]

    others = [one for lab in "BCDE" for one in reports(lab, 1.0, "mg/kg")]
    little = KINDS["little_variation"]
    assert "A" not in little([*others, *reports("A", 0.001, "g/kg")])
    (trials,) = little([*others, *reports("A", 0.001, "mg/kg")])["A"]
    assert trials.striking == trials.n, "in one unit that is little variation"


def test_what_is_missing_is_not_held_against_a_laboratory() -> None:
    reports = [report(lab, n, received=None, started=None, sampled=None) for lab in "ABCDE" for n in range(100)]
    assert not any(trials.striking for found in KINDS["impossible_times"](reports).values() for trials in found)
    assert KINDS["quick_turnaround"](reports) == {}


def test_last_digits_are_those_of_numbers_as_written() -> None:
    texts = ("0.123", "12.50", "7", "0.007", "<LOD", "1.20e3")
    lines = tuple(Measurement("i", "", 1.0, text, None, None, "") for text in texts)
    assert last_digits([report("A", 1, measurements=lines)])["A"] == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]


BODY = {
    "type": "ResultReported",
    "report_no": "R1",
    "sample_id": "S1",
    "lab_id": "A",
    "issued_at": "2025-03-02T00:00:00+08:00",
    "conclusion": "pass",
}


def test_records_of_bodies_as_laboratories_send_them() -> None:
    body = {
        **BODY,
        "items": [
            {"item": "lead", "value": "0.120", "unit": "mg/kg", "limit": "0.5", "limit_kind": "max"},
            {"item": "x", "value": "<LOD"},
        ],
    }
    (record,) = records_of([body, {**body, "type": "ResultAmended"}], {})
    assert record.issued == 1740844800 / 3600 and record.received is None and record.path == ()
    assert record.measurements[0].text == "0.120" and record.measurements[0].limit == 0.5
    assert [one.unit for one in record.measurements] == ["mg/kg", ""]
    assert record.measurements[1].value is None
    assert check([record])


def test_a_report_that_comes_again_is_no_second_measurement() -> None:
    resent = [{**BODY, "event_id": "b"}, {**BODY, "event_id": "c", "revision": 2, "conclusion": "fail"}]
    (record,) = records_of([{**BODY, "event_id": "a"}, *resent], {})
    assert record.failed is False, "the first one is the first report"
    others = [{**BODY, "sample_id": "S2"}, {**BODY, "report_no": "R2"}]
    assert len(list(records_of([BODY, *others], {}))) == 3


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_a_finding_says_what_it_is_and_what_it_is_not(kind: str) -> None:
    suspicion = Suspicion("lab-1", kind, 1234.5, "high", 321, ("lead: 20 of 60, at most 3.0% expected",))
    finding = finding_of(suspicion, "621000", START, date(2025, 3, 31), 0)
    assert finding.status == "open" and finding.subject == f"lab-1|{kind}" and finding.epoch == "2025Q1"
    assert "20 of 60" in finding.description.zh and "not a conclusion" in finding.description.en
    assert finding_of(Suspicion("lab-1", kind, 2.0, "none", 9, ()), "62", START, START, 0).status == "over"


@pytest.mark.parametrize(("source", "status"), [("synthetic:A", "Exercise"), ("/lims/A", "Actual"), (None, "Actual")])
def test_simulated_reports_raise_an_exercise(source: str | None, status: str) -> None:
    body = {
        "type": "ResultReported",
        "source": source,
        "report_no": "R1",
        "sample_id": "S1",
        "lab_id": "A",
        "issued_at": "2025-03-02T00:00:00+08:00",
        "conclusion": "pass",
    }
    (record,) = records_of([body], {})
    suspicion = Suspicion("A", "last_digits", 1234.5, "high", 321, ())
    finding = finding_of(suspicion, "621000", START, date(2025, 3, 31), 0, record.simulated)
    alert = find(None, finding, 0, 1_743_400_000_000, load_policy())
    assert alert is not None and alert.status == status


def test_of_two_checks_of_one_day_the_later_one_holds_and_another_days_before_it() -> None:
    suspicion, now = Suspicion("A", "last_digits", 1234.5, "high", 321, ()), 1_743_400_000
    days = (date(2025, 3, 31), now), (date(2025, 3, 31), now + 60), (date(2025, 4, 1), now)
    revisions = [finding_of(suspicion, "62", START, day, at).revision for day, at in days]
    assert revisions == sorted(set(revisions))
    assert date(2025, 3, 31).toordinal() < revisions[0] <= revisions[-1] < 2**53


def test_an_alert_ends_when_its_test_can_no_longer_be_made() -> None:
    policy, day = load_policy(), date(2025, 3, 31)
    named = finding_of(Suspicion("A", "last_digits", 1234.5, "high", 321, ()), "62", START, day, 0)
    alert = find(None, named, 0, 1_743_400_000_000, policy)
    few = Suspicion("A", "few_failures", 1.0, "none", 9, ())
    left = with_untested([few], ["A"])
    assert {one.kind for one in left} == set(WORDS) and few in left
    (gone,) = (one for one in left if one.kind == "last_digits")
    ended = find(alert, finding_of(gone, "62", START, day, 60), 0, 1_743_400_060_000, policy)
    assert ended is not None and ended.state == "closed" and "can't be made" in str(ended.reason)


def test_every_test_has_its_words() -> None:
    assert set(WORDS) == {*KINDS, "last_digits", "few_failures"}
