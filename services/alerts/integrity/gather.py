"""Gathers the reports of some days from the record in Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec

from schemas.results import RESULT_EVENT, ResultReported
from schemas.sampling import Sample
from schemas.structs import struct_of
from schemas.topics import LAB_RESULTS, SAMPLES
from services.alerts.integrity.records import ReportRecord, records_of
from services.reports.record import Record
from services.runtime.calendar import SHANGHAI, day_of
from services.runtime.intake import Intake, Reading, Taken
from services.runtime.settings import Settings
from services.runtime.signatures import load_registry
from services.runtime.topic_reading import offsets_since, partitions_of, reading_consumer, records_to_end

_SampleFacts: Any = struct_of(
    Sample,
    only=("sample_id", "revision", "domain", "plan", "targeting", "stage", "category", "region", "sampled_at"),
)


def gather(bootstrap: str, first: date, last: date) -> list[ReportRecord]:
    """The first reports that were issued from `first` to `last` (days of Asia/Shanghai), each once, with what is known
    of their samples. What the services reject is left out."""
    results: dict[tuple[str, str], dict[str, Any]] = {}
    for taken in _results(bootstrap, first):
        event = taken.event
        if isinstance(event, ResultReported) and first <= day_of(event.issued_at) <= last:
            # the source may stand in a header alone
            body = {**event.model_dump(mode="json"), "source": taken.source}
            results.setdefault((taken.source, taken.event_id), body)
    wanted = {body["sample_id"] for body in results.values()}
    samples: dict[str, dict[str, Any]] = {}
    with Record(bootstrap) as record:
        for partition in record.partitions(SAMPLES):
            found = record.latest(
                SAMPLES, partition, _SampleFacts, lambda one: one if one.sample_id in wanted else None
            )
            samples |= {name: msgspec.structs.asdict(one) for name, one in found.items()}
    return list(records_of(results.values(), samples))


def _results(bootstrap: str, first: date) -> Iterator[Taken]:
    """The results that arrived from the day before `first` on: what was issued on a day arrives on it or later."""
    registry = Settings.from_env().laboratories
    laboratories = load_registry(Path(registry)) if registry else None
    intake = Intake(LAB_RESULTS, "integrity", Reading(RESULT_EVENT, laboratories=laboratories))
    midnight = datetime.combine(first - timedelta(days=1), time(), SHANGHAI)
    with closing(reading_consumer(bootstrap, "samplewatch-integrity")) as consumer:
        for place in partitions_of(consumer, LAB_RESULTS.name):
            for record in records_to_end(consumer, offsets_since(consumer, [place], midnight)):
                yield from (item for item in intake.decode([record]) if isinstance(item, Taken))
