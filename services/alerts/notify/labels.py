"""The labels of an alert: what routes, silences and inhibition rules match on, and what groups are formed by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from schemas.alerts import AlertKind, Certainty, Severity, Urgency
from schemas.regions import roll_up
from schemas.values import Domain, Measure, Plan

Labels = Mapping[str, str]

#: The levels along which an alert escalates, the lowest first.
LEVELS: Final = ("township", "county", "city")
#: The most urgent and the gravest first.
URGENCIES: Final = get_args(Urgency)
SEVERITIES: Final = get_args(Severity)
#: Labels whose values are a closed list.
VOCABULARY: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": get_args(AlertKind),
    "severity": SEVERITIES,
    "urgency": URGENCIES,
    "certainty": get_args(Certainty),
    "level": LEVELS,
    "domain": get_args(Domain),
    "plan": get_args(Plan),
    "measure": get_args(Measure),
}
#: Labels with any value. `region` matches by its beginning, all others by their whole value.
OPEN: Final = ("region", "item_class", "lab_id", "sample_id", "alert_id", "producer", "assignee")
#: Labels that groups can be formed by besides: the region at each level.
PLACES: Final = ("province", "city", "county", "township")
NAMES: Final = (*VOCABULARY, *OPEN, *PLACES)


def labels_of(alert: Any) -> dict[str, str]:
    """The labels of an alert, a contract or its mirror; one that the alert does not have is left out."""
    region = alert.area
    rolled = roll_up(region)
    found = {name: getattr(alert, name, None) for name in (*VOCABULARY, *OPEN)}
    found |= {"region": region, **dict(zip(PLACES, rolled, strict=True))}
    return {name: value for name, value in found.items() if value}
