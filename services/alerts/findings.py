"""The alert of what a detector finds of a subject: a hotspot, a rate that dropped, implausible data. Pure."""

from __future__ import annotations

from typing import Any

from schemas.alerts import AlertEvent
from schemas.findings import Finding
from services.alerts import values
from services.alerts.domain import Case, alert_id, settle
from services.alerts.escalation import Policy
from services.alerts.failed_samples import category_of

_SAME = (
    "kind",
    "severity",
    "urgency",
    "certainty",
    "legal_basis",
    "area",
    "domain",
    "plan",
    "measure",
    "lab_id",
    "cell",
    "source",
)
_TEXTS = ("event", "headline", "description", "instruction")


def find(held: AlertEvent | None, finding: Finding, partition: int, now: int, policy: Policy) -> AlertEvent | None:
    """The alert after a finding, in its mirror."""
    return settle(held, _case(finding), partition, now, policy)


def identity_of(finding: Finding, partition: int) -> str:
    """The id of the alert of the finding's own epoch."""
    return alert_id(partition, finding.rule, finding.subject, finding.epoch)


def _case(finding: Finding) -> Case:
    says: dict[str, Any] = {name: getattr(finding, name) for name in _SAME}
    says |= {name: _wording(getattr(finding, name)) for name in _TEXTS}
    says["legal_basis"] = None if finding.legal_basis is None else _wording(finding.legal_basis)
    says["evidence"] = tuple(values.Evidence(name=fact.name, value=fact.value) for fact in finding.evidence)
    says["category"] = category_of(finding.domain)
    adds = {"onset": finding.onset}
    return Case(finding.rule, finding.subject, finding.epoch, finding.status, says, adds, reason=finding.reason)


def _wording(wording: Any) -> Any:
    return values.Wording(zh=wording.zh, en=wording.en)
