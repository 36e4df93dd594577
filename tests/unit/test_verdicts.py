"""Verdicts follow from what is known, not from the order in which it came; corrections move what they had moved."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.results import Item, ResultAmended, ResultReported, ResultWithdrawn, RetestReported
from schemas.sampling import Sample
from schemas.structs import mirror
from services.lab_results import domain
from services.lab_results.counts import Tally
from services.lab_results.domain import EMPTY, Dossier, SampleFacts
from services.lab_results.facts import content_mark, facts_of
from services.lab_results.stage import same_verdict
from services.lab_results.store import pack_dossier, unpack_dossier
from services.runtime.marks import mark_of

START = datetime(2026, 3, 1, 4, tzinfo=UTC)
SAMPLE = Sample(
    sample_id="S1",
    domain="food",
    plan="supervision",
    category=("粮食加工品", "大米"),
    product_name="大米",
    region="621002101",
    stage="circulation",
    sampled_at=START,
    revision=1,
    status="taken",
    source="inspectors",
)


def report(number: str = "R1", revision: int = 1, conclusion: str = "pass", day: int = 0, retest_of: str | None = None):
    items = {
        "pass": (Item(item="镉", value="0.1", verdict="pass"),),
        "fail": (Item(item="镉", value="0.9", limit="0.2", limit_kind="max", verdict="fail"),),
        "inconclusive": (Item(item="镉", verdict="untested"),),
    }[conclusion]
    fields: dict[str, Any] = {
        "source": "lab",
        "event_id": f"{number}-{revision}-{conclusion}",
        "report_no": number,
        "revision": revision,
        "sample_id": "S1",
        "lab_id": "L1",
        "issued_at": START + timedelta(days=day),
        "items": items,
        "conclusion": conclusion,
    }
    if retest_of:
        return RetestReported(**fields, retest_of=retest_of)
    return ResultAmended(**fields) if revision > 1 else ResultReported(**fields)


def withdrawal(number: str, revision: int) -> ResultWithdrawn:
    return ResultWithdrawn(
        source="lab",
        event_id=f"{number}-{revision}-withdrawn",
        report_no=number,
        revision=revision,
        sample_id="S1",
        lab_id="L1",
        withdrawn_at=START + timedelta(days=30),
        reason="mixed up",
    )


def take(dossier: Dossier, event: Any) -> tuple[Dossier, domain.Answer]:
    return domain.take(
        dossier, facts_of(event), event.source, mark_of(event.source, event.event_id), content_mark(event)
    )


def register(dossier: Dossier, sample: Sample) -> Dossier:
    return domain.register(dossier, mirror(sample, SampleFacts))


def dossier_of(*events: Any) -> Dossier:
    dossier = EMPTY
    for event in events:
        dossier = register(dossier, event) if isinstance(event, Sample) else take(dossier, event)[0]
    return dossier


def test_a_result_waits_for_its_sample() -> None:
    dossier, answer = take(EMPTY, report())
    assert answer.outcome == "parked"
    assert domain.verdict_of(dossier) is None
    verdict = domain.verdict_of(register(dossier, SAMPLE))
    assert verdict is not None
    assert (verdict.outcome, verdict.status, verdict.items) == ("pass", "concluded", 1)


def test_an_amendment_counts_on_the_day_of_the_first_report() -> None:
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(conclusion="fail"), report(revision=2, day=9)))
    assert verdict is not None
    assert (verdict.outcome, verdict.first_outcome, verdict.status) == ("pass", "fail", "revised")
    assert verdict.counted_on == "2026-03-01"


def test_a_retest_overturns() -> None:
    first, retest = report(conclusion="fail"), report("T1", day=20, retest_of="R1")
    verdict = domain.verdict_of(dossier_of(SAMPLE, first, retest))
    assert verdict is not None
    assert (verdict.outcome, verdict.retest, verdict.report_no) == ("pass", True, "T1")


def test_the_latest_retest_that_stands_decides() -> None:
    dossier = dossier_of(
        SAMPLE,
        report(conclusion="fail"),
        report("T1", day=20, retest_of="R1"),
        report("T2", conclusion="fail", day=25, retest_of="R1"),
    )
    verdict = domain.verdict_of(dossier)
    assert verdict is not None and verdict.outcome == "fail"
    verdict = domain.verdict_of(take(dossier, withdrawal("T2", 2))[0])
    assert verdict is not None and (verdict.outcome, verdict.report_no) == ("pass", "T1")


def test_a_withdrawn_report_counts_nowhere() -> None:
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(), withdrawal("R1", 2)))
    assert verdict is not None
    assert (verdict.outcome, verdict.status, verdict.counted_on) == (None, "withdrawn", None)


def test_a_voided_sample_counts_nowhere() -> None:
    voided = SAMPLE.model_copy(update={"status": "voided", "revision": 2})
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(), voided))
    assert verdict is not None
    assert (verdict.outcome, verdict.status) == (None, "voided")


def test_one_failing_report_of_several_fails() -> None:
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(), report("R2", conclusion="fail", day=1)))
    assert verdict is not None and (verdict.outcome, verdict.report_no) == ("fail", "R2")


def test_repeats_are_duplicates_and_contradictions_are_rejected() -> None:
    dossier = dossier_of(SAMPLE, report())
    again, answer = take(dossier, report())
    assert answer.outcome == "duplicate" and again is dossier
    other_id = report().model_copy(update={"event_id": "another"})
    assert take(dossier, other_id)[1].outcome == "duplicate"
    contradiction = report(conclusion="fail")
    kept, answer = take(dossier, contradiction)
    assert (answer.outcome, answer.field) == ("rejected", "revision") and kept is dossier


def test_an_older_sample_changes_nothing() -> None:
    later = SAMPLE.model_copy(update={"revision": 2, "status": "received"})
    dossier = register(EMPTY, later)
    assert register(dossier, SAMPLE) is dossier


outcomes = st.sampled_from(["pass", "fail", "inconclusive"])


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Events about one sample, each report revision once, in any order."""
    events: list[Any] = [SAMPLE]
    if draw(st.booleans()):
        events.append(SAMPLE.model_copy(update={"revision": 2, "status": "received"}))
    if draw(st.integers(0, 5)) == 0:
        events.append(SAMPLE.model_copy(update={"revision": 3, "status": "voided"}))
    for number, retest_of in (("R1", None), ("R2", None), ("T1", "R1"), ("T2", "R1")):
        for revision in range(1, draw(st.integers(0, 3)) + 1):
            if revision > 1 and draw(st.integers(0, 2)) == 0:
                events.append(withdrawal(number, revision))
            elif retest_of is None or revision == 1:
                events.append(report(number, revision, draw(outcomes), draw(st.integers(0, 400)), retest_of))
    return draw(st.permutations(events))


def expected(events: list[Any]) -> tuple[str | None, Any]:
    """(outcome, day) by the rules as the design words them, from the whole set of events at once."""
    sample = max((event for event in events if isinstance(event, Sample)), key=lambda sample: sample.revision)
    reports: dict[str, list[Any]] = defaultdict(list)
    for event in events:
        if not isinstance(event, Sample):
            reports[event.report_no].append(event)
    latest = [max(revisions, key=lambda event: event.revision) for revisions in reports.values()]
    standing = [event for event in latest if not isinstance(event, ResultWithdrawn)]
    if sample.status == "voided" or not standing:
        return None, None
    retests = [event for event in standing if event.report_no.startswith("T")]
    if retests:
        outcome = max(retests, key=lambda event: (event.issued_at, event.report_no)).conclusion
    else:
        seen = {event.conclusion for event in standing}
        outcome = "fail" if "fail" in seen else "pass" if "pass" in seen else "inconclusive"
    issued = [event.issued_at for event in events if hasattr(event, "issued_at")]
    return outcome, (min(issued) + timedelta(hours=8)).date()


@given(histories())
@settings(max_examples=400)
def test_any_order_of_arrival_ends_the_same_and_counts_once(events: list[Any]) -> None:
    tally = Tally()
    dossier, shown = EMPTY, None
    for event in events:
        dossier = unpack_dossier(pack_dossier(dossier), "S1")
        before = domain.verdict_of(dossier)
        dossier = register(dossier, event) if isinstance(event, Sample) else take(dossier, event)[0]
        after = domain.verdict_of(dossier)
        if after is not None and not same_verdict(before, after):
            assert shown is None or after.revision > shown.revision
            tally.move(before, after)
            shown = after
    verdict = domain.verdict_of(dossier)
    in_order = sorted(events, key=lambda event: (not isinstance(event, Sample), event.revision, str(event)))
    assert verdict == domain.verdict_of(dossier_of(*in_order))
    if verdict is None:
        assert all(isinstance(event, Sample) for event in events)
        return
    outcome, day = expected(events)
    assert (verdict.outcome, verdict.counted_on) == (outcome, day and day.isoformat())
    recount = Tally()
    recount.move(None, verdict)
    assert nonzero(tally) == nonzero(recount)


def nonzero(tally: Tally) -> dict[tuple[str, str, str], int]:
    increments = tally.increments()
    return {
        (group, value, name): n
        for group, cells in increments.items()
        for value, counts in cells.items()
        for name, n in counts.items()
        if n
    }


@pytest.mark.parametrize("status", ["taken", "received"])
def test_a_sample_on_its_own_has_no_verdict(status: str) -> None:
    assert domain.verdict_of(register(EMPTY, SAMPLE.model_copy(update={"status": status}))) is None
