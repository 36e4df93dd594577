"""sampling.deadlines.v1: what becomes of the statutory clocks that run for a sample."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.regions import Region
from schemas.values import Contract, Domain, Identifier, LongText, Party, Plan, Stage, Targeting, Text, Timestamp

ClockUnit = Literal["hours", "calendar_days", "working_days", "months"]
#: deadline: somebody has to have acted by then; window: a right ends; retention: a duty to keep something ends.
DeadlineKind = Literal["deadline", "window", "retention"]
Liable = Literal["sampler", "laboratory", "regulator", "party"]
#: near: the warning time is reached; passed: the end is reached and nothing has stopped the clock; met: what the rule
#: asks for was done, in time or not; void: the clock no longer runs for anything (sample voided, verdict overturned).
DeadlinePhase = Literal["near", "passed", "met", "void"]


class DeadlineEvent(Contract):
    """One clock of one sample, after it reached a phase. Of a deadline_id the highest revision holds.

    Revisions follow from the phase, not from how often something was written: a replay repeats (deadline_id, revision)
    and changes nothing. They may skip numbers. `met` and `void` also come where no `near` or `passed` went before them,
    and then concern nobody. Times are those of the rule: `at` is when the phase was reached, not when it was noticed.
    """

    event_id: Text = Field(description="the deadline and its revision: de-duplicate by it")
    deadline_id: Text = Field(description="sample_id:rule, the clock; the same until its sample is forgotten")
    sample_id: Identifier
    revision: int = Field(ge=1)
    phase: DeadlinePhase
    at: Timestamp = Field(description="when the phase was reached: of met, when what the rule asks for was done")
    rule: Identifier = Field(description="the id of the rule in services/deadlines/table.yaml")
    rule_version: date = Field(description="the day on which the version of the rule came into force")
    kind: DeadlineKind
    started_at: Timestamp
    due_at: Timestamp = Field(description="the end; what happens at this very moment is in time")
    near_at: Timestamp = Field(description="when the warning is due")
    amount: int = Field(ge=0)
    unit: ClockUnit
    provisional: bool = Field(description="reckoned with a year whose holidays are not announced: may still move")
    confirmed: bool = Field(description="whether the rule was checked against the text in force")
    late: bool = Field(False, description="of met: it was done after due_at")
    historic: bool = Field(False, description="the record came in long after due_at: an import, not an operation")
    title_zh: Text
    title_en: Text
    law: Text
    article: Text
    liable: Liable = Field(description="who is late once the deadline has passed")
    domain: Domain
    plan: Plan
    targeting: Targeting
    region: Region
    stage: Stage
    category: tuple[Text, ...]
    product_name: Text
    producer: Party | None = None
    sampled_party: Party | None = None
    lab_id: Identifier | None = None
    sampled_at: Timestamp
    sampled_by: tuple[Text, ...] = ()
    note_zh: LongText | None = Field(None, description="what the reader of a deadline has to know of its rule")
    note_en: LongText | None = None
    source: Identifier = Field(description="who sent SampleTaken; for the simulator it says synthetic")
