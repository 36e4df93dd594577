"""Every metric of the services, with its meaning. Names follow Prometheus's conventions; no label names a sample,
an enterprise or a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("samplewatch_events", "Records applied, by stage", ["stage"])
RECEIPTS = Counter("samplewatch_receipts", "Answers given to events taken in", ["topic", "outcome"])
DEAD_LETTERS = Counter("samplewatch_dead_letters", "Messages that could not be taken", ["topic", "field"])
FORWARDED = Counter("samplewatch_forwarded_events", "Events sent on to the partition that owns their key", ["topic"])
BATCH_RECORDS = Histogram(
    "samplewatch_batch_records", "Records in a fetched batch", ["stage"], buckets=(1, 10, 100, 500, 1000, 2500, 5000)
)
STEP_SECONDS = Histogram(
    "samplewatch_step_seconds",
    "Time of each step of the apply procedure",
    ["stage", "step"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
RETRIES = Counter("samplewatch_apply_retries", "Batches tried again after an error of Redis or Kafka", ["stage"])
ROLLBACKS = Counter("samplewatch_ledger_rollbacks", "Times that Redis was found to have gone back in time", ["stage"])
LAG = Gauge("samplewatch_lag_records", "Records behind the end of the partition", ["topic", "partition"])
ASSIGNED = Gauge("samplewatch_assigned_partitions", "Partitions that this process owns", ["stage"])
READY = Gauge("samplewatch_ready", "1 when assigned and caught up with what was there at the assignment")
PAUSED = Gauge(
    "samplewatch_paused_partitions",
    "1 for a partition that is not read on, because one source had too many messages rejected",
    ["topic", "partition"],
)
REDIS_APPEND_ONLY = Gauge(
    "samplewatch_redis_append_only", "1 when Redis keeps an append-only file, 0 when not, -1 when it does not say"
)


@contextmanager
def timed(stage: str, step: str) -> Iterator[None]:
    """Observes how long the block takes."""
    started = time.perf_counter()
    try:
        yield
    finally:
        STEP_SECONDS.labels(stage, step).observe(time.perf_counter() - started)
