"""What is published of a sample, and as which row. Pure.

Published are samples of food whose failure would be 不合格 (supervision, evaluation and special sampling), with a
verdict that passed or failed. A failure waits until its retest period is over; one that a retest overturned is a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.sampling import Sample
from schemas.structs import struct_of
from schemas.timing import SYNTHETIC
from schemas.verdicts import Verdict
from services.importers import UNNAMED_LAB
from services.importers.samr_cells import text as normal
from services.public_tables import made_on, measured
from services.public_tables.columns import PublicRow
from services.reports.regions import province_name

DOMAIN = "food"
MEASURE = "qualification"
#: 备注 of a simulated sample, so that none is taken for a real one, whoever passes the table on.
SIMULATED = "模拟数据，非真实样品"

#: What a row needs of the messages, in mirrors: days, times and decimals are text.
SampleFacts = struct_of(
    Sample,
    only=(
        *("sample_id", "revision", "task", "category", "product_name", "brand", "specification", "batch"),
        *("production_date", "producer", "sampled_party", "region", "source"),
    ),
)
VerdictFacts = struct_of(
    Verdict,
    only=(
        *("sample_id", "revision", "outcome", "measure", "domain", "plan", "category", "counted_on", "concluded_at"),
        *("retest", "lab_id", "failed_items"),
    ),
)

#: Whether the time in which a retest can be applied for is over on a day.
RetestClosed = Callable[[Verdict, date], bool]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an announcement says of all of its rows."""

    number: str | None = None
    day: date | None = None
    link: str | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which verdicts are published: those that count on a day from `first` to `last`, as things stand on `as_of`."""

    first: date
    last: date
    as_of: date
    retest_closed: RetestClosed
    include_pending: bool = False

    def takes(self, verdict: Verdict) -> bool:
        """Whether the verdict belongs into one of the tables."""
        return self.may_take(verdict) and (self.include_pending or self.retest_closed(verdict, self.as_of))

    def may_take(self, verdict: Verdict) -> bool:
        """Whether it belongs there once its retest period is over."""
        if verdict.domain != DOMAIN or verdict.measure != MEASURE or verdict.outcome not in ("pass", "fail"):
            return False
        return self.first.isoformat() <= str(verdict.counted_on) <= self.last.isoformat()


def row_of(sample: Sample, verdict: Verdict, announcement: Announcement) -> PublicRow:
    """The row of a sample, not numbered yet. Both may be mirrors of the contracts."""
    failed = verdict.outcome == "fail"
    producer, party = sample.producer, sample.sampled_party
    made: Any = sample.production_date
    return PublicRow(
        sample_id=sample.sample_id,
        producer_name=normal(producer and producer.name),
        producer_address=normal(producer and producer.address),
        party_name=normal(party and party.name),
        party_address=normal(party and party.address) if failed else None,
        province=None if failed else normal(province_name(sample.region)),
        product_name=_named(sample.product_name),
        specification=normal(sample.specification),
        brand=normal(sample.brand) if failed else None,
        made=made_on.write(date.fromisoformat(str(made)) if made else None, normal(sample.batch)),
        items=tuple(map(measured.line_of, verdict.failed_items)) if failed else (),
        category=_named(sample.category[0]),
        announcement_no=normal(announcement.number),
        announced_on=announcement.day.isoformat() if announcement.day else None,
        task=normal(sample.task),
        laboratory=normal(verdict.lab_id if verdict.lab_id != UNNAMED_LAB else None) if failed else None,
        remark=_remark(sample, announcement),
        link=normal(announcement.link),
    )


def _remark(sample: Sample, announcement: Announcement) -> str | None:
    remark = normal(announcement.remark)
    if not (sample.source or "").startswith(SYNTHETIC):
        return remark
    return "；".join(filter(None, (SIMULATED, remark)))


def _named(name: str) -> str | None:
    """A text that no sample is without: 无 is a name here, and says nothing only elsewhere."""
    return name.strip() or None
