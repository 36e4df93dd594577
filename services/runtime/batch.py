"""A batch: what one fetch brought of one partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    def split(self, size: int) -> tuple[Batch, Batch]:
        """The first records, that many, and the rest."""
        middle = self.records[size].offset
        first = replace(self, end=middle, records=self.records[:size])
        return first, replace(self, start=middle, records=self.records[size:])
