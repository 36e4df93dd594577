"""The life of a sample, from the events about it, in whatever order they come. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from schemas.sampling import Sample, SampleReceived, SampleTaken, SampleVoided, SamplingEvent
from schemas.verdicts import Verdict
from services.runtime.answers import ACCEPTED, Answer, duplicate, parked, rejected

Kind = Literal["event", "verdict"]


class Reference(NamedTuple):
    """Where a record of the sample's history lies: an event or a verdict, by its offset in the sample's partition."""

    kind: Kind
    offset: int


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one sample. `marks` are those of the events taken so far; see `mark_of`."""

    taken: SampleTaken | None = None
    taken_from: str = ""
    received: SampleReceived | None = None
    voided: SampleVoided | None = None
    marks: frozenset[bytes] = frozenset()
    history: tuple[Reference, ...] = ()
    verdict_revision: int = 0

    @property
    def revision(self) -> int:
        """How many events have made the sample what it is; the same in whatever order they came."""
        return sum(event is not None for event in (self.taken, self.received, self.voided))


UNKNOWN = Life()


def take(life: Life, event: SamplingEvent, source: str, mark: bytes, offset: int) -> tuple[Life, Answer]:
    """Adds an event to a life. Events that come before SampleTaken are parked, and count when it comes.

    The same event id from the same source, or the same content under another id, is a duplicate. Content that
    contradicts what was taken before is rejected.
    """
    if mark in life.marks:
        return life, duplicate("event_id", "this event was taken before")
    held = {SampleTaken: life.taken, SampleReceived: life.received, SampleVoided: life.voided}[type(event)]
    if held is not None:
        if content(held) == content(event):
            return life, duplicate(None, "the same was reported before under another event_id")
        return life, _contradiction(held, event)
    grown = replace(life, marks=life.marks | {mark}, history=(*life.history, Reference("event", offset)))
    match event:
        case SampleTaken():
            return replace(grown, taken=event, taken_from=source), ACCEPTED
        case SampleReceived():
            grown = replace(grown, received=event)
        case SampleVoided():
            grown = replace(grown, voided=event)
    if life.taken is None:
        return grown, parked("sample_id", "waits for SampleTaken of this sample")
    return grown, ACCEPTED


def conclude(life: Life, verdict: Verdict, offset: int) -> Life:
    """Adds a verdict to the history; one that was seen before, or is older than one seen, changes nothing."""
    if verdict.revision <= life.verdict_revision:
        return life
    return replace(life, verdict_revision=verdict.revision, history=(*life.history, Reference("verdict", offset)))


def sample_of(life: Life) -> Sample | None:
    """The sample as it now stands; None until SampleTaken has come."""
    if life.taken is None:
        return None
    received, voided = life.received, life.voided
    return Sample.model_construct(
        **{name: getattr(life.taken, name) for name in _DESCRIPTION},
        revision=life.revision,
        status="voided" if voided else "received" if received else "taken",
        source=life.taken_from,
        lab_id=received.lab_id if received else None,
        received_at=received.received_at if received else None,
        voided_at=voided.voided_at if voided else None,
        void_reason=voided.reason if voided else None,
    )


_STANDING = {"revision", "status", "source", "lab_id", "received_at", "voided_at", "void_reason"}
_DESCRIPTION = tuple(name for name in Sample.model_fields if name not in _STANDING)


def content(event: SamplingEvent) -> Mapping[str, Any]:
    """What an event says, without who said it under which id."""
    return {name: value for name, value in event.__dict__.items() if name not in event.ENVELOPE}


def _contradiction(held: SamplingEvent, event: SamplingEvent) -> Answer:
    field = next(name for name, value in content(event).items() if content(held)[name] != value)
    return rejected(field, f"contradicts the {type(event).__name__} that was taken before for this sample")
