"""The alert of what a detector finds of a subject: a hotspot, a rate that dropped, implausible data. Pure."""

from __future__ import annotations

from typing import Any

from schemas.alerts import AlertEvent
from schemas.findings import Finding
from services.alerts import values
from services.alerts.domain import Case, settle
from services.alerts.escalation import Policy
from services.alerts.failed_samples import category_of
from services.alerts.life import OVER

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


def find(last: AlertEvent | None, finding: Finding, partition: int, now: int, policy: Policy) -> AlertEvent | None:
    """The alert after a finding, in its mirror. `last`: the latest one of the rule and subject, whatever its epoch.

    While that one is open the finding is about it; once it is over, what is found in another epoch is another alert.
    """
    epoch = finding.epoch
    if last is not None:
        if last.state not in OVER:
            epoch = last.epoch
        elif last.epoch != epoch:
            last = None
    return settle(last, _case(finding, epoch), partition, now, policy)


def _case(finding: Finding, epoch: str) -> Case:
    says: dict[str, Any] = {name: getattr(finding, name) for name in _SAME}
    says |= {name: _wording(getattr(finding, name)) for name in _TEXTS}
    says["legal_basis"] = None if finding.legal_basis is None else _wording(finding.legal_basis)
    says["evidence"] = tuple(values.Evidence(name=fact.name, value=fact.value) for fact in finding.evidence)
    says["category"] = category_of(finding.domain)
    adds = {"onset": finding.onset}
    return Case(finding.rule, finding.subject, epoch, finding.status, says, adds, reason=finding.reason)


def _wording(wording: Any) -> Any:
    return values.Wording(zh=wording.zh, en=wording.en)
