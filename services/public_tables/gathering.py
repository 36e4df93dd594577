"""Gathers the rows of the public tables from the record, in the order of the days they count on."""

from __future__ import annotations

from typing import Any, NamedTuple

from schemas.topics import SAMPLES, VERDICTS
from services.public_tables.columns import PublicRow
from services.public_tables.rows import Announcement, Choice, SampleFacts, VerdictFacts, row_of
from services.public_tables.workbook import numbered
from services.reports.record import Record


class Tables(NamedTuple):
    """The numbered rows of both tables, and how many failures wait for the end of their retest period."""

    passed: list[PublicRow]
    failed: list[PublicRow]
    pending: int


def gather(record: Record, choice: Choice, announcement: Announcement) -> Tables:
    """The rows of every verdict that `choice` takes.

    Raises LookupError where a verdict's sample is not on record, which the services never leave so.
    """
    found: list[tuple[str, PublicRow, bool]] = []
    pending = 0
    for partition in record.partitions(VERDICTS):
        verdicts = record.latest(VERDICTS, partition, VerdictFacts, lambda one: one if choice.may_take(one) else None)
        chosen = {sample_id: verdict for sample_id, verdict in verdicts.items() if choice.takes(verdict)}
        pending += len(verdicts) - len(chosen)

        def if_chosen(sample: Any, chosen: dict[str, Any] = chosen) -> Any:
            return sample if sample.sample_id in chosen else None

        samples = record.latest(SAMPLES, partition, SampleFacts, if_chosen)
        for sample_id, verdict in chosen.items():
            if sample_id not in samples:
                raise LookupError(f"the sample {sample_id} has a verdict and is not on {SAMPLES.name}")
            row = row_of(samples[sample_id], verdict, announcement)
            found.append((str(verdict.counted_on), row, verdict.outcome == "fail"))
    found.sort(key=lambda one: (one[0], one[1].sample_id))
    passed = numbered(row for _, row, failed in found if not failed)
    return Tables(passed, numbered(row for _, row, failed in found if failed), pending)
