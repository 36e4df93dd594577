"""Hypothesis strategies for what the services write, and the table of the strategies of every contract."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas import alerts, deadlines, findings, hotspots, qualification, receipts, results, sampling, verdicts
from schemas import notifications as told
from schemas.values import Contract, Domain, Measure, Outcome, Plan, Stage, Targeting
from tests.strategies import (
    acknowledgements,
    actions,
    alert_redactions,
    amounts,
    assignments,
    closures,
    days,
    identifiers,
    notifications,
    optional,
    parties,
    regions,
    results_amended,
    results_reported,
    results_withdrawn,
    retests_reported,
    samples,
    samples_received,
    samples_redacted,
    samples_taken,
    samples_voided,
    silences,
    texts,
    times,
    verifications,
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

wordings = st.builds(alerts.Wording, zh=texts, en=texts)
evidence = st.lists(st.builds(alerts.Evidence, name=identifiers, value=texts), max_size=2).map(tuple)
cells = st.sampled_from(["food|supervision|county|621002", "drug|evaluation|producer|某药业|a"])
alert_events = st.builds(
    alerts.AlertEvent,
    **dict.fromkeys(("event_id", "alert_id", "rule", "epoch", "changed_by", "source"), identifiers),
    **dict.fromkeys(("event", "headline", "description", "instruction"), wordings),
    **dict.fromkeys(("sample_id", "item_class", "lab_id", "report_no", "assignee"), optional(identifiers)),
    **dict.fromkeys(("onset", "ack_by", "act_by", "ack_expires_at", "silenced_until", "stated_at"), optional(times)),
    **dict.fromkeys(("product_name", "producer", "sampled_party", "contact", "reason"), optional(texts)),
    sequence=st.integers(1, 9),
    subject=texts,
    area=regions,
    legal_basis=optional(wordings),
    steps=st.lists(words(alerts.Step), max_size=2).map(tuple),
    items=st.lists(failed_items, max_size=2).map(tuple),
    cell=optional(cells),
    deadline=optional(st.builds(alerts.DeadlineFacts, rule=identifiers, due_at=times, met_at=optional(times))),
    evidence=evidence,
    raised_at=times,
    changed_at=times,
)
findings_made = st.builds(
    findings.Finding,
    **dict.fromkeys(("rule", "epoch", "source"), identifiers),
    **dict.fromkeys(("event", "headline", "description", "instruction"), wordings),
    subject=texts,
    revision=st.integers(1, 99),
    area=regions,
    onset=optional(times),
    legal_basis=optional(wordings),
    lab_id=optional(identifiers),
    cell=optional(cells),
    evidence=evidence,
    reason=optional(texts),
)

deadline_events = st.builds(
    deadlines.DeadlineEvent,
    **dict.fromkeys(("event_id", "deadline_id"), texts),
    **dict.fromkeys(("sample_id", "rule", "source"), identifiers),
    **dict.fromkeys(("at", "started_at", "due_at", "near_at", "sampled_at"), times),
    **dict.fromkeys(("title_zh", "title_en", "law", "article", "product_name"), texts),
    revision=st.integers(1, 99),
    rule_version=days,
    category=st.lists(texts, min_size=1, max_size=4).map(tuple),
    producer=optional(parties),
    sampled_party=optional(parties),
    lab_id=optional(identifiers),
    sampled_by=st.sampled_from([(), ("甲", "乙")]),
    region=regions,
    note_zh=optional(texts),
    note_en=optional(texts),
)

probabilities = st.floats(1e-6, 1 - 1e-6)
paths = st.lists(texts, min_size=3, max_size=6).map(tuple)
hotspot_models = st.builds(
    hotspots.HotspotModel,
    version=identifiers,
    first=days,
    last=days,
    active_cells=st.integers(0, 10**6),
    margin=st.just(1.25),
    strengths=st.lists(st.floats(1, 1e6), max_size=3).map(tuple),
    nodes=st.lists(
        st.builds(
            hotspots.HotspotNode,
            path=paths,
            units=st.integers(0, 10**6),
            failed=st.integers(0, 10**6),
            probability=probabilities,
        ),
        max_size=3,
    ).map(tuple),
)
hotspot_cases = st.builds(
    hotspots.HotspotCases,
    cell=cells,
    cases=st.lists(
        st.builds(
            hotspots.HotspotCase,
            **dict.fromkeys(("sample_id", "visit", "model"), identifiers),
            revision=st.integers(1, 99),
            day=days,
            region=regions,
            p0=probabilities,
            basis=paths,
        ),
        max_size=3,
    ).map(tuple),
)
notifications_made = st.builds(
    told.Notification,
    destination=texts,
    group=identifiers,
    labels=st.dictionaries(texts, texts, max_size=2),
    alert=optional(alert_events),
    notice=optional(
        st.builds(
            told.Notice,
            alert_id=identifiers,
            sequence=st.integers(1, 9),
            severity=words(alerts.Severity),
            headline=wordings,
        )
    ),
)
deliveries_made = st.builds(
    told.Delivery,
    delivery_id=identifiers,
    destination=texts,
    group=identifiers,
    number=st.integers(0, 99),
    at=times,
    attempts=st.integers(0, 9),
    channel=texts,
    reason=optional(texts),
    alerts=st.lists(
        st.builds(told.ToldAlert, alert_id=identifiers, sequence=st.integers(1, 9), mark=texts), max_size=2
    ).map(tuple),
)

counts = st.integers(0, 10**6)
rates = st.floats(0, 1)
windows = st.builds(
    lambda start, end, **more: qualification.Window(**{"from": start, "to": end, **more}),
    days,
    days,
    **{"pass": counts, "fail": counts, "inconclusive": counts, "rate": rates, "low": rates, "high": rates},
)
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
    sampling.SampleRedacted: samples_redacted,
    sampling.Sample: samples,
    results.ResultReported: results_reported,
    results.ResultAmended: results_amended,
    results.RetestReported: retests_reported,
    results.ResultWithdrawn: results_withdrawn,
    verdicts.Verdict: concluded,
    deadlines.DeadlineEvent: deadline_events,
    alerts.Acknowledge: acknowledgements,
    alerts.Assign: assignments,
    alerts.Act: actions,
    alerts.Verify: verifications,
    alerts.Close: closures,
    alerts.Silence: silences,
    alerts.Redact: alert_redactions,
    alerts.Notified: notifications,
    findings.Finding: findings_made,
    hotspots.HotspotModel: hotspot_models,
    hotspots.HotspotCases: hotspot_cases,
    told.Notification: notifications_made,
    told.Delivery: deliveries_made,
    alerts.AlertEvent: alert_events,
    qualification.Delta: deltas,
    qualification.Rate: rates_of_cells,
    receipts.Receipt: receipts_given,
}
