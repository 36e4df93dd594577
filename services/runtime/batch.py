"""A batch: what one fetch brought of one partition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from services.runtime.stage import Record


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition of one topic, in order, as fetched.

    It stands for the offsets from `start` to before `end`, some of which may hold no record.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]

    @property
    def size(self) -> int:
        """The bytes of its values."""
        return sum(len(record.value or b"") for record in self.records)

    def split(self, middle: int) -> tuple[Batch, Batch]:
        """What it holds of before that offset, and the rest."""
        size = bisect_left(self.records, middle, key=attrgetter("offset"))
        first = replace(self, end=middle, records=self.records[:size])
        return first, replace(self, start=middle, records=self.records[size:])


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one partition of one topic, of which each goes on where the one before it ends, as one."""
    if len(batches) == 1:
        return batches[0]
    records = [record for batch in batches for record in batch.records]
    return replace(batches[0], end=batches[-1].end, records=records)
