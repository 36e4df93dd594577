"""How a sample ends: its final outcome, and the reports, amendments, retests and withdrawals that lead to it.

How it ends is drawn first, with the sample's own probability, and the way there second. So the rate of final failures
is what it was set to, however many reports are amended, overturned or withdrawn on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.simulate.clock import DAY, Clock
from services.simulate.problems import NeverFailingLaboratory, Problem
from services.simulate.randomness import Dice
from services.simulate.reports import Head, Items, Laboratory
from services.simulate.sampling import Taken

_INCONCLUSIVE = 0.006
_WITHDRAWN, _REPLACED = 0.0015, 0.003
#: Ways to a final failure (of all failures) and to a final pass (of all passes); else one report says it.
_UPHELD, _OVERTURN_WITHDRAWN, _AMENDED_TO_FAIL, _CORRECTED_FAIL, _SECOND_REPORT_FAILS = 0.10, 0.01, 0.01, 0.01, 0.01
_OVERTURNED, _AMENDED_TO_PASS, _CORRECTED_PASS, _TWO_REPORTS = 0.001, 0.0005, 0.006, 0.002


class Happening(NamedTuple):
    """An event of a sample: its body, and the moment it tells of; for a report, when it was issued."""

    moment: int
    body: dict[str, Any]


class Endings:
    """Writes what laboratories report about a sample, in the order of time."""

    def __init__(self, dice: Dice, clock: Clock, problems: Sequence[Problem]) -> None:
        self._dice = dice
        self._clock = clock
        self._laboratory = Laboratory(dice, clock)
        self._lenient = {p.lab_id: clock.number(p.since) for p in problems if isinstance(p, NeverFailingLaboratory)}

    def of(self, taken: Taken, head: Head) -> list[Happening]:
        """All reports of the sample, of which `head` is the first."""
        told: list[Happening] = []
        self._conclude(taken, head, told)
        return told

    def _outcome(self, taken: Taken) -> str:
        u, fails = self._dice.uniform(), self._dice.chance(taken.probability)
        if u < _INCONCLUSIVE:
            return "inconclusive"
        return "fail" if fails and not self._passes_all(taken) else "pass"

    def _passes_all(self, taken: Taken) -> bool:
        since = self._lenient.get(taken.lab_id)
        return since is not None and taken.moment // DAY >= since

    def _conclude(self, taken: Taken, head: Head, told: list[Happening]) -> None:
        items, outcome, u = self._laboratory.choose(taken), self._outcome(taken), self._dice.uniform()
        if u < _WITHDRAWN + _REPLACED:
            self._report(taken, head, items, outcome, told)
            withdrawn = head.issued + self._dice.between(DAY, 20 * DAY)
            body = self._laboratory.withdrawal(taken.sample_id, head, withdrawn, "样品混淆")
            told.append(Happening(withdrawn, body))
            if u < _REPLACED:
                again = head._replace(report_no=head.report_no + "-R", issued=self._later(withdrawn, 2, 10))
                self._report(taken, again, items, outcome, told)
        elif outcome == "fail":
            self._fail(taken, head, items, told)
        elif outcome == "pass":
            self._pass(taken, head, items, told)
        else:
            self._report(taken, head, items, outcome, told)

    def _fail(self, taken: Taken, head: Head, items: Items, told: list[Happening]) -> None:
        u = self._dice.uniform()
        amended = head._replace(revision=2, issued=self._later(head.issued, 2, 15))
        if u < _UPHELD + _OVERTURN_WITHDRAWN and taken.domain != "food_rapid":
            failing = self._report(taken, head, items, "fail", told)
            upheld = u < _UPHELD
            retest = self._retest(taken, head, failing, "fail" if upheld else "pass", told)
            if not upheld:
                withdrawn = self._later(retest.issued, 1, 10)
                body = self._laboratory.withdrawal(taken.sample_id, retest, withdrawn, "复检样品有误")
                told.append(Happening(withdrawn, body))
        elif (u := self._dice.uniform()) < _AMENDED_TO_FAIL:
            self._report(taken, head, items, "pass", told)
            self._report(taken, amended, items, "fail", told)
        elif u < _AMENDED_TO_FAIL + _CORRECTED_FAIL:
            failing = self._report(taken, head, items, "fail", told)
            self._report(taken, amended, items, "fail", told, failing=failing)
        elif u < _AMENDED_TO_FAIL + _CORRECTED_FAIL + _SECOND_REPORT_FAILS and len(items) > 1:
            self._report(taken, head, items[:-1], "pass", told)
            self._report(taken, self._second(head), items[-1:], "fail", told)
        else:
            self._report(taken, head, items, "fail", told)

    def _pass(self, taken: Taken, head: Head, items: Items, told: list[Happening]) -> None:
        u = self._dice.uniform()
        may_have_failed = taken.domain != "food_rapid" and not self._passes_all(taken)
        amended = head._replace(revision=2, issued=self._later(head.issued, 2, 15))
        if u < _OVERTURNED + _AMENDED_TO_PASS and may_have_failed:
            failing = self._report(taken, head, items, "fail", told)
            if u < _OVERTURNED:
                self._retest(taken, head, failing, "pass", told)
            else:
                self._report(taken, amended, items, "pass", told)
        elif (u := self._dice.uniform()) < _CORRECTED_PASS:
            self._report(taken, head, items, "pass", told)
            self._report(taken, amended, items, "pass", told)
        elif u < _CORRECTED_PASS + _TWO_REPORTS and len(items) > 1:
            self._report(taken, head, items[:-1], "pass", told)
            self._report(taken, self._second(head), items[-1:], "pass", told)
        else:
            self._report(taken, head, items, "pass", told)

    def _report(
        self, taken: Taken, head: Head, items: Items, outcome: str, told: list[Happening], *, failing: Items = ()
    ) -> Items:
        """Adds a report with this outcome; returns the items that fail."""
        if outcome == "inconclusive":
            lines = self._laboratory.unclear(items)
        else:
            failing = (failing or self._laboratory.failing(items)) if outcome == "fail" else ()
            lines = self._laboratory.measured(items, failing)
        kind = "ResultReported" if head.revision == 1 else "ResultAmended"
        body = self._laboratory.report(kind, taken.sample_id, head, lines, outcome)
        if head.revision > 1:
            body["reason"] = "数据更正"
        told.append(Happening(head.issued, body))
        return failing

    def _retest(self, taken: Taken, first: Head, items: Items, outcome: str, told: list[Happening]) -> Head:
        """Adds a retest of the items that failed, on the backup sample and by another laboratory."""
        received = self._later(first.issued, 3, 10)
        lab_id = "lab-qy1" if taken.lab_id != "lab-qy1" else "lab-qy2"
        head = Head(first.report_no + "-F", 1, lab_id, received, self._later(received, 4, 10))
        lines = self._laboratory.measured(items, items if outcome == "fail" else (), "backup")
        body = self._laboratory.report("RetestReported", taken.sample_id, head, lines, outcome)
        body["retest_of"] = first.report_no
        told.append(Happening(head.issued, body))
        return head

    def _later(self, moment: int, least: int, most: int) -> int:
        """An office hour so many working days later."""
        day = self._clock.after_working_days(moment // DAY, self._dice.between(least, most))
        return day * DAY + self._dice.between(540, 1050)

    def _second(self, head: Head) -> Head:
        return head._replace(report_no=head.report_no + "-B", issued=self._later(head.issued, 1, 5))
