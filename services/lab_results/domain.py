"""Verdicts: what follows from a sample and the reports about it, whatever the order in which they came.

Pure: no I/O, no clock. A dossier holds the sample as it stands and every report; `verdict_of` is a function of the
dossier alone, so any order of arrival ends in the same verdict, with the same revision.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, cast

import msgspec

from schemas.sampling import Sample
from schemas.structs import struct_of
from schemas.values import Outcome, measure_of
from schemas.verdicts import FailedItem, Verdict
from services.lab_results.facts import ResultFacts, RetestFacts, WithdrawalFacts, mark_as_written
from services.runtime.answers import ACCEPTED, Answer, duplicate, parked, rejected
from services.runtime.calendar import day_text

_OF_SAMPLE = (
    "domain",
    "plan",
    "targeting",
    "category",
    "product_name",
    "producer",
    "sampled_party",
    "region",
    "stage",
    "sampled_at",
)
#: What a verdict takes from the sample. Times and decimals are text, as they were written.
SampleFacts = struct_of(Sample, only=(*_OF_SAMPLE, "sample_id", "revision", "status"))
#: The verdict as it is written.
VerdictFacts = struct_of(Verdict, in_full=True)
FailedItemFacts = struct_of(FailedItem)
_FAILED_ITEM = tuple(FailedItem.model_fields)


class Revision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One revision of a report. `content` is its fingerprint; a withdrawal has no conclusion and no time of issue."""

    number: int
    content: bytes
    lab_id: str
    source: str
    issued_at: str | None = None
    conclusion: Outcome | None = None
    items: int = 0
    failed_items: tuple[FailedItemFacts, ...] = ()  # type: ignore[valid-type]


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A report with the revisions of it that have come. The highest one stands.

    retest_of: the report that a retest answers, as the highest revision says that names one; named_in: its number.
    """

    report_no: str
    retest_of: str | None
    revisions: tuple[Revision, ...]
    named_in: int = 0

    @property
    def standing(self) -> Revision | None:
        """The revision that stands; None when that is a withdrawal."""
        latest = max(self.revisions, key=_number) if len(self.revisions) > 1 else self.revisions[0]
        return latest if latest.conclusion is not None else None

    def revision(self, number: int) -> Revision | None:
        """The revision of that number, if it has come."""
        return next((revision for revision in self.revisions if revision.number == number), None)


class Dossier(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one sample and its reports. `marks` are those of the events taken so far."""

    sample: SampleFacts | None = None  # type: ignore[valid-type]
    reports: tuple[Report, ...] = ()
    marks: tuple[bytes, ...] = ()

    @property
    def revision(self) -> int:
        """How many events led here: the sample's and the reports'. It never depends on their order."""
        return (self.sample.revision if self.sample else 0) + sum([len(report.revisions) for report in self.reports])


EMPTY = Dossier()


def take(dossier: Dossier, event: ResultFacts, source: str, mark: bytes, content: bytes) -> tuple[Dossier, Answer]:
    """Adds a report, an amendment, a withdrawal or a retest. `content` is the fingerprint of what the event says.

    Reports of a sample that is not registered are parked, and count when it is. A revision that was reported before
    with other content is rejected: it must be amended under a higher number.
    """
    if mark in dossier.marks:
        return dossier, duplicate("event_id", "this event was taken before")
    held = next((report for report in dossier.reports if report.report_no == event.report_no), None)
    before = held.revision(event.revision) if held else None
    if before is not None:
        if before.content in (content, mark_as_written(event)):
            return dossier, duplicate(None, "the same was reported before under another event_id")
        reason = f"revision {event.revision} of report {event.report_no} was reported before with other content"
        return dossier, rejected("revision", f"{reason}: amend it under a higher revision")
    grown = _grown(held or Report(event.report_no, None, ()), event, _revision(event, source, content))
    if held is None:
        reports = (*dossier.reports, grown)
    else:
        reports = tuple(grown if report is held else report for report in dossier.reports)
    after = Dossier(dossier.sample, reports, (*dossier.marks, mark))
    return after, ACCEPTED if dossier.sample is not None else _PARKED


def _grown(report: Report, event: ResultFacts, revision: Revision) -> Report:
    revisions = (*report.revisions, revision)
    # an amendment of a retest, which names no report, may come before the retest itself
    if isinstance(event, RetestFacts) and event.revision > report.named_in:
        return Report(report.report_no, event.retest_of, revisions, event.revision)
    return Report(report.report_no, report.retest_of, revisions, report.named_in)


def is_anothers(dossier: Dossier, event: ResultFacts) -> bool:
    """Whether the report that an event would revise has come from another laboratory."""
    held = next((report for report in dossier.reports if report.report_no == event.report_no), None)
    return held is not None and held.revisions[0].lab_id != event.lab_id


_PARKED = parked("sample_id", "waits for its sample, which has not been registered")


def register(dossier: Dossier, sample: Sample) -> Dossier:
    """Puts the sample's present state into the dossier; an older one than is known changes nothing."""
    if dossier.sample is not None and dossier.sample.revision >= sample.revision:
        return dossier
    return Dossier(sample, dossier.reports, dossier.marks)


def verdict_of(dossier: Dossier) -> Verdict | None:
    """What follows; None until the sample is known and a report has come.

    A retest that stands counts in place of the report that it answers. Of those that count, one that fails fails the
    sample. It counts on the day of the earliest report, as its first revision has it, so that corrections move counts
    where they lie.
    """
    sample, reports = dossier.sample, dossier.reports
    if sample is None or not reports:
        return None
    voided = sample.status == "voided"
    report, revision, failed_items = (None, None, ()) if voided else _deciding(reports)
    first_report, first = _first_issued(reports)
    revised = len(reports) > 1 or len(first_report.revisions) > 1
    return VerdictFacts(
        sample_id=sample.sample_id,
        revision=dossier.revision,
        status="voided" if voided else "withdrawn" if revision is None else "revised" if revised else "concluded",
        outcome=revision.conclusion if revision else None,
        measure=measure_of(sample.domain, sample.plan),
        first_outcome=first.conclusion,
        counted_on=day_text(first.issued_at) if revision and first.issued_at else None,
        concluded_at=revision.issued_at if revision else None,
        report_no=report.report_no if report else None,
        report_revision=revision.number if revision else None,
        retest=bool(report and report.retest_of),
        lab_id=revision.lab_id if revision else None,
        items=revision.items if revision else 0,
        failed_items=failed_items,
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


_Standing = tuple[Report, Revision]
_FailedItems = tuple[FailedItemFacts, ...]  # type: ignore[valid-type]


def _deciding(reports: tuple[Report, ...]) -> tuple[Report, Revision, _FailedItems] | tuple[None, None, _FailedItems]:
    """What decides, and the items that failed in any report that counts: a failure stands beside a later one."""
    standing = [(report, latest) for report in reports if (latest := report.standing) is not None]
    if len(standing) < 2:
        return (*standing[0], standing[0][1].failed_items) if standing else (None, None, ())
    counting = _counting(standing)
    gravest = next(o for o in ("fail", "pass", "inconclusive") if any(pair[1].conclusion == o for pair in counting))
    latest_first = sorted((pair for pair in counting if pair[1].conclusion == gravest), key=_by_issue, reverse=True)
    failed: list[Any] = []
    for _, revision in latest_first:
        named = {item.item for item in failed}
        failed += [item for item in cast(Any, revision.failed_items) if item.item not in named]
    return (*latest_first[0], tuple(failed))


def _counting(standing: list[_Standing]) -> list[_Standing]:
    """Those that count: in place of a report that retests answer, the latest-issued of them that is not inconclusive.

    A retest of a report that does not stand, or has not come, counts as a report of its own.
    """
    named = {report.report_no for report, _ in standing}
    retests: dict[str, list[_Standing]] = defaultdict(list)
    reached = []
    for pair in sorted(standing, key=_by_issue):
        answered = pair[0].retest_of
        if answered in named:
            retests[answered].append(pair)
        else:
            reached.append(pair)
    replaced: set[str] = set()
    # from each report on to what answers it: those that answer each other in a circle are not reached, and all count
    for report, _ in reached:
        answers = retests[report.report_no]
        reached.extend(answers)
        concluded = [retest.report_no for retest, latest in answers if latest.conclusion != "inconclusive"]
        if concluded:
            replaced.update((report.report_no, *concluded[:-1]))
    return [pair for pair in standing if pair[0].report_no not in replaced]


def _by_issue(pair: _Standing) -> tuple[datetime, str]:
    report, revision = pair
    assert revision.issued_at is not None  # only a withdrawal has none, and it does not stand
    return datetime.fromisoformat(revision.issued_at), report.report_no


def _first_issued(reports: tuple[Report, ...]) -> tuple[Report, Revision]:
    """The earliest issued of the reports' first revisions; a withdrawal where nothing else has come yet."""
    if len(reports) == 1 and len(reports[0].revisions) == 1:
        return reports[0], reports[0].revisions[0]
    firsts = [(report, min(report.revisions, key=_issued_first)) for report in reports]
    issued = [pair for pair in firsts if pair[1].issued_at is not None]
    return min(issued, key=_by_issue) if issued else min(firsts, key=lambda pair: pair[0].report_no)


def _issued_first(revision: Revision) -> tuple[bool, int]:
    """By number, withdrawals last."""
    return revision.issued_at is None, revision.number


def _number(revision: Revision) -> int:
    return revision.number


def _revision(event: Any, source: str, content: bytes) -> Revision:
    if isinstance(event, WithdrawalFacts):
        return Revision(event.revision, content, event.lab_id, source)
    failed = _failed_items(event) if event.conclusion == "fail" else ()
    return Revision(
        event.revision, content, event.lab_id, source, event.issued_at, event.conclusion, len(event.items), failed
    )


def _failed_items(event: Any) -> tuple[FailedItem, ...]:
    return tuple(
        FailedItemFacts(**{name: getattr(item, name) for name in _FAILED_ITEM})
        for item in event.items
        if item.verdict == "fail"
    )
