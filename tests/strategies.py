"""Hypothesis strategies that build valid contracts: what a laboratory or an inspector may send."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

from hypothesis import strategies as st

from schemas import alerts, results, sampling
from schemas.values import Domain, Party, Plan, Stage, Targeting

SHANGHAI = timezone(timedelta(hours=8))


def words(of: Any) -> st.SearchStrategy[Any]:
    """One word of a closed vocabulary."""
    return st.sampled_from(get_args(of))


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
identifiers = st.from_regex(r"[A-Za-z0-9样品/_.:-]{1,20}", fullmatch=True)
amounts = st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False, places=4)
times = st.datetimes(datetime(2000, 1, 2), datetime(2035, 1, 1), timezones=st.sampled_from([UTC, SHANGHAI]))  # noqa: DTZ001
days = st.dates(date(2000, 1, 2), date(2035, 1, 1))
mainland_regions = st.from_regex(r"[1-9][0-9]{5}([0-9]{3}|[0-9]{6})?", fullmatch=True)
region_paths = st.lists(st.from_regex(r"[A-Z][A-Za-z-]{0,8}", fullmatch=True), min_size=1, max_size=4).map("/".join)
regions = mainland_regions | region_paths
parties = st.builds(Party, name=texts, licence=optional(identifiers), address=optional(texts))

_event = {"source": optional(identifiers), "event_id": optional(identifiers)}
_description = {
    "sample_id": identifiers,
    "domain": words(Domain),
    "plan": words(Plan),
    "targeting": words(Targeting),
    "task": optional(texts),
    "category": st.lists(texts, min_size=1, max_size=4).map(tuple),
    "product_name": texts,
    "brand": optional(texts),
    "specification": optional(texts),
    "batch": optional(texts),
    "production_date": optional(days),
    "producer": optional(parties),
    "sampled_party": optional(parties),
    "region": regions,
    "stage": words(Stage),
    "quantity": optional(amounts.filter(bool)),
    "quantity_unit": optional(texts),
    "backup_quantity": optional(amounts),
    "sampled_at": times,
    "sampled_by": st.just(()) | st.lists(texts, min_size=2, max_size=3).map(tuple),
    "linked_inspection": optional(identifiers),
    "imported_cold_chain": st.booleans(),
}

samples_taken = st.builds(sampling.SampleTaken, **_event, **_description)
samples_received = st.builds(
    sampling.SampleReceived, **_event, sample_id=identifiers, lab_id=identifiers, received_at=times
)
samples_voided = st.builds(sampling.SampleVoided, **_event, sample_id=identifiers, voided_at=times, reason=texts)
samples_redacted = st.builds(sampling.SampleRedacted, **_event, sample_id=identifiers, by=identifiers, at=times)
samples = st.builds(
    sampling.Sample,
    **_description,
    revision=st.integers(1, 9),
    status=st.sampled_from(["taken", "received", "voided"]),
    source=identifiers,
    lab_id=optional(identifiers),
    received_at=optional(times),
)


@st.composite
def items(draw: st.DrawFn, verdict: str | None = None) -> results.Item:
    """A consistent test item; with the verdict asked for, or any."""
    decided = verdict or draw(st.sampled_from(["pass", "fail", "inconclusive", "untested"]))
    lod, loq = draw(optional(amounts)), draw(optional(amounts))
    if lod is not None and loq is not None:
        lod, loq = min(lod, loq), max(lod, loq)
    number = amounts if lod is None else amounts.map(lambda more: lod + more)
    value = number | st.sampled_from(["<LOD", "<LOQ", "未检出", "阴性"])
    kind = draw(st.sampled_from([None, "max", "min", "range", "absent"]))
    limit = draw(amounts)
    return results.Item(
        item=draw(texts),
        method=draw(optional(texts)),
        unit=draw(optional(texts)),
        lod=lod,
        loq=loq,
        value=None if decided == "untested" else draw(value),
        limit=limit if kind in ("max", "min", "range") else None,
        limit_low=limit - draw(amounts) if kind == "range" else None,
        limit_kind=kind,
        basis=draw(optional(texts)),
        item_class=draw(optional(identifiers)),
        verdict=decided,
    )


@st.composite
def _reports(draw: st.DrawFn, contract: type[results.Report], **more: st.SearchStrategy[Any]) -> results.Report:
    found = tuple(draw(st.lists(items(), max_size=4, unique_by=lambda item: item.item)))
    follows = results.conclude(item.verdict for item in found)
    return contract(
        **{name: draw(strategy) for name, strategy in (_event | {"report_no": identifiers} | more).items()},
        sample_id=draw(identifiers),
        lab_id=draw(identifiers),
        received_at=draw(optional(times)),
        issued_at=draw(times),
        items=found,
        conclusion=follows if found else draw(st.sampled_from(["pass", "inconclusive"])),
    )


later_revisions = st.integers(2, 9)
results_reported = _reports(results.ResultReported)
results_amended = _reports(results.ResultAmended, revision=later_revisions, reason=optional(texts))
retests_reported = identifiers.flatmap(
    lambda answered: _reports(
        results.RetestReported, report_no=identifiers.filter(lambda name: name != answered), retest_of=st.just(answered)
    )
)
results_withdrawn = st.builds(
    results.ResultWithdrawn,
    **_event,
    report_no=identifiers,
    revision=later_revisions,
    sample_id=identifiers,
    lab_id=identifiers,
    withdrawn_at=times,
    reason=texts,
)

_command = {**_event, "alert_id": identifiers, "by": identifiers, "at": times}
acknowledgements = st.builds(alerts.Acknowledge, **_command, note=optional(texts), expires_at=optional(times))
assignments = st.builds(alerts.Assign, **_command, assignee=identifiers, note=optional(texts))
actions = st.builds(alerts.Act, **_command, action=texts, step=optional(words(alerts.Step)))
verifications = st.builds(alerts.Verify, **_command, finding=texts)
closures = st.builds(alerts.Close, **_command, reason=texts)
silences = st.builds(alerts.Silence, **_command, until=times, reason=texts)
alert_redactions = st.builds(alerts.Redact, **_command)
notifications = st.builds(
    alerts.Notified, **_command, sequence=st.integers(1, 99), receiver=identifiers, channel=identifiers
)
