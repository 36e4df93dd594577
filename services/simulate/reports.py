"""Laboratory reports: items whose values agree with their verdicts, and the bodies of the events that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.simulate.clock import DAY, Clock
from services.simulate.items import PanelItem
from services.simulate.places import NIGHT_UTC_LABORATORY
from services.simulate.randomness import Dice
from services.simulate.sampling import Taken

Items = Sequence[PanelItem]
_LEAST_ITEMS, _MOST_ITEMS = 3, 8
_SECOND_FAILURE = 0.12
_UNTESTED = 0.01


class Head(NamedTuple):
    """What identifies a report, and when the laboratory received the sample and issued it."""

    report_no: str
    revision: int
    lab_id: str
    received: int
    issued: int


class Laboratory:
    """Chooses test items and writes reports."""

    def __init__(self, dice: Dice, clock: Clock) -> None:
        self._dice = dice
        self._clock = clock

    def choose(self, taken: Taken) -> Items:
        """The test items of a sample: one or two of a rapid test, else three to eight of the category's panel."""
        panel = taken.category.panel
        low, high = (1, 2) if taken.domain == "food_rapid" else (_LEAST_ITEMS, _MOST_ITEMS)
        count = min(self._dice.between(low, high), len(panel))
        first = int(self._dice.uniform() * len(panel))
        return (panel + panel)[first : first + count]

    def failing(self, items: Items) -> Items:
        """One item that fails, at times two; prohibited substances are found less often than residues over limits."""
        first = self._one(items)
        others = [item for item in items if item is not first]
        return (first, self._one(others)) if others and self._dice.chance(_SECOND_FAILURE) else (first,)

    def _one(self, items: Items) -> PanelItem:
        left = self._dice.uniform() * sum(item.fail_weight for item in items)
        for item in items:
            left -= item.fail_weight
            if left < 0:
                return item
        return items[-1]

    def measured(self, items: Items, failing: Items = (), portion: str | None = None) -> list[dict[str, Any]]:
        """The items with values that pass, but for those that fail."""
        uniform = self._dice.uniform
        lines = []
        for item in items:
            if item in failing:
                lines.append({**item.fixed, "value": item.failing(uniform()), "verdict": "fail"})
            else:
                lines.append({**item.fixed, "value": item.passing(uniform()), "verdict": "pass"})
        if len(lines) > 1 and not failing and uniform() < _UNTESTED:
            lines[-1] = {**items[-1].fixed, "verdict": "untested"}
        if portion is not None:
            lines = [{**line, "portion": portion} for line in lines]
        return lines

    def unclear(self, items: Items) -> list[dict[str, Any]]:
        """Items that give no verdict: not tested for want of material, or measured without a judgement."""
        if self._dice.chance(0.7):
            return [{**item.fixed, "verdict": "untested"} for item in items]
        return [
            {**item.fixed, "value": item.passing(self._dice.uniform()), "verdict": "inconclusive"} for item in items
        ]

    def report(
        self, kind: str, sample_id: str, head: Head, lines: list[dict[str, Any]], outcome: str
    ) -> dict[str, Any]:
        """The body of ResultReported, ResultAmended or RetestReported; `outcome` must follow from the lines."""
        write = self._clock.utc if head.lab_id == NIGHT_UTC_LABORATORY else self._clock.local
        same_day = head.issued - head.received < 2 * DAY
        return {
            "type": kind,
            "source": f"synthetic:{head.lab_id}",
            "event_id": f"{head.report_no}.{head.revision}",
            "report_no": head.report_no,
            "revision": head.revision,
            "sample_id": sample_id,
            "lab_id": head.lab_id,
            "received_at": write(head.received),
            "started_at": write(head.received if same_day else head.received + DAY),
            "finished_at": write(head.issued if same_day else head.issued - DAY),
            "issued_at": write(head.issued),
            "items": lines,
            "conclusion": outcome,
        }

    def withdrawal(self, sample_id: str, head: Head, withdrawn: int, reason: str) -> dict[str, Any]:
        """The body of ResultWithdrawn for the report of `head`."""
        write = self._clock.utc if head.lab_id == NIGHT_UTC_LABORATORY else self._clock.local
        return {
            "type": "ResultWithdrawn",
            "source": f"synthetic:{head.lab_id}",
            "event_id": f"{head.report_no}.{head.revision + 1}",
            "report_no": head.report_no,
            "revision": head.revision + 1,
            "sample_id": sample_id,
            "lab_id": head.lab_id,
            "withdrawn_at": write(withdrawn),
            "reason": reason,
        }
