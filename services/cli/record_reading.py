"""Reads a topic from a moment to the end that is there when reading begins."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import Any

from services.runtime.topic_reading import offsets_since, partitions_of, reading_consumer, records_to_end


def records_since(bootstrap: str, topic: str, since: datetime | None) -> Generator[Any]:
    """Every record (kafka-python's) that arrived at `since` or later, in order within each partition; None: all.

    Raises NoSuchTopic.
    """
    with closing(reading_consumer(bootstrap, "samplewatch-cli")) as consumer:
        yield from records_to_end(consumer, offsets_since(consumer, partitions_of(consumer, topic), since))
