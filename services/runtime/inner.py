"""Topics that services write for each other: the same reading as the intake's, without receipts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from schemas.topics import Topic
from services.runtime.dead_letters import bury
from services.runtime.intake import Input, Refused, Taken
from services.runtime.stage import Changes, Record

logger = logging.getLogger(__name__)


class InnerTopic:
    """Reads one inner topic into mirrors of its contract. What cannot be read lies in its dead letters."""

    def __init__(
        self, topic: Topic, mirror: type[Any], service: str, check: Callable[[Any], object] = lambda event: None
    ) -> None:
        """`check` raises ValueError for an event that the mirror lets pass and the service can't use."""
        self.topic = topic
        self._decode = msgspec.json.Decoder(mirror).decode
        self._service = service
        self._check = check

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Each record as an event or a refusal. A tombstone is neither."""
        return [self._read(record) for record in records if record.value is not None]

    def _read(self, record: Record) -> Input:
        try:
            event = self._decode(record.value or b"")
            self._check(event)
            return Taken(record, event, "", "")
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return Refused(record, "value", str(error))

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
        bury(changes, self.topic, record, self._service, field, reason)
