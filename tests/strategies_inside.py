"""Hypothesis strategies for what the services write, and the table of the strategies of every contract."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas import alerts, qualification, receipts, results, sampling, verdicts
from schemas.values import Contract, Domain, Measure, Outcome, Plan, Stage, Targeting
from tests.strategies import (
    acknowledgements,
    actions,
    amounts,
    assignments,
    closures,
    days,
    identifiers,
    optional,
    parties,
    regions,
    results_amended,
    results_reported,
    results_withdrawn,
    retests_reported,
    samples,
    samples_received,
    samples_taken,
    samples_voided,
    silences,
    texts,
    times,
    words,
)

failed_items = st.builds(
    verdicts.FailedItem,
    item=texts,
    item_class=optional(identifiers),
    value=optional(amounts | st.sampled_from(["检出", "阳性"])),
    unit=optional(texts),
    limit=optional(amounts),
    limit_low=optional(amounts),
    limit_kind=st.sampled_from([None, "max", "absent"]),
    basis=optional(texts),
)
concluded = st.builds(
    verdicts.Verdict,
    sample_id=identifiers,
    revision=st.integers(1, 99),
    status=st.sampled_from(["concluded", "revised", "withdrawn", "voided"]),
    outcome=optional(words(Outcome)),
    measure=words(Measure),
    counted_on=optional(days),
    concluded_at=optional(times),
    items=st.integers(0, 50),
    failed_items=st.lists(failed_items, max_size=2).map(tuple),
    domain=words(Domain),
    plan=words(Plan),
    targeting=words(Targeting),
    category=st.lists(texts, min_size=1, max_size=4).map(tuple),
    product_name=texts,
    producer=optional(parties),
    sampled_party=optional(parties),
    region=regions,
    stage=words(Stage),
    sampled_at=times,
    source=identifiers,
)

alert_events = st.builds(
    alerts.AlertEvent,
    **dict.fromkeys(("event_id", "alert_id", "sample_id", "item_class", "changed_by", "source"), identifiers),
    sequence=st.integers(1, 9),
    headline=st.builds(alerts.Wording, zh=texts, en=texts),
    area=regions,
    product_name=texts,
    producer=optional(texts),
    sampled_party=optional(texts),
    lab_id=optional(identifiers),
    report_no=optional(identifiers),
    items=st.lists(failed_items, max_size=2).map(tuple),
    raised_at=times,
    changed_at=times,
    reason=optional(texts),
    assignee=optional(identifiers),
    silenced_until=optional(times),
)

counts = st.integers(0, 10**6)
rates = st.floats(0, 1)
windows = st.builds(
    lambda start, end, **more: qualification.Window(**{"from": start, "to": end, **more}),
    days,
    days,
    **{"pass": counts, "fail": counts, "inconclusive": counts, "rate": rates, "low": rates, "high": rates},
)
cells = st.sampled_from(["food|supervision|county|621002", "drug|evaluation|producer|某药业|a"])
deltas = st.builds(
    qualification.Delta,
    cell=cells,
    partition=st.integers(0, 11),
    version=counts,
    days=st.lists(st.builds(qualification.DayCounts, day=days, passed=st.integers(-9, 9)), max_size=3).map(tuple),
)
rates_of_cells = st.builds(
    qualification.Rate,
    cell=cells,
    domain=words(Domain),
    plan=words(Plan),
    cut=texts,
    value=texts,
    measure=words(Measure),
    as_of=days,
    windows=st.dictionaries(st.sampled_from(["7d", "30d", "ytd"]), windows),
)
receipts_given = st.builds(
    receipts.Receipt,
    receipt_id=identifiers,
    outcome=words(receipts.ReceiptOutcome),
    source=identifiers,
    event_id=optional(identifiers),
    topic=texts,
    partition=st.integers(0, 11),
    offset=counts,
    arrived_at=times,
    service=texts,
)

#: A strategy for every contract that travels on a topic.
BY_CONTRACT: dict[type[Contract], st.SearchStrategy[Any]] = {
    sampling.SampleTaken: samples_taken,
    sampling.SampleReceived: samples_received,
    sampling.SampleVoided: samples_voided,
    sampling.Sample: samples,
    results.ResultReported: results_reported,
    results.ResultAmended: results_amended,
    results.RetestReported: retests_reported,
    results.ResultWithdrawn: results_withdrawn,
    verdicts.Verdict: concluded,
    alerts.Acknowledge: acknowledgements,
    alerts.Assign: assignments,
    alerts.Act: actions,
    alerts.Close: closures,
    alerts.Silence: silences,
    alerts.AlertEvent: alert_events,
    qualification.Delta: deltas,
    qualification.Rate: rates_of_cells,
    receipts.Receipt: receipts_given,
}
