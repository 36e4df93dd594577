"""What comes out of the services while the demo runs, read from their topics as anybody else would read them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient

from schemas.topics import ALERT_EVENTS, RECEIPTS, VERDICTS
from services.alerts.stage import AlertsStage
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import LabStage
from services.runtime.kafka_security import client_options
from services.runtime.topic_reading import partitions_of, reading_consumer
from services.sampling.stage import SamplingStage

#: Consumer group -> the topics that it has to have taken in.
_GROUPS = {
    "samplewatch-sampling": SamplingStage.topics,
    "samplewatch-lab_results": LabStage.topics + RatesStage.topics,
    "samplewatch-alerts": AlertsStage.topics,
}
_LAG_EVERY_S = 0.5
#: A service has stopped moving when its lag has not shrunk for so long.
_STALLED_S = 60.0


class Stalled(RuntimeError):
    """The services do not take in what there is."""


class Receipt(NamedTuple):
    """The part of a receipt that is counted."""

    source: str
    outcome: str


class Standing(NamedTuple):
    """The latest word about a sample or an alert: its revision or sequence, its source, its outcome or state."""

    version: int
    source: str
    word: str
    sample_id: str


class Watch:
    """Reads receipts, verdicts and alerts from the beginning, in a thread of its own; a context manager.

    All three are de-duplicated as their contracts say: receipts by receipt_id, the others by their latest version.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.receipts: dict[str, Receipt] = {}
        self.verdicts: dict[str, Standing] = {}
        self.alerts: dict[str, Standing] = {}
        #: Records that some service has not taken in yet; unknown at first.
        self.lag: int | None = None
        self._rounds = 0
        self._failed: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="demo-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(10)

    def outcomes(self) -> Counter[str]:
        """Receipts by outcome."""
        return Counter(receipt.outcome for receipt in list(self.receipts.values()))

    def concluded(self) -> Counter[str]:
        """Samples by what they stand at."""
        return Counter(standing.word for standing in list(self.verdicts.values()))

    def alert_states(self) -> Counter[str]:
        """Alerts by state."""
        return Counter(standing.word for standing in list(self.alerts.values()))

    def settle(self) -> None:
        """Returns when the services have taken in all there is and this watch has read what followed; raises Stalled.

        A service commits a record only when its consequences are on their topics.
        """
        least, moved = self.lag, time.monotonic()
        begin = self._rounds
        while self._rounds < begin + 2 or self.lag != 0:
            if self._failed is not None:
                raise self._failed
            if self.lag is not None and (least is None or self.lag < least):
                least, moved = self.lag, time.monotonic()
            if time.monotonic() - moved > _STALLED_S:
                raise Stalled(f"{self.lag} records have not been taken in for {_STALLED_S:.0f} s")
            time.sleep(0.05)

    def _work(self) -> None:
        try:
            with ExitStack() as stack:
                consumer = stack.enter_context(closing(_consumer(self._bootstrap)))
                admin = stack.enter_context(
                    closing(KafkaAdminClient(bootstrap_servers=self._bootstrap, **client_options()))
                )
                looked = 0.0
                while not self._ended.is_set():
                    self._read(consumer, 100)
                    if time.monotonic() - looked > _LAG_EVERY_S:
                        self._look(consumer, admin)
                        looked = time.monotonic()
        except Exception as error:
            self._failed = error

    def _look(self, consumer: KafkaConsumer, admin: KafkaAdminClient) -> None:
        """Measures the lag: what was committed first, the ends afterwards, so that no lag means that nothing moves."""
        committed = admin.list_group_offsets(list(_GROUPS))
        ends = consumer.end_offsets(consumer.assignment())
        lag = 0
        for group, topics in _GROUPS.items():
            for place in (place for place in ends if place.topic in topics):
                reached = committed[group].get(place)
                lag += ends[place] - max(0, reached.offset if reached else 0)
        if lag == 0:
            self._catch_up(consumer)
        self.lag = lag
        self._rounds += 1

    def _catch_up(self, consumer: KafkaConsumer) -> None:
        mine = consumer.assignment() - consumer.paused()
        for place, end in consumer.end_offsets(mine).items():
            while consumer.position(place) < end and not self._ended.is_set():
                self._read(consumer, 200)

    def _read(self, consumer: KafkaConsumer, wait_ms: int) -> None:
        for place, records in consumer.poll(timeout_ms=wait_ms).items():
            take = {RECEIPTS.name: self._receipt, VERDICTS.name: self._verdict, ALERT_EVENTS.name: self._alert}
            for record in records:
                take[place.topic](json.loads(record.value))

    def _receipt(self, body: dict[str, Any]) -> None:
        self.receipts[body["receipt_id"]] = Receipt(body["source"], body["outcome"])

    def _verdict(self, body: dict[str, Any]) -> None:
        word = body.get("outcome") or body["status"]
        standing = Standing(body["revision"], body["source"], word, body["sample_id"])
        _keep(self.verdicts, body["sample_id"], standing)

    def _alert(self, body: dict[str, Any]) -> None:
        if body["kind"] != "failed_sample":
            return
        standing = Standing(body["sequence"], body["source"], body["state"], body["sample_id"])
        _keep(self.alerts, body["alert_id"], standing)


def _keep(latest: dict[str, Standing], name: str, standing: Standing) -> None:
    if name not in latest or latest[name].version < standing.version:
        latest[name] = standing


def _consumer(bootstrap: str) -> KafkaConsumer:
    consumer = reading_consumer(bootstrap, "samplewatch-demo")
    read = {RECEIPTS.name, VERDICTS.name, ALERT_EVENTS.name}
    # also those of which it asks no more than the end: of others a consumer may know nothing at any moment
    asked = {topic for topics in _GROUPS.values() for topic in topics}
    places = [place for topic in sorted(read | asked) for place in partitions_of(consumer, topic)]
    consumer.assign(places)
    consumer.pause(*(place for place in places if place.topic not in read))
    return consumer
