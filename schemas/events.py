"""What every event that comes in from outside has: type, source and id, by CloudEvents header or in the body."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AliasChoices, Field

from schemas.values import Contract, Identifier


class Event(Contract):
    """An event from outside. (source, event_id) identifies it; a repeat is a duplicate, whatever else it says.

    In CloudEvents binary mode the two come as the headers ``ce_source`` and ``ce_id`` and may be left out of the body.
    """

    source: Identifier | None = Field(None, description="Who sends: the CloudEvents source, for example /lims/qy-01")
    event_id: Identifier | None = Field(
        None, validation_alias=AliasChoices("event_id", "id"), description="Unique at its source: the CloudEvents id"
    )

    #: The fields that hold times of the event, which must lie between the year 2000 and the arrival.
    TIMES: ClassVar[tuple[str, ...]] = ()
    #: The fields that say where and how an event was sent rather than what happened.
    ENVELOPE: ClassVar[frozenset[str]] = frozenset({"source", "event_id", "type"})
