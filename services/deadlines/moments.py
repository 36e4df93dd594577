"""The moments in a sample's record that start and stop clocks, and the fields that the table names them by."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple


class Moments(NamedTuple):
    """What a sample's record says happened, and when.

    reported: the first report was issued. passed, failed: the verdict that stands was first concluded so; arrived: it
    came in here. A later amendment that says the same moves neither. retested: a retest concluded.
    """

    taken: datetime | None = None
    received: datetime | None = None
    reported: datetime | None = None
    arrived: datetime | None = None
    passed: datetime | None = None
    failed: datetime | None = None
    retested: datetime | None = None


_BY_FIELD: Final = {
    ("SampleTaken.sampled_at", None): "taken",
    ("SampleReceived.received_at", None): "received",
    ("Verdict.concluded_at", None): "reported",
    ("Verdict.concluded_at", "pass"): "passed",
    ("Verdict.concluded_at", "fail"): "failed",
    ("Receipt.arrived_at", None): "arrived",
    ("RetestReported.issued_at", None): "retested",
}
#: The names of the moments that the sampling service sees.
WATCHED_MOMENTS: Final = frozenset(_BY_FIELD.values())


def moment_name(field: str, outcome: str | None) -> str | None:
    """The moment that a field stands for; None for what a sample's record does not have."""
    return _BY_FIELD.get((field, outcome))
