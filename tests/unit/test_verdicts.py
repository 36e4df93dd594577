"""Verdicts follow from what is known, not from the order in which it came; corrections move what they had moved."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.results import Item, ResultAmended, ResultReported, ResultWithdrawn, RetestReported
from schemas.sampling import Sample
from schemas.structs import mirror
from services.lab_results import domain
from services.lab_results.counts import Tally
from services.lab_results.domain import EMPTY, Dossier, SampleFacts
from services.lab_results.facts import content_mark, facts_of, mark_as_written
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


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_wrong_date_of_a_revision_does_not_stay(order: tuple[int, ...]) -> None:
    revisions = [report(), report(revision=2, conclusion="fail", day=-7000), report(revision=3, day=1)]
    dossier = dossier_of(SAMPLE, *(revisions[place] for place in order))
    verdict = domain.verdict_of(dossier)
    assert verdict is not None
    assert (verdict.counted_on, verdict.first_outcome, verdict.report_revision) == ("2026-03-01", "pass", 3)
    earlier = domain.verdict_of(take(dossier, report("R2", day=-2))[0])
    assert earlier is not None and earlier.counted_on == "2026-02-27"


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


@pytest.mark.parametrize("turned", [False, True])
def test_a_retest_stands_in_place_of_the_report_that_it_answers_and_of_no_other(turned: bool) -> None:
    pathogens, pesticides = report("R1", conclusion="fail"), report("R2", conclusion="fail", day=3)
    retest = report("T2", day=20, retest_of="R2")
    events = [SAMPLE, pathogens, pesticides, retest]
    verdict = domain.verdict_of(dossier_of(*(reversed(events) if turned else events)))
    assert verdict is not None
    assert (verdict.outcome, verdict.report_no, verdict.retest) == ("fail", "R1", False)
    both = take(dossier_of(*events), report("T1", day=21, retest_of="R1"))[0]
    verdict = domain.verdict_of(both)
    assert verdict is not None
    assert (verdict.outcome, verdict.report_no, verdict.retest) == ("pass", "T1", True)


def test_an_inconclusive_retest_replaces_nothing() -> None:
    dossier = dossier_of(SAMPLE, report(conclusion="fail"), report("T1", 1, "inconclusive", 20, "R1"))
    verdict = domain.verdict_of(dossier)
    assert verdict is not None and (verdict.outcome, verdict.report_no, verdict.retest) == ("fail", "R1", False)
    passed = domain.verdict_of(take(dossier, report("T2", day=10, retest_of="R1"))[0])
    assert passed is not None and (passed.outcome, passed.report_no) == ("pass", "T2")


def test_a_retest_of_what_is_not_there_is_a_report_of_its_own() -> None:
    retest = report("T1", day=20, retest_of="R2")
    dossier = dossier_of(SAMPLE, report(conclusion="fail"), retest)
    verdict = domain.verdict_of(dossier)
    assert verdict is not None and (verdict.outcome, verdict.report_no) == ("fail", "R1")
    assert domain.verdict_of(dossier_of(SAMPLE, retest)).outcome == "pass"  # type: ignore[union-attr]
    failed = take(dossier_of(SAMPLE, retest), report("R2", conclusion="fail"))[0]
    assert domain.verdict_of(failed).outcome == "pass"  # type: ignore[union-attr]
    withdrawn = dossier_of(SAMPLE, report(conclusion="fail"), report("T1", 1, "pass", 20, "R2"), withdrawal("R2", 2))
    assert domain.verdict_of(withdrawn).outcome == "fail"  # type: ignore[union-attr]


@pytest.mark.parametrize("turned", [False, True])
def test_a_retest_that_named_the_wrong_report_is_amended(turned: bool) -> None:
    wrong, right = report("T1", day=20, retest_of="R2"), report("T1", 2, "pass", 20, "R1")
    order = (right, wrong) if turned else (wrong, right)
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(conclusion="fail"), *order))
    assert verdict is not None and (verdict.outcome, verdict.report_no) == ("pass", "T1")


def test_retests_that_answer_each_other_are_reports_of_their_own() -> None:
    circle = [report("T1", 1, "fail", 20, "T2"), report("T2", 1, "pass", 21, "T1")]
    verdict = domain.verdict_of(dossier_of(SAMPLE, report(), *circle))
    assert verdict is not None and (verdict.outcome, verdict.report_no) == ("fail", "T1")


def test_a_dossier_kept_before_revisions_named_the_report_they_answer_is_read() -> None:
    report_before = ("T1", "R1", [[1, b"content1", "L1", "lab", "2026-03-20T04:00:00+00:00", "pass", 1, []]])
    kept = msgspec.msgpack.encode((None, [report_before], []))
    [read] = unpack_dossier(kept, "S1").reports
    assert (read.report_no, read.retest_of, read.standing and read.standing.conclusion) == ("T1", "R1", "pass")


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


def _failing(number: str, day: int, *names: str, retest_of: str | None = None) -> Any:
    made = report(number, conclusion="fail", day=day, retest_of=retest_of)
    return made.model_copy(update={"items": tuple(made.items[0].model_copy(update={"item": name}) for name in names)})


@pytest.mark.parametrize("turned", [False, True])
def test_what_failed_in_another_report_stands_beside_a_later_failure(turned: bool) -> None:
    events = [SAMPLE, _failing("R1", 1, "沙门氏菌", "铅"), _failing("R2", 5, "毒死蜱", "铅"), report("R3", day=9)]
    verdict: Any = domain.verdict_of(dossier_of(*(reversed(events) if turned else events)))
    assert (verdict.report_no, [item.item for item in verdict.failed_items]) == ("R2", ["毒死蜱", "铅", "沙门氏菌"])
    # a retest of one report answers its failures, and no other's
    verdict = domain.verdict_of(dossier_of(*events, report("T2", day=20, retest_of="R2")))
    assert (verdict.report_no, [item.item for item in verdict.failed_items]) == ("R1", ["沙门氏菌", "铅"])


def test_repeats_are_duplicates_and_contradictions_are_rejected() -> None:
    dossier = dossier_of(SAMPLE, report())
    again, answer = take(dossier, report())
    assert answer.outcome == "duplicate" and again is dossier
    other_id = report().model_copy(update={"event_id": "another"})
    assert take(dossier, other_id)[1].outcome == "duplicate"
    contradiction = report(conclusion="fail")
    kept, answer = take(dossier, contradiction)
    assert (answer.outcome, answer.field) == ("rejected", "revision") and kept is dossier


@pytest.mark.parametrize(("value", "outcome"), [("0.10", "duplicate"), ("1E-1", "duplicate"), ("0.11", "rejected")])
def test_a_number_that_is_written_otherwise_is_no_contradiction(value: str, outcome: str) -> None:
    again = report().model_copy(
        update={"event_id": "another", "items": (Item(item="镉", value=value, verdict="pass"),)}
    )
    assert take(dossier_of(SAMPLE, report()), again)[1].outcome == outcome


def test_a_fingerprint_kept_before_numbers_were_compared_is_known() -> None:
    [kept] = dossier_of(SAMPLE, report()).reports
    [revision] = kept.revisions
    former = msgspec.structs.replace(revision, content=mark_as_written(facts_of(report())))
    assert former.content != revision.content
    held = Dossier(None, (msgspec.structs.replace(kept, revisions=(former,)),))
    assert take(held, report())[1].outcome == "duplicate"


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
    for number, answered in (("R1", ""), ("R2", ""), ("T1", ("R1", "R2", "T2")), ("T2", ("R1", "T1", "R9"))):
        for revision in range(1, draw(st.integers(0, 3)) + 1):
            # a later revision of a retest may be an amendment, or name another report
            retest_of = draw(st.sampled_from(answered)) if answered and (revision == 1 or draw(st.booleans())) else None
            if revision > 1 and draw(st.integers(0, 2)) == 0:
                events.append(withdrawal(number, revision))
            else:
                events.append(report(number, revision, draw(outcomes), draw(st.integers(0, 400)), retest_of))
    return draw(st.permutations(events))


def counting(standing: list[Any], answered: dict[str, str]) -> list[Any]:
    """The reports that count, those left out that a retest replaces. answered: what each retest answers."""
    if answered.get("T1") == "T2" and answered.get("T2") == "T1" and {"T1", "T2"} <= {e.report_no for e in standing}:
        answered = {}
    replaced = set()
    for event in standing:
        retests = [retest for retest in standing if answered.get(retest.report_no) == event.report_no]
        conclusive = sorted(
            (retest for retest in retests if retest.conclusion != "inconclusive"),
            key=lambda retest: (retest.issued_at, retest.report_no),
        )
        if conclusive:
            replaced |= {event.report_no, *(retest.report_no for retest in conclusive[:-1])}
    return [event for event in standing if event.report_no not in replaced]


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
    naming = sorted((event for event in events if isinstance(event, RetestReported)), key=lambda event: event.revision)
    seen = {event.conclusion for event in counting(standing, {event.report_no: event.retest_of for event in naming})}
    outcome = "fail" if "fail" in seen else "pass" if "pass" in seen else "inconclusive"
    firsts: dict[str, Any] = {}
    for event in sorted((event for event in events if hasattr(event, "issued_at")), key=lambda event: event.revision):
        firsts.setdefault(event.report_no, event)
    return outcome, (min(event.issued_at for event in firsts.values()) + timedelta(hours=8)).date()


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
