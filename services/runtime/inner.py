"""Topics that services write for each other: the same reading as the intake's, without receipts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.topics import Topic
from schemas.writing import first_error
from services.runtime.intake import Input, Refused, Taken, dead_letter
from services.runtime.stage import Changes, Record

logger = logging.getLogger(__name__)


class InnerTopic:
    """Reads one inner topic. What cannot be read lies in its dead letters; nothing else in the batch suffers."""

    def __init__(self, topic: Topic, contract: TypeAdapter[Any], service: str) -> None:
        self.topic = topic
        self._contract = contract
        self._service = service

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Each record as an event or a refusal. A tombstone is neither."""
        return [self._read(record) for record in records if record.value is not None]

    def _read(self, record: Record) -> Input:
        try:
            return Taken(record, self._contract.validate_json(record.value or b""), "", "")
        except ValidationError as error:
            return Refused(record, *first_error(error))

    def fold(self, changes: Changes, inputs: Iterable[Input], take: Callable[[Taken], None]) -> None:
        """Takes each event in turn."""
        for item in inputs:
            if isinstance(item, Refused):
                self._refuse(changes, item.record, item.field, item.reason)
            elif isinstance(item, Taken):
                try:
                    take(item)
                except Exception as error:
                    logger.exception("%s: a message could not be taken", self.topic.name)
                    reason = f"could not be processed: {type(error).__name__}: {error}"
                    self._refuse(changes, item.record, "value", reason)

    def _refuse(self, changes: Changes, record: Record, field: str, reason: str) -> None:
        changes.messages.append(dead_letter(self.topic, record, self._service, field, reason))
