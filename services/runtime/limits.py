"""The limit on dead letters: a source that sends little but garbage stops its partition, and not the inspectors' view.

Without it a laboratory's broken release drains a whole topic into the dead letters within minutes, and everything has
to be replayed. Counted is what one source had rejected among all that came on its partition. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

#: Records over which the share is taken, newest last.
WINDOW = 10_000
#: With fewer records in the window a share says nothing: one bad message of two is no flood.
LEAST = 1_000


class Pause(NamedTuple):
    """A partition that is not read on, the source that had its messages rejected (may be empty) and why."""

    topic: str
    partition: int
    source: str
    reason: str


class OverLimit(Exception):
    """With this batch a source would go past the limit: it is not to be applied."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(pause.reason)
        self.pause = pause


@dataclass(slots=True)
class _Seen:
    """What came on one partition of late: batches as (records, rejected by source), and the unbroken run."""

    batches: deque[tuple[int, Mapping[str, int]]] = field(default_factory=deque)
    records: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    run: tuple[str, int] = ("", 0)


class DeadLetterLimit:
    """Judges batches before they are applied and remembers those that were.

    ratio: the largest share of the window that one source may have rejected. run: the most rejected messages of one
    source with nothing else between them. 0 switches either off.
    """

    def __init__(self, ratio: float = 0.5, run: int = 10_000) -> None:
        self._ratio = ratio
        self._run = run
        self._seen: dict[tuple[str, int], _Seen] = {}

    def check(self, topic: str, partition: int, records: int, rejected: Mapping[str, int]) -> None:
        """Raises OverLimit if the batch, which had these of its records rejected by source, goes past the limit."""
        if not rejected:
            return
        seen = self._seen.get((topic, partition)) or _Seen()
        source, count = max(
            ((source, count + seen.rejected[source]) for source, count in rejected.items()), key=lambda item: item[1]
        )
        total = seen.records + records
        reason = None
        if self._ratio and total >= LEAST and count > self._ratio * total:
            reason = f"{count:,} of the last {total:,} records were rejected messages of {_name(source)}"
        source_in_run, length = _run_after(seen.run, records, rejected)
        if reason is None and self._run and length > self._run:
            source, reason = source_in_run, f"{length:,} rejected messages of {_name(source_in_run)} in a row"
        if reason is not None:
            raise OverLimit(Pause(topic, partition, source, reason))

    def count(self, topic: str, partition: int, records: int, rejected: Mapping[str, int]) -> None:
        """Remembers a batch that was applied."""
        seen = self._seen.setdefault((topic, partition), _Seen())
        seen.run = _run_after(seen.run, records, rejected)
        seen.batches.append((records, rejected))
        seen.records += records
        seen.rejected.update(rejected)
        while len(seen.batches) > 1 and seen.records - seen.batches[0][0] >= WINDOW:
            old, refused = seen.batches.popleft()
            seen.records -= old
            seen.rejected -= Counter(refused)

    def keep_only(self, places: Collection[tuple[str, int]]) -> None:
        """Forgets every other partition."""
        self._seen = {place: seen for place, seen in self._seen.items() if place in places}


def _run_after(run: tuple[str, int], records: int, rejected: Mapping[str, int]) -> tuple[str, int]:
    # to the batch, not the record: a run that begins inside one is counted from the next
    if len(rejected) == 1:
        (source, count), *_ = rejected.items()
        if count == records:
            return source, count + (run[1] if run[0] == source else 0)
    return "", 0


def _name(source: str) -> str:
    return repr(source) if source else "no named source"
