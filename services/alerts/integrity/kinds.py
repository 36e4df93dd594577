"""What is looked for in a laboratory's data: one function a kind, each giving trials against its peers. Pure.

A laboratory is compared with all others that measure the same item by the same method in the same unit. What is
striking is defined by the peers' own data: a share of theirs, at its upper confidence bound and with a margin on top,
is what may be expected. Where fewer than three peers, or few cases of theirs, are there to compare with, nothing is
said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from services.alerts.hotspots.detector import raised
from services.alerts.hotspots.intervals import clopper_pearson
from services.alerts.integrity.evidence import Trials
from services.alerts.integrity.records import Measurement, ReportRecord

#: Laboratory -> its trials.
ByLab = dict[str, list[Trials]]
#: Cases of a group by laboratory: whether each was striking.
Cases = dict[str, list[bool]]

_LEAST_PEERS, _LEAST_CASES = 3, 60
#: How much more often than its peers, by odds, a laboratory may honestly differ.
_MARGIN = 1.5
#: Clerical errors of honest laboratories: so many reports have a time out of order.
_SLIPS = 0.002
#: What counts as close to a limit, as a share of it.
_CLOSE = 0.1
#: The shares of the peers' values that mark what is quick, and what is alike.
_QUICK, _ALIKE = 0.02, 0.10
_DIGITS = 3


def impossible_times(reports: Sequence[ReportRecord]) -> ByLab:
    """Finished before it was started, issued before it was finished, received before it was sampled."""
    cases: Cases = defaultdict(list)
    for report in reports:
        moments = [report.sampled, report.received, report.started, report.finished, report.issued]
        known = [moment for moment in moments if moment is not None]
        cases[report.lab].append(any(later < earlier for earlier, later in pairwise(known)))
    return {lab: [Trials("times of a report", sum(hits), len(hits), _SLIPS)] for lab, hits in cases.items()}


def quick_turnaround(reports: Sequence[ReportRecord]) -> ByLab:
    """From receipt to issue in less time than 98 of 100 of the peers' reports of the same domain take."""
    groups: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        if report.received is not None:
            groups[report.path[0] if report.path else ""][report.lab].append(report.issued - report.received)
    return _gather(
        (f"turnaround {domain}".strip(), _below_quantile(by_lab, _QUICK)) for domain, by_lab in groups.items()
    )


def repeated_values(reports: Sequence[ReportRecord]) -> ByLab:
    """The very same number, of at least two digits, as the one before it for the same item. All items are one group:
    repetitions are rare, and how rare says more about rounding than about the item."""
    merged: Cases = defaultdict(list)
    for by_lab in _measurements(reports).values():
        for lab, values in by_lab.items():
            texts = [one.text for one in values if one.text and _significant(one.text) >= 2]
            merged[lab] += [one == other for one, other in pairwise(texts)]
    return _gather([("a number as the one before it", _against_peers(merged))])


def little_variation(reports: Sequence[ReportRecord]) -> ByLab:
    """Two values in a row that differ by less than nine of ten pairs of the peers do."""
    groups = _measurements(reports)
    found = []
    for group, by_lab in groups.items():
        differences = {
            lab: [abs(a - b) for a, b in zip(numbers[::2], numbers[1::2], strict=False)]
            for lab, values in by_lab.items()
            for numbers in [[one.value for one in values if one.value is not None]]
        }
        found.append((group, _below_quantile(differences, _ALIKE)))
    return _gather(found)


def just_under_limit(reports: Sequence[ReportRecord]) -> ByLab:
    """Values that keep an upper limit by less than a tenth of it, among all that are numbers."""

    def hits(values: Sequence[Measurement]) -> list[bool]:
        return [
            (1 - _CLOSE) * one.limit < one.value <= one.limit
            for one in values
            if one.value is not None and one.limit and one.limit_kind == "max"
        ]

    return _by_group(reports, hits)


KINDS: dict[str, Callable[[Sequence[ReportRecord]], ByLab]] = {
    "impossible_times": impossible_times,
    "quick_turnaround": quick_turnaround,
    "repeated_values": repeated_values,
    "little_variation": little_variation,
    "just_under_limit": just_under_limit,
}


def last_digits(reports: Sequence[ReportRecord]) -> dict[str, list[int]]:
    """How often each digit comes last in a laboratory's numbers of at least three digits."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * 10)
    for report in reports:
        for one in report.measurements:
            if one.text and _significant(one.text) >= _DIGITS:
                counts[report.lab][int(one.text[-1])] += 1
    return dict(counts)


def _significant(text: str) -> int:
    """Digits of a number as written, without leading zeros; 0 for one in another notation."""
    digits = text.replace(".", "", 1).lstrip("-0")
    return len(digits) if digits.isdecimal() else 0


def _measurements(reports: Sequence[ReportRecord]) -> dict[str, dict[str, list[Measurement]]]:
    groups: dict[str, dict[str, list[Measurement]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        for one in report.measurements:
            groups[one.group][report.lab].append(one)
    return groups


def _by_group(reports: Sequence[ReportRecord], hits: Callable[[Sequence[Measurement]], list[bool]]) -> ByLab:
    groups = _measurements(reports)
    return _gather(
        (group, _against_peers({lab: hits(values) for lab, values in by_lab.items()}))
        for group, by_lab in groups.items()
    )


def _gather(groups: Iterable[tuple[str, dict[str, tuple[int, int, float]]]]) -> ByLab:
    found: ByLab = defaultdict(list)
    for group, by_lab in groups:
        for lab, (striking, n, p0) in by_lab.items():
            found[lab].append(Trials(group, striking, n, p0))
    return found


def _against_peers(cases: Cases) -> dict[str, tuple[int, int, float]]:
    """Each laboratory's striking cases, and the share that is expected by those of all others."""
    found = {}
    for lab, hits in cases.items():
        peers = [others for name, others in cases.items() if name != lab and others]
        striking, n = sum(map(sum, peers)), sum(map(len, peers))
        if hits and len(peers) >= _LEAST_PEERS and n >= _LEAST_CASES:
            found[lab] = (sum(hits), len(hits), _expected(striking, n))
    return found


def _below_quantile(values: dict[str, list[float]], share: float) -> dict[str, tuple[int, int, float]]:
    """Each laboratory's cases strictly below a quantile of its peers' values."""
    found = {}
    for lab, own in values.items():
        peers = [np.asarray(others) for name, others in values.items() if name != lab and others]
        if not own or len(peers) < _LEAST_PEERS or sum(map(len, peers)) < _LEAST_CASES:
            continue
        pooled = np.concatenate(peers)
        mark = np.quantile(pooled, share)
        found[lab] = (int((np.asarray(own) < mark).sum()), len(own), _expected(int((pooled < mark).sum()), len(pooled)))
    return found


def _expected(striking: int, n: int) -> float:
    """The peers' share at its upper 97.5 % bound, and a margin on top."""
    return min(0.99, raised(min(clopper_pearson(striking, n).high, 0.98), _MARGIN))
