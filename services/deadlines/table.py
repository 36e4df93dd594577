"""The statutory table: what its rows mean, and how it is read and checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.deadlines import ClockUnit, DeadlineKind, Liable
from schemas.paths import field_type
from schemas.values import Domain, Identifier, Outcome, Plan, Text
from services.deadlines.moments import WATCHED_MOMENTS, moment_name
from services.deadlines.reading import problems_of, read_yaml
from services.runtime.calendar import SHANGHAI

TABLE = Path(__file__).with_name("table.yaml")


class TableError(ValueError):
    """The table is wrong. `problems` name the rule and the field, one each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class _Row(BaseModel):
    # eq and hash by identity: rows are looked up often, and there is one object a row
    model_config = ConfigDict(extra="forbid", frozen=True)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Period(_Row):
    """An amount of a unit, at least one."""

    amount: int = Field(ge=1, le=1000)
    unit: Literal["hours", "calendar_days", "working_days"]


class Trigger(_Row):
    """What starts or stops a clock: a field of an event that is on record, or words for what is recorded nowhere.

    field: such as SampleReceived.received_at, checked against the contracts. outcome: only where the verdict says so.
    """

    field: str | None = None
    outcome: Outcome | None = None
    unrecorded: Text | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Trigger:
        if (self.field is None) == (self.unrecorded is None):
            raise ValueError("give either field or unrecorded")
        if self.field is not None:
            try:
                kind = field_type(self.field)
            except LookupError as error:
                raise ValueError(str(error)) from None
            if getattr(kind, "__name__", "") not in ("AwareDatetime", "datetime"):
                raise ValueError(f"{self.field} is no time")
        return self

    @property
    def moment(self) -> str | None:
        """The name of this moment in a sample's record; None if a sample's record does not have it."""
        return moment_name(self.field, self.outcome) if self.field else None


class Rule(_Row):
    """One rule as it has been in force since `in_force_from`; one that starts a clock before `repealed_on`.

    watched_by: the service that keeps this clock; of `nobody` the record shows no beginning, and the row says so.
    notify: whether nearing and passing are published; others are only shown. ends_on_rest_day: of months and calendar
    days, whether a period whose last day is a rest day extends to the first working day after it, or stays.
    """

    id: Identifier
    domains: tuple[Domain, ...] = Field(min_length=1)
    plans: tuple[Plan, ...] = Field((), description="the plans of sampling; none: all")
    categories: tuple[Text, ...] = Field((), description="the first level of the category; none: all")
    title_zh: Text
    title_en: Text
    kind: DeadlineKind = "deadline"
    starts: Trigger
    stops: tuple[Trigger, ...] = ()
    amount: int = Field(ge=0, le=1000)
    unit: ClockUnit
    ends_on_rest_day: Literal["extends", "stays"] | None = None
    warn_before: Period | None = None
    law: Text
    article: Text
    in_force_from: date
    repealed_on: date | None = None
    confirmed: bool
    liable: Liable
    watched_by: Literal["sampling", "alerts", "nobody"]
    notify: bool = True
    note_zh: Text | None = None
    note_en: Text | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Rule:
        runs_in_days = self.unit in ("months", "calendar_days")
        if runs_in_days == (self.ends_on_rest_day is None):
            raise ValueError(f"ends_on_rest_day: {'is needed' if runs_in_days else 'means nothing'} for {self.unit}")
        if self.repealed_on is not None and self.repealed_on <= self.in_force_from:
            raise ValueError("repealed_on: is not after in_force_from")
        unrecorded = self.starts.field is None
        if unrecorded != (self.watched_by == "nobody"):
            raise ValueError("watched_by: nobody watches a clock exactly where its start is unrecorded")
        if self.watched_by == "sampling":
            for name, trigger in (("starts", self.starts), *(("stops", stop) for stop in self.stops)):
                if trigger.field is not None and trigger.moment not in WATCHED_MOMENTS:
                    raise ValueError(f"{name}: the record of a sample has no {trigger.field}")
        return self

    @cached_property
    def begins(self) -> datetime:
        """The first moment at which it is in force."""
        return datetime.combine(self.in_force_from, time(), SHANGHAI)

    @cached_property
    def ends(self) -> datetime | None:
        """The first moment at which it no longer is; None where it has not been repealed."""
        return None if self.repealed_on is None else datetime.combine(self.repealed_on, time(), SHANGHAI)

    def applies_to(self, domain: str, plan: str, category: Sequence[str]) -> bool:
        """Whether the rule is for such a sample."""
        return (
            domain in self.domains
            and (not self.plans or plan in self.plans)
            and (not self.categories or category[0] in self.categories)
        )


class Imports(_Row):
    """How records are treated that come in after the end of a clock that they start.

    settle_minutes: how long the rest of the record may take to come before the clock counts as passed.
    historic_after_days: how long after the end a record is an import of old ones, which nobody has to hurry for, and
    which has settle_hours_historic to come in.
    """

    settle_minutes: int = Field(60, ge=0)
    historic_after_days: int = Field(30, ge=0)
    settle_hours_historic: int = Field(24, ge=0)


class Table:
    """All versions of all rules."""

    def __init__(self, dated: date, rules: Sequence[Rule], imports: Imports | None = None) -> None:
        self.dated = dated
        self.rules = tuple(rules)
        self.imports = imports or Imports()

    @cached_property
    def by_id(self) -> Mapping[str, tuple[Rule, ...]]:
        """The versions of each rule, the oldest first."""
        versions: dict[str, list[Rule]] = defaultdict(list)
        for rule in sorted(self.rules, key=lambda rule: rule.in_force_from):
            versions[rule.id].append(rule)
        return {name: tuple(found) for name, found in versions.items()}

    def version(self, rule_id: str, started_at: datetime) -> Rule | None:
        """The version under which a clock that starts then runs, to its end; None before the rule, or after it.

        Raises KeyError for an unknown rule.
        """
        for rule in reversed(self.by_id[rule_id]):
            if rule.begins <= started_at:
                return rule if rule.ends is None or started_at < rule.ends else None
        return None


def load_table(path: Path = TABLE) -> Table:
    """Reads a table. Raises TableError, whose problems name rule and field, and OSError."""
    try:
        document = read_yaml(path)
    except ValueError as error:
        raise TableError([str(error)]) from None
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise TableError(["rules: a table has a date, `dated`, and a list of rules"])
    problems = [f"{name}: is not known here" for name in document.keys() - {"dated", "rules", "imports"}]
    try:
        dated = date.fromisoformat(document.get("dated", ""))
    except (TypeError, ValueError):
        problems.append("dated: is missing, or no date")
    imports = None
    try:
        imports = Imports.model_validate(document.get("imports") or {})
    except ValidationError as error:
        problems += [f"imports: {problem}" for problem in problems_of(error)]
    rules = []
    for number, row in enumerate(document["rules"], 1):
        try:
            rules.append(Rule.model_validate(row))
        except ValidationError as error:
            problems += [f"{_name(row, number)}: {problem}" for problem in problems_of(error)]
    problems += _repeats(rules)
    if problems:
        raise TableError(problems)
    return Table(dated, rules, imports)


def _name(row: Any, number: int) -> str:
    name = row.get("id") if isinstance(row, dict) else None
    return str(name or f"rule number {number}")


def _repeats(rules: Sequence[Rule]) -> Iterator[str]:
    seen = set()
    for rule in rules:
        if (version := (rule.id, rule.in_force_from)) in seen:
            yield f"{rule.id}: in_force_from: {rule.in_force_from} comes twice"
        seen.add(version)
