"""The catalogue of metrics: every metric of every service, with its meaning, unit, labels and who sets it.

Names follow Prometheus's conventions. Labels are of closed lists: no label names a sample, an enterprise or a person.
The one that names a laboratory (`lab_id`) takes only the laboratories that the configuration lists, `MOST_LABORATORIES`
at most. The table in docs/operations.md is written from here: `python -m services.runtime.metrics_table`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.bulk_histogram import BulkHistogram

#: Laboratories that may have series of their own.
MOST_LABORATORIES: Final = 100

_ALL: Final = ("sampling", "lab_results", "alerts", "hotspots")
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_DAYS: Final = (300, 900, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 7 * 24 * 3600)


class Declared(NamedTuple):
    """A metric as it is exposed. seldom: it has no series before something out of the ordinary happens."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    services: tuple[str, ...]
    seldom: bool


CATALOGUE: list[Declared] = []


def _declare(
    name: str, kind: str, unit: str, meaning: str, labels: Sequence[str], services: tuple[str, ...], seldom: bool
) -> None:
    CATALOGUE.append(Declared(f"samplewatch_{name}", kind, unit, tuple(labels), meaning, services, seldom))


def _counter(
    name: str, unit: str, meaning: str, *labels: str, services: tuple[str, ...] = _ALL, seldom: bool = False
) -> Counter:
    _declare(f"{name}_total", "counter", unit, meaning, labels, services, seldom)
    return Counter(f"samplewatch_{name}", meaning, labels)


def _gauge(
    name: str, unit: str, meaning: str, *labels: str, services: tuple[str, ...] = _ALL, seldom: bool = False
) -> Gauge:
    _declare(name, "gauge", unit, meaning, labels, services, seldom)
    return Gauge(f"samplewatch_{name}", meaning, labels)


def _histogram(
    name: str,
    unit: str,
    meaning: str,
    *labels: str,
    buckets: Sequence[float] = _FAST,
    services: tuple[str, ...] = _ALL,
    seldom: bool = False,
) -> Histogram:
    _declare(name, "histogram", unit, meaning, labels, services, seldom)
    return Histogram(f"samplewatch_{name}", meaning, labels, buckets=buckets)


# rate, errors and duration of every stage
EVENTS = _counter("events", "records", "Records applied", "stage")
RETRIES = _counter("apply_retries", "batches", "Batches tried again after an error of Redis or Kafka", "stage")
BATCH_RECORDS = _histogram(
    "batch_records", "records", "Records in a fetched batch", "stage", buckets=(1, 10, 100, 500, 1000, 2500, 5000)
)
BATCH_SECONDS = _histogram(
    "batch_seconds", "seconds", "From taking a batch up to its acknowledgement, retries included", "stage"
)
STEP_SECONDS = _histogram(
    "step_seconds", "seconds", "Each step of the apply procedure: decode, load, fold, apply, publish", "stage", "step"
)
_RECORD_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_declare(
    "record_seconds",
    "histogram",
    "seconds",
    "From a record's arrival at the broker until all that follows from it is acknowledged there; of lab.results.v1,"
    " until its verdict is. What is read again after Redis was lost does not count",
    ("stage", "topic"),
    _ALL,
    False,
)
RECORD_SECONDS = BulkHistogram("samplewatch_record_seconds", CATALOGUE[-1].meaning, ("stage", "topic"), _RECORD_BUCKETS)

# where a process stands
READY = _gauge("ready", "0 or 1", "1 when assigned and caught up with what was there at the assignment")
ASSIGNED = _gauge("assigned_partitions", "partitions", "Partitions that this process owns", "stage")
LAG = _gauge("lag_records", "records", "Records behind the end of an owned partition", "topic", "partition")
STANDING = _gauge(
    "standing_still_seconds",
    "seconds",
    "For how long no owned partition of the topic that has records to apply, and is not paused, has moved; the longest",
    "topic",
)
PAUSED = _gauge(
    "paused_partitions",
    "0 or 1",
    "1 for a partition that is not read on, because one source had too many messages rejected",
    "topic",
    "partition",
    seldom=True,
)
CATCH_UP_GOAL = _gauge(
    "catch_up_goal_records", "records", "Records that were there to be read when reading last began", "topic"
)
CATCH_UP_LEFT = _gauge(
    "catch_up_left_records", "records", "Those of them still to apply: how far a rebuild or a catching up is", "topic"
)
OUTBOX = _gauge(
    "outbox_messages", "messages", "Messages applied by this process that Kafka has not acknowledged yet", "stage"
)
OUTBOX_SECONDS = _gauge("outbox_oldest_seconds", "seconds", "For how long the oldest of them has waited", "stage")
ROLLBACKS = _counter("ledger_rollbacks", "times", "Times that Redis was found to have gone back in time", "stage")
REDIS_APPEND_ONLY = _gauge(
    "redis_append_only", "0 or 1", "Whether Redis keeps an append-only file; -1 when it does not say"
)
REDIS_MEMORY = _gauge("redis_memory_bytes", "bytes", "Memory that Redis uses for data (used_memory)")
REDIS_MEMORY_LIMIT = _gauge("redis_memory_limit_bytes", "bytes", "Redis's maxmemory; 0: none")

# what comes in from outside
RECEIPTS = _counter(
    "receipts",
    "answers",
    "Answers given to events taken in",
    "topic",
    "outcome",
    services=("sampling", "lab_results", "alerts"),
)
DEAD_LETTERS = _counter(
    "dead_letters", "messages", "Messages that could not be taken, by the field at fault", "topic", "field", seldom=True
)
FORWARDED = _counter(
    "forwarded_events", "events", "Events sent on to the partition that owns their key", "topic", seldom=True
)
LABORATORY_RESULTS = _counter(
    "laboratory_results",
    "results",
    "Results accepted or parked, of the laboratories listed in SAMPLEWATCH_DAILY_LABORATORIES; all others as `other`",
    "lab_id",
    services=("lab_results",),
)
LABORATORY_DAILY = _gauge(
    "laboratory_reports_daily",
    "1",
    "1 for each laboratory of that list",
    "lab_id",
    services=("lab_results",),
    seldom=True,
)
WORKING_DAY = _gauge(
    "working_day", "0 or 1", "Whether today is a working day of the mainland", services=("lab_results",)
)

# what comes out
VERDICTS = _counter(
    "verdicts",
    "verdicts",
    "Verdicts published, each revision anew",
    "domain",
    "plan",
    "outcome",
    services=("lab_results",),
)
NEWEST_VERDICT = _gauge(
    "newest_verdict_timestamp_seconds",
    "seconds since 1970",
    "When the newest result or sample arrived that changed a verdict; 0: none since the start",
    services=("lab_results",),
)
DEADLINES = _counter(
    "deadlines",
    "deadlines",
    "What became of statutory deadlines: near, passed, met, void",
    "rule",
    "phase",
    services=("sampling",),
)
OPEN_DEADLINES = _gauge(
    "open_deadlines", "deadlines", "Deadlines of owned partitions that are near or have passed", services=("sampling",)
)
ALERTS = _gauge(
    "alerts",
    "alerts",
    "Alerts as they stand, of all partitions whichever process is asked: take the maximum, not the sum",
    "kind",
    "severity",
    "state",
    services=("alerts",),
)
ALERT_STEPS = _counter(
    "alert_steps", "steps", "Steps that alerts took: raised, escalated, ...", "kind", "transition", services=("alerts",)
)
ACKNOWLEDGE_SECONDS = _histogram(
    "acknowledge_seconds",
    "seconds",
    "From raising an alert to its acknowledgement",
    "severity",
    buckets=_DAYS,
    services=("alerts",),
)

# who is told; channels are counted by their kind
SENT = _counter(
    "notifications",
    "messages",
    "Attempts to tell somebody: delivered, failed, abandoned, unknown",
    "channel",
    "outcome",
    services=("alerts",),
)
SEND_SECONDS = _histogram(
    "notification_seconds",
    "seconds",
    "One attempt to send a message",
    "channel",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60),
    services=("alerts",),
)
URGENT_SECONDS = _histogram(
    "urgent_delivery_seconds",
    "seconds",
    "From raising an urgent alert to the delivery, or the abandonment, of each message that first tells of it",
    "channel",
    buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
    services=("alerts",),
)
WAITING = _gauge(
    "notifications_waiting",
    "messages",
    "Messages that are planned and not delivered",
    "channel",
    services=("alerts",),
)
OLDEST_SECONDS = _gauge(
    "notification_oldest_seconds", "seconds", "Age of the oldest message that waits", "channel", services=("alerts",)
)
DEAD_CHANNELS = _gauge(
    "dead_channels", "destinations", "Destinations that have failed for too long", "channel", services=("alerts",)
)
ROUTES_CURRENT = _gauge(
    "routes_current", "0 or 1", "0 while the routes' files are broken and the old ones in force", services=("alerts",)
)


@contextmanager
def timed(stage: str, step: str) -> Iterator[None]:
    """Observes how long the block takes."""
    started = time.perf_counter()
    try:
        yield
    finally:
        STEP_SECONDS.labels(stage, step).observe(time.perf_counter() - started)
