"""The life of a sample, from the events about it, in whatever order they come. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from schemas.sampling import Sample, SampleReceived, SampleRedacted, SampleTaken, SampleVoided, SamplingEvent
from schemas.structs import constructed
from schemas.values import REDACTED, Outcome
from schemas.verdicts import Verdict
from services.runtime.answers import ACCEPTED, Answer, duplicate, parked, rejected

Kind = Literal["event", "verdict"]


class Reference(NamedTuple):
    """Where a record of the sample's history lies: an event or a verdict, by its offset in the sample's partition."""

    kind: Kind
    offset: int


class Judged(NamedTuple):
    """What the verdicts have said, in seconds since the epoch; 0 for what has not happened.

    reported: the first report was issued. outcome: that of the verdict that stands, concluded so at `since`, which came
    in here at `arrived`; an amendment that says the same moves neither. turns: how often the outcome changed. retested:
    a retest concluded.
    """

    reported: int = 0
    arrived: int = 0
    outcome: Outcome | None = None
    since: int = 0
    turns: int = 0
    retested: int = 0


UNJUDGED = Judged()


class Watch(NamedTuple):
    """What is noted of a running clock. fired: the revision last published of it. seen: when it was first seen, in
    seconds since the epoch, if that was after its end; else 0."""

    fired: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one sample. `marks` are those of the events taken so far; see `mark_of`.

    watches: rule -> what is noted of its clock, for those of which there is something to note. redacted: how often what
    names people was taken out.
    """

    taken: SampleTaken | None = None
    taken_from: str = ""
    received: SampleReceived | None = None
    voided: SampleVoided | None = None
    marks: frozenset[bytes] = frozenset()
    history: tuple[Reference, ...] = ()
    verdict_revision: int = 0
    judged: Judged = UNJUDGED
    watches: Mapping[str, Watch] = field(default_factory=dict)
    redacted: int = 0

    @property
    def revision(self) -> int:
        """How many events have made the sample what it is; the same in whatever order they came."""
        return sum(event is not None for event in (self.taken, self.received, self.voided)) + self.redacted


UNKNOWN = Life()


def take(life: Life, event: SamplingEvent, source: str, mark: bytes, offset: int) -> tuple[Life, Answer]:
    """Adds an event to a life. Events that come before SampleTaken are parked, and count when it comes.

    The same event id from the same source, or the same content under another id, is a duplicate. Content that
    contradicts what was taken before is rejected.
    """
    if mark in life.marks:
        return life, duplicate("event_id", "this event was taken before")
    if isinstance(event, SampleRedacted):
        return _redact(life, mark, offset)
    held = getattr(life, _HELD[type(event)])
    if held is not None:
        if content(held) == content(event) or (life.redacted and content(held) == content(without_people(event))):
            return life, duplicate(None, "the same was reported before under another event_id")
        return life, _contradiction(held, event)
    said: dict[str, Any] = {_HELD[type(event)]: event}
    if isinstance(event, SampleTaken):
        said["taken_from"] = source
    history = (*life.history, Reference("event", offset))
    grown = replace(life, marks=life.marks | {mark}, history=history, **said)
    if grown.taken is None:
        return grown, parked("sample_id", "waits for SampleTaken of this sample")
    return grown, ACCEPTED


#: Where a life holds the event of each type.
_HELD = {SampleTaken: "taken", SampleReceived: "received", SampleVoided: "voided"}
#: What may name people in an event of each type, and what stands there once it is redacted.
PEOPLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "SampleTaken": {"sampled_by": ()},
    "SampleReceived": {"condition": None},
    "SampleVoided": {"reason": REDACTED},
}


def _redact(life: Life, mark: bytes, offset: int) -> tuple[Life, Answer]:
    if life.taken is None:
        return life, rejected("sample_id", "there is no such sample")
    events = {name: getattr(life, name) for name in _HELD.values()}
    held: dict[str, Any] = {name: without_people(event) for name, event in events.items() if event is not None}
    return replace(
        life,
        **held,
        marks=life.marks | {mark},
        history=(*life.history, Reference("event", offset)),
        redacted=life.redacted + 1,
    ), ACCEPTED


def without_people(event: SamplingEvent) -> SamplingEvent:
    """The event without what may name people."""
    return constructed(type(event), {**event.__dict__, **PEOPLE.get(type(event).__name__, {})})


def conclude(life: Life, verdict: Verdict, offset: int, arrived_at: int) -> Life:
    """Adds a verdict, in its mirror; one that was seen before, or is older than one seen, changes nothing.

    `arrived_at` is the broker's time, in milliseconds since the epoch.
    """
    if verdict.revision <= life.verdict_revision:
        return life
    return replace(
        life,
        verdict_revision=verdict.revision,
        history=(*life.history, Reference("verdict", offset)),
        judged=_judge(life.judged, verdict, arrived_at // 1000),
    )


def _judge(judged: Judged, verdict: Verdict, arrived: int) -> Judged:
    turns = judged.turns + (judged.outcome not in (None, verdict.outcome))
    if verdict.outcome is None:
        return judged._replace(outcome=None, since=0, turns=turns)
    # in the mirror times are text
    concluded = int(datetime.fromisoformat(str(verdict.concluded_at)).timestamp()) if verdict.concluded_at else arrived
    return Judged(
        reported=judged.reported or concluded,
        arrived=judged.arrived if judged.outcome == verdict.outcome else arrived,
        outcome=verdict.outcome,
        since=judged.since if judged.outcome == verdict.outcome else concluded,
        turns=turns,
        retested=judged.retested or (concluded if verdict.retest else 0),
    )


def sample_of(life: Life) -> Sample | None:
    """The sample as it now stands; None until SampleTaken has come."""
    if life.taken is None:
        return None
    taken, received, voided = life.taken.__dict__, life.received, life.voided
    fields = {name: taken[name] for name in _DESCRIPTION} | {
        "revision": life.revision,
        "status": "voided" if voided else "received" if received else "taken",
        "source": life.taken_from,
        "lab_id": received.lab_id if received else None,
        "received_at": received.received_at if received else None,
        "voided_at": voided.voided_at if voided else None,
        "void_reason": voided.reason if voided else None,
    }
    return constructed(Sample, fields)


_STANDING = {"revision", "status", "source", "lab_id", "received_at", "voided_at", "void_reason"}
_DESCRIPTION = tuple(name for name in Sample.model_fields if name not in _STANDING)


def content(event: SamplingEvent) -> Mapping[str, Any]:
    """What an event says, without who said it under which id."""
    return {name: value for name, value in event.__dict__.items() if name not in event.ENVELOPE}


def _contradiction(held: SamplingEvent, event: SamplingEvent) -> Answer:
    field = next(name for name, value in content(event).items() if content(held)[name] != value)
    return rejected(field, f"contradicts the {type(event).__name__} that was taken before for this sample")
