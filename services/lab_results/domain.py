"""Verdicts: what follows from a sample and the reports about it, whatever the order in which they came.

Pure: no I/O, no clock. A dossier holds the latest sample and every report; `verdict_of` is a function of the dossier
alone, so any order of arrival ends in the same verdict, with the same revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.results import Report as ReportEvent
from schemas.results import ResultEvent, ResultWithdrawn, RetestReported
from schemas.sampling import Sample
from schemas.values import Outcome, measure_of
from schemas.verdicts import FailedItem, Verdict
from services.runtime.answers import ACCEPTED, Answer, duplicate, parked, rejected
from services.runtime.calendar import day_of


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a report. `content` is its fingerprint; a withdrawal has no conclusion and no issued_at."""

    number: int
    content: bytes
    lab_id: str
    source: str
    issued_at: datetime | None = None
    conclusion: Outcome | None = None
    items: int = 0
    failed_items: tuple[FailedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report with the revisions of it that have come, by number. The highest one stands."""

    report_no: str
    retest_of: str | None
    revisions: Mapping[int, Revision]

    @property
    def standing(self) -> Revision | None:
        """The revision that stands; None when that is a withdrawal."""
        latest = self.revisions[max(self.revisions)]
        return latest if latest.conclusion is not None else None


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known of one sample and its reports. `marks` are those of the events taken so far."""

    sample: Sample | None = None
    reports: Mapping[str, Report] = field(default_factory=dict)
    marks: frozenset[bytes] = frozenset()

    @property
    def revision(self) -> int:
        """How many events led here: the sample's and the reports'. It never depends on their order."""
        return (self.sample.revision if self.sample else 0) + sum(len(r.revisions) for r in self.reports.values())


EMPTY = Dossier()


def take(dossier: Dossier, event: ResultEvent, source: str, mark: bytes, content: bytes) -> tuple[Dossier, Answer]:
    """Adds a report, an amendment, a withdrawal or a retest. `content` is the fingerprint of what the event says.

    Reports of a sample that is not registered are parked, and count when it is. A revision that was reported before
    with other content is rejected: it must be amended under a higher number.
    """
    if mark in dossier.marks:
        return dossier, duplicate("event_id", "this event was taken before")
    retest_of = event.retest_of if isinstance(event, RetestReported) else None
    report = dossier.reports.get(event.report_no) or Report(event.report_no, retest_of, {})
    held = report.revisions.get(event.revision)
    if held is not None:
        if held.content == content:
            return dossier, duplicate(None, "the same was reported before under another event_id")
        reason = f"revision {event.revision} of report {event.report_no} was reported before with other content"
        return dossier, rejected("revision", f"{reason}: amend it under a higher revision")
    revisions = {**report.revisions, event.revision: _revision(event, source, content)}
    # an amendment of a retest may come before the retest itself
    report = Report(event.report_no, report.retest_of or retest_of, revisions)
    grown = replace(dossier, reports={**dossier.reports, event.report_no: report}, marks=dossier.marks | {mark})
    if dossier.sample is None:
        return grown, parked("sample_id", "waits for its sample, which has not been registered")
    return grown, ACCEPTED


def register(dossier: Dossier, sample: Sample) -> Dossier:
    """Puts the sample's present state into the dossier; an older one than is known changes nothing."""
    if dossier.sample is not None and dossier.sample.revision >= sample.revision:
        return dossier
    return replace(dossier, sample=sample)


def verdict_of(dossier: Dossier) -> Verdict | None:
    """What follows; None until the sample is known and a report has come.

    A retest that stands decides, the latest-issued where there are several. Else the first reports do: one that fails
    fails the sample. It counts on the day of the earliest report, so that corrections move counts where they lie.
    """
    sample = dossier.sample
    if sample is None or not dossier.reports:
        return None
    voided = sample.status == "voided"
    deciding = None if voided else _deciding(dossier.reports)
    report, revision = deciding or (None, None)
    first_report, first = _first_issued(dossier.reports)
    revised = len(dossier.reports) > 1 or len(first_report.revisions) > 1
    return Verdict.model_construct(
        sample_id=sample.sample_id,
        revision=dossier.revision,
        status="voided" if voided else "withdrawn" if revision is None else "revised" if revised else "concluded",
        outcome=revision.conclusion if revision else None,
        measure=measure_of(sample.domain, sample.plan),
        first_outcome=first.conclusion,
        counted_on=day_of(first.issued_at) if revision and first.issued_at else None,
        concluded_at=revision.issued_at if revision else None,
        report_no=report.report_no if report else None,
        report_revision=revision.number if revision else None,
        retest=bool(report and report.retest_of),
        lab_id=revision.lab_id if revision else None,
        items=revision.items if revision else 0,
        failed_items=revision.failed_items if revision else (),
        domain=sample.domain,
        plan=sample.plan,
        targeting=sample.targeting,
        category=sample.category,
        product_name=sample.product_name,
        producer=sample.producer,
        sampled_party=sample.sampled_party,
        region=sample.region,
        stage=sample.stage,
        sampled_at=sample.sampled_at,
        source=(revision or first).source,
    )


def _deciding(reports: Mapping[str, Report]) -> tuple[Report, Revision] | None:
    standing = [(report, latest) for report in reports.values() if (latest := report.standing) is not None]
    retests = [pair for pair in standing if pair[0].retest_of]
    if retests:
        return max(retests, key=_by_issue)
    for outcome in ("fail", "pass", "inconclusive"):
        found = [pair for pair in standing if pair[1].conclusion == outcome]
        if found:
            return max(found, key=_by_issue)
    return None


def _by_issue(pair: tuple[Report, Revision]) -> tuple[datetime, str]:
    report, revision = pair
    assert revision.issued_at is not None  # only a withdrawal has none, and it does not stand
    return revision.issued_at, report.report_no


def _first_issued(reports: Mapping[str, Report]) -> tuple[Report, Revision]:
    """The earliest issued revision; a withdrawal where nothing else has come yet."""
    revisions = [(report, revision) for report in reports.values() for revision in report.revisions.values()]
    issued = [pair for pair in revisions if pair[1].issued_at is not None]
    if not issued:
        return min(revisions, key=lambda pair: (pair[0].report_no, pair[1].number))
    return min(issued, key=lambda pair: (*_by_issue(pair), pair[1].number))


def _revision(event: ResultEvent, source: str, content: bytes) -> Revision:
    if isinstance(event, ResultWithdrawn):
        return Revision(event.revision, content, event.lab_id, source)
    return Revision(
        number=event.revision,
        content=content,
        lab_id=event.lab_id,
        source=source,
        issued_at=event.issued_at,
        conclusion=event.conclusion,
        items=len(event.items),
        failed_items=_failed_items(event) if event.conclusion == "fail" else (),
    )


def _failed_items(event: ReportEvent) -> tuple[FailedItem, ...]:
    return tuple(
        FailedItem.model_construct(**{name: getattr(item, name) for name in FailedItem.model_fields})
        for item in event.items
        if item.verdict == "fail"
    )
