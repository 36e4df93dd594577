"""Fails when a new Faust or aiokafka changes what services/runtime/transport.py and spans.py override or reach into.

Read the difference in the library, adapt the override if it matters, then put the new digest here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher, group_coordinator, subscription_state
from faust.app import base as app
from faust.serializers.schemas import Schema
from faust.tables.recovery import Recovery
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver

READ: dict[str, tuple[Callable[..., Any], str]] = {
    # overridden
    "getmany": (consumer.Consumer.getmany, "4b168d84882a70d6"),
    "_new_offset": (consumer.Consumer._new_offset, "1d2c7ea89a7ad4f1"),
    "_add_gap": (consumer.Consumer._add_gap, "4df2573ded7c1c2c"),
    "seek_to_committed": (consumer.ThreadDelegateConsumer.seek_to_committed, "f1d483b861b0328b"),
    "on_stop": (driver.Consumer.on_stop, "173f86b366f3608e"),
    "on_partitions_revoked": (consumer.Consumer.on_partitions_revoked, "d04b7ae72c6fc206"),
    "on_partitions_assigned": (consumer.Consumer.on_partitions_assigned, "29ce96596f05a18c"),
    "_create_worker_consumer": (driver.AIOKafkaConsumerThread._create_worker_consumer, "c2701bfc3e6f6cad"),
    "_seek_wait": (driver.AIOKafkaConsumerThread._seek_wait, "9d221e816d940467"),
    "_fetch_records": (driver.AIOKafkaConsumerThread._fetch_records, "39a2c6c79fc1455a"),
    "highwater": (driver.AIOKafkaConsumerThread.highwater, "6f7dbe109ae6807f"),
    "compile": (Schema.compile, "d46eec5ce3195b2c"),
    # relied on
    "_drain_messages": (consumer.Consumer._drain_messages, "44a2500309e83c63"),
    "ack": (consumer.Consumer.ack, "5fcf41cf45153475"),
    "perform_seek": (consumer.Consumer.perform_seek, "0e8c130ff4b0afd8"),
    "_wait": (Recovery._wait, "ec7429b70176f8c6"),
    "_resume_streams": (Recovery._resume_streams, "d986a6710c1aca98"),
    "_on_partitions_revoked": (app.App._on_partitions_revoked, "d5c895bbe57dc73a"),
    "fetched_records": (fetcher.Fetcher.fetched_records, "be4348896b9b66af"),
    "_commit": (driver.AIOKafkaConsumerThread._commit, "932852ce7a23f658"),
    "fetch_committed_offsets": (group_coordinator.GroupCoordinator.fetch_committed_offsets, "6c049c7379165952"),
    "AIOKafkaConsumer.start": (AIOKafkaConsumer.start, "2f1ba70443327538"),
    "FetchResult.getall": (fetcher.FetchResult.getall, "3e717e30de5068d5"),
    "Assignment.state_value": (subscription_state.Assignment.state_value, "183fea82ef48f3e6"),
}


def digest(function: Callable[..., Any]) -> str:
    return sha256(inspect.getsource(function).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", READ)
def test_what_the_transport_builds_on_is_as_it_was_read(name: str) -> None:
    function, known = READ[name]
    assert digest(function) == known, f"{name} has changed: see the head of this file"
