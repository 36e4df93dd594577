"""Rows of the answers, as JSON objects: counts, the rate and what it is a rate of. Pure."""

from __future__ import annotations

from typing import Any

from services.lab_results.api.denominators import denominator_of
from services.lab_results.api.parameters import Targeting
from services.lab_results.counts import Counts
from services.lab_results.cuts import Cell
from services.lab_results.rates import Span, share_of

#: A JSON object.
Row = dict[str, Any]


def chosen(counts: Counts, targeting: Targeting) -> Counts:
    """The counts of routine or of targeted sampling alone, or as they are.

    Inconclusive and revised samples are not told apart by targeting: they are in the counts of all samples only.
    """
    if targeting == "together":
        return counts
    if targeting == "targeted":
        return Counts(passed=counts.targeted_passed, failed=counts.targeted_failed)
    return Counts(passed=counts.passed - counts.targeted_passed, failed=counts.failed - counts.targeted_failed)


def head(cell: Cell, targeting: Targeting) -> Row:
    """What a row is about."""
    return {
        "cut": cell.cut,
        "cell": cell.value,
        "domain": cell.domain,
        "plan": cell.plan,
        "measure": cell.measure,
        "targeting": targeting,
        "denominator": denominator_of(cell.measure, targeting),
    }


def days(span: Span) -> Row:
    """The span's ends."""
    return {"from": span.first.isoformat(), "to": span.last.isoformat()}


def rated(counts: Counts) -> Row:
    """Counts and rate; nothing passed or failed: the rate and its bounds are null, not zero."""
    passed, failed = counts.passed, counts.failed
    share = share_of(passed, failed)
    return {
        "pass": passed,
        "fail": failed,
        "samples": passed + failed,
        "rate": share and share.rate,
        "low": share and share.low,
        "high": share and share.high,
    }


def rated_if_any(counts: Counts, span: Span | None = None) -> Row | None:
    """The same with its days; None where there is no rate."""
    if not counts.passed + counts.failed:
        return None
    return {**days(span), **rated(counts)} if span else rated(counts)


def beside(counts: Counts, targeting: Targeting) -> Row:
    """What stands beside the rate, of all samples only."""
    together = targeting == "together"
    return {
        "inconclusive": counts.inconclusive if together else None,
        "revised": counts.revised if together else None,
    }
