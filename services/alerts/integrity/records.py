"""The reports that are looked at, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.timing import SYNTHETIC


@dataclass(frozen=True, slots=True)
class Measurement:
    """One item of a report. text: the number as it was written, whose digits count; both None where there is none."""

    item: str
    method: str
    value: float | None
    text: str | None
    limit: float | None
    limit_kind: str | None
    unit: str

    @property
    def group(self) -> str:
        """What is compared among laboratories: the same item by the same method in the same unit."""
        return " | ".join(filter(None, (self.item, self.method, self.unit)))


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A first report. Times in hours since the epoch; None where the report does not give them.

    failed: None where it concludes neither way. simulated: its source says so. path: the sample's stratum (domain,
    plan, targeting, stage, category), empty where the sample is not known.
    """

    lab: str
    report_no: str
    sample_id: str
    sampled: float | None
    received: float | None
    started: float | None
    finished: float | None
    issued: float
    failed: bool | None
    simulated: bool
    path: tuple[str, ...]
    region: str
    measurements: tuple[Measurement, ...]


def records_of(
    results: Iterable[Mapping[str, Any]], samples: Mapping[str, Mapping[str, Any]]
) -> Iterator[ReportRecord]:
    """First reports from the bodies of lab.results.v1 (the others revise them, for reasons of their own), in the order
    in which they were issued. One that comes again, in an event of its own, is no second measurement.
    samples: bodies of the samples by sample_id, as far as known."""
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for body in results:
        if body.get("type") == "ResultReported":
            first.setdefault((body["sample_id"], body["report_no"]), body)
    for body in sorted(first.values(), key=lambda body: (_hours(body["issued_at"]) or 0.0, body["report_no"])):
        sample = samples.get(body["sample_id"], {})
        yield ReportRecord(
            lab=body["lab_id"],
            report_no=body["report_no"],
            sample_id=body["sample_id"],
            sampled=_hours(sample.get("sampled_at")),
            received=_hours(body.get("received_at")),
            started=_hours(body.get("started_at")),
            finished=_hours(body.get("finished_at")),
            issued=_hours(body["issued_at"]) or 0.0,
            failed={"fail": True, "pass": False}.get(body["conclusion"]),
            simulated=(body.get("source") or "").startswith(SYNTHETIC),
            path=_path(sample),
            region=str(sample.get("region", "")),
            measurements=tuple(map(_measurement, body.get("items", ()))),
        )


def _path(sample: Mapping[str, Any]) -> tuple[str, ...]:
    if not sample:
        return ()
    targeting = sample.get("targeting", "routine")
    return (sample["domain"], sample["plan"], targeting, sample["stage"], *sample["category"])


def _measurement(item: Mapping[str, Any]) -> Measurement:
    value = item.get("value")
    text = None if value is None else str(value)
    try:
        number = float(text) if text is not None else None
    except ValueError:
        number, text = None, None
    limit = item.get("limit")
    return Measurement(
        item["item"],
        item.get("method") or "",
        number,
        text,
        None if limit is None else float(limit),
        item.get("limit_kind"),
        item.get("unit") or "",
    )


def _hours(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp() / 3600
