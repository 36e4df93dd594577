"""What routes.yaml and receivers.yaml may say: their shape, field by field. `reading.py` makes the values of it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.alerts.notify.labels import NAMES, OPEN, VOCABULARY
from services.runtime.calendar import SHANGHAI

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def seconds_of(value: Any) -> Any:
    """`30s`, `5m`, `4h`, `1d` or a number of seconds, as seconds."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError("is no duration: write 30s, 5m, 4h or 1d")
        return float(found[1]) * _UNITS[found[2]]
    return value


def _minute_of(value: Any) -> Any:
    # YAML 1.1 reads 08:30 as 510, sixty to the hour: which is the minute of the day
    if isinstance(value, str):
        found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value.strip())
        if found is None:
            raise ValueError("is no time of day: write 08:30")
        return int(found[1]) * 60 + int(found[2])
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _in_shanghai(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("is no moment: write 2026-03-01 08:00, which is of Asia/Shanghai") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=SHANGHAI)
    return value


def _check_match(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("is no list of labels with their values")
    found: dict[str, tuple[str, ...]] = {}
    for name, given in value.items():
        if name not in (*VOCABULARY, *OPEN):
            raise ValueError(f"{name!r} is not one of {', '.join((*VOCABULARY, *OPEN))}")
        listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
        if other := [one for one in listed if not isinstance(one, str | int) or isinstance(one, bool)]:
            raise ValueError(f"{name}: YAML takes {other[0]} for a {type(other[0]).__name__}: write it in quotes")
        values = tuple(map(str, listed))
        allowed = VOCABULARY.get(name)
        if not values:
            raise ValueError(f"{name} names no value, so nothing can match")
        if allowed is not None and (wrong := [one for one in values if one not in allowed]):
            raise ValueError(f"{name}: {wrong[0]!r} is not one of {', '.join(allowed)}")
        found[name] = values
    return found


Duration = Annotated[float, BeforeValidator(seconds_of), Field(ge=0, allow_inf_nan=False)]
Minute = Annotated[int, BeforeValidator(_minute_of), Field(ge=0, lt=1440)]
MatchSpec = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_check_match)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Moment = Annotated[AwareDatetime, BeforeValidator(_in_shanghai)]
GroupBy = Annotated[tuple[Literal[*NAMES], ...], BeforeValidator(_listed)]  # type: ignore[valid-type]


class Spec(BaseModel):
    """A part of a file; a field that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class RouteSpec(Spec):
    """A route. What it leaves out it has from the route above."""

    match: MatchSpec = {}
    receiver: Names = ()
    group_by: GroupBy | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    goes_on: bool = Field(False, alias="continue")
    routes: tuple[RouteSpec, ...] = ()


class InhibitionSpec(Spec):
    """Which open alerts keep which others from being told."""

    source: MatchSpec
    target: MatchSpec
    equal: GroupBy = ()
    evidence: bool = False


class SilenceSpec(Spec):
    """A time without messages about what matches."""

    id: str
    match: MatchSpec = Field(min_length=1)
    author: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    begins: Moment | None = None
    ends: Moment


class DeliverySpec(Spec):
    """How long a send may take, and when a channel that fails is reported."""

    timeout: Duration = 20.0
    dead_after: Duration = 900.0
    dead_after_failures: int = Field(10, ge=1)
    give_up: Duration = 7 * 86_400.0


class RoutesFile(Spec):
    """routes.yaml."""

    route: RouteSpec
    receivers: str = "receivers.yaml"
    operations: Names = ()
    inhibit: tuple[InhibitionSpec, ...] = ()
    silences: tuple[SilenceSpec, ...] = ()
    delivery: DeliverySpec = DeliverySpec()


class DigestSpec(Spec):
    """Hours of Asia/Shanghai at which messages are sent together, and what does not wait for them."""

    hours: Annotated[tuple[Minute, ...], BeforeValidator(_listed), Field(min_length=1)]
    bypass: MatchSpec = {"urgency": ("Immediate",)}


class ReceiverSpec(Spec):
    """A person or a group: channels of its own, members, or both."""

    channels: dict[str, str] = {}
    language: Literal["zh", "en", "both"] = "zh"
    digest: DigestSpec | None = None
    members: Names = ()

    @model_validator(mode="after")
    def _reaches_somebody(self) -> ReceiverSpec:
        if not self.channels and not self.members:
            raise ValueError("has neither channels nor members, so nobody would be told")
        return self


class ReceiversFile(Spec):
    """receivers.yaml."""

    receivers: dict[str, ReceiverSpec]
