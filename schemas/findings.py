"""alerts.findings.v1: what a detector says of a subject, for the alerts service to make an alert of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.alerts import AlertKind, Certainty, Evidence, Severity, Urgency, Wording
from schemas.qualification import CellKey
from schemas.regions import Region
from schemas.values import Contract, Domain, Identifier, LongText, Measure, Plan, Timestamp


class Finding(Contract):
    """The standing of one (rule, subject): open, over (it has passed) or void (it never was).

    Readers take it only if its revision is higher than the one they hold. While an alert of the rule and subject is
    open, a finding updates it, whatever its epoch; an open one after that raises an alert of its own epoch.
    """

    rule: Identifier
    subject: Annotated[str, Field(min_length=1, max_length=2600)]
    epoch: Identifier
    revision: int = Field(ge=1)
    status: Literal["open", "over", "void"]
    kind: AlertKind
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    onset: Timestamp | None = None
    event: Wording
    headline: Wording
    description: Wording
    instruction: Wording
    legal_basis: Wording | None = None
    area: Region
    domain: Domain | None = None
    plan: Plan | None = None
    measure: Measure | None = None
    lab_id: Identifier | None = None
    cell: CellKey | None = None
    evidence: tuple[Evidence, ...] = ()
    reason: LongText | None = Field(None, description="why it changed, over or void in particular")
    source: Identifier
