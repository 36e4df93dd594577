"""The catalogue of metrics keeps the conventions, and the page has it; tests/e2e/test_metrics.py compares it with what
a running system exposes."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest

from services.runtime import measuring, metrics_table
from services.runtime.bulk_histogram import BulkHistogram
from services.runtime.liveness import Progress
from services.runtime.measuring import Standstill
from services.runtime.metrics import CATALOGUE, MOST_LABORATORIES, Declared
from services.runtime.settings import Settings
from tests.system import ROOT, SERVICES

#: Labels whose values are a closed list; `lab_id` is bounded by configuration.
LABELS = {
    "stage", "step", "topic", "partition", "field", "outcome", "lab_id", "rule", "phase", "kind", "severity", "state",
    "transition", "channel", "domain", "plan",
}  # fmt: skip


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Declared) -> None:
    assert re.fullmatch(r"samplewatch_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    for unit in ("seconds", "bytes"):
        assert metric.name.endswith(f"_{unit}") == metric.unit.startswith(unit)
    assert set(metric.labels) <= LABELS
    assert metric.meaning and set(metric.services) <= set(SERVICES)


def test_each_metric_is_declared_once() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(names) == len(set(names))


def test_the_page_has_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / metrics_table.PAGE).read_text()
    assert page == metrics_table.with_table(page)
    monkeypatch.chdir(ROOT)
    assert metrics_table.main(["--check"]) == 0


@given(st.lists(st.lists(st.floats(0, 20) | st.sampled_from([0.1, 1.0, 5.0]))))
def test_a_bulk_histogram_counts_as_the_stock_one(batches: list[list[float]]) -> None:
    bounds, bulk_registry, registry = (0.1, 1, 5), CollectorRegistry(), CollectorRegistry()
    bulk = BulkHistogram("x", "about x", ["a"], bounds, bulk_registry)
    stock = Histogram("x", "about x", ["a"], buckets=bounds, registry=registry)
    for batch in batches:
        stock.labels("v")
        bulk.observe_many(("v",), np.array(batch))
        for value in batch:
            stock.labels("v").observe(value)
    found, wanted = (
        {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
        for text in (generate_latest(bulk_registry).decode(), generate_latest(registry).decode())
    )
    wanted = {name: value for name, value in wanted.items() if "_created" not in name}
    assert found == pytest.approx(wanted)


def test_a_clock_that_is_ahead_gives_no_negative_age() -> None:
    registry = CollectorRegistry()
    BulkHistogram("x", "about x", [], (1,), registry).observe_many((), np.array([-3.0]))
    assert registry.get_sample_value("x_sum") == 0
    assert registry.get_sample_value("x_bucket", {"le": "1.0"}) == 1


def test_what_has_records_to_apply_and_does_not_move_stands_still() -> None:
    now = 100.0
    standstill = Standstill(lambda: now)
    place = ("t", 3)
    assert standstill.seconds({place: Progress(7, 2)}) == {"t": 0}
    now = 110.0
    assert standstill.seconds({place: Progress(7, 5)}) == {"t": 10}
    now = 120.0
    assert standstill.seconds({place: Progress(8, 5)}) == {"t": 0}  # it moved
    now = 130.0
    assert standstill.seconds({place: Progress(8, 5, paused=True)}) == {"t": 0}
    now = 140.0
    assert standstill.seconds({place: Progress(8, 0), ("t", 4): Progress(1, 1)}) == {"t": 0}
    now = 150.0
    assert standstill.seconds({place: Progress(8, 0), ("t", 4): Progress(1, 1)}) == {"t": 10}
    assert standstill.seconds({}) == {}


class Owner:
    """Stands for an engine, as far as it is measured."""

    ready = True
    partitions: dict[tuple[str, int], Progress]

    def progress(self) -> dict[tuple[str, int], Progress]:
        return self.partitions

    def catch_up(self) -> dict[str, tuple[int, int]]:
        return {}

    def unpublished(self) -> dict[str, tuple[int, float]]:
        return {}


def test_of_partitions_that_were_given_away_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_LOOK_SECONDS", 0.01)
    redis: Any = None
    monkeypatch.setattr(measuring, "_measure_redis", lambda _: asyncio.sleep(0))
    page = REGISTRY.get_sample_value

    async def run() -> None:
        owner: Any = Owner()
        owner.partitions = {("given-away", 3): Progress(7, 2)}
        task = asyncio.create_task(measuring.measure(owner, redis))
        await asyncio.sleep(0.1)
        assert page("samplewatch_lag_records", {"topic": "given-away", "partition": "3"}) == 2
        standing = {"topic": "given-away"}
        assert page("samplewatch_standing_still_seconds", standing) and page("samplewatch_ready") == 1
        owner.partitions, owner.ready = {}, False
        await asyncio.sleep(0.1)
        assert page("samplewatch_lag_records", {"topic": "given-away", "partition": "3"}) is None
        assert page("samplewatch_standing_still_seconds", standing) == 0
        assert page("samplewatch_ready") == 0, "Redis may be away, and nothing else says so"
        task.cancel()

    asyncio.run(run())


def test_laboratories_with_series_of_their_own_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    from services.lab_results.daily import measure_laboratories

    listed = [f"bounded-{number}" for number in range(MOST_LABORATORIES + 5)]
    settings = Settings.from_env({"SAMPLEWATCH_DAILY_LABORATORIES": ", ".join([*listed, listed[0], ""])})
    assert measure_laboratories(settings) == tuple(listed[:MOST_LABORATORIES])
    assert "has 105 laboratories: the first 100" in caplog.text
