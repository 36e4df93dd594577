"""What may be asked of the API. The models are also where the OpenAPI document has its parameters from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.values import Domain, Plan
from services.lab_results.api.periods import PERIODS
from services.lab_results.cuts import CUT_NAMES
from services.lab_results.rates import WINDOW_NAMES, Span, window_span
from services.runtime.parameters import BadParameter

Q = TypeVar("Q", bound="Cells")

#: Windows reach back two years from the days asked for.
_YEARS = (1980, 2999)


def _day(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError("not a date like 2026-03-01")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("not a day of the calendar") from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValueError(f"not between {_YEARS[0]} and {_YEARS[1]}")
    return day


Day = Annotated[date, BeforeValidator(_day)]
Targeting = Literal["together", "routine", "targeted"]


class Cells(BaseModel):
    """Which cells, over which days: what all pages have in common. Without days: all that have counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True, serialize_by_alias=True)

    domain: Domain | None = Field(None, description="One domain; domains are never added up.")
    plan: Plan | None = Field(None, description="One plan; plans are never added up.")
    cut: Literal[CUT_NAMES] = Field("all", description="What the cells are divided by.")  # type: ignore[valid-type]
    cell: str | None = Field(None, min_length=1, description="One cell of the cut.", examples=["621002"])
    from_: Day | None = Field(None, alias="from", description="First day, of Asia/Shanghai.")
    to: Day | None = Field(None, description="Last day, included.")
    window: Literal[WINDOW_NAMES] | None = Field(  # type: ignore[valid-type]
        None, description="Instead of from and to: so many days up to as_of, or (ytd) the calendar year up to it."
    )
    as_of: Day | None = Field(None, description="The last day of the window; today in Asia/Shanghai where not given.")
    targeting: Targeting = Field(
        "together", description="Which samples are counted: all of them, or those of routine or of targeted sampling."
    )
    limit: int = Field(500, ge=1, le=5000, description="At most so many on a page.")
    cursor: str | None = Field(None, description="From the page before: where this one goes on.")

    def span(self, today: date) -> Span | None:
        """The days asked for; None: all. Open ends are the calendar's. Raises BadParameter."""
        if self.window is not None:
            if self.from_ or self.to:
                raise BadParameter("window", "excludes from and to")
            return window_span(self.window, self.as_of or today)
        if self.as_of is not None:
            raise BadParameter("as_of", "goes with a window")
        if self.from_ and self.to and self.from_ > self.to:
            raise BadParameter("from", "is later than to")
        if self.from_ is None and self.to is None:
            return None
        return Span(self.from_ or date.min, self.to or date.max)


class RatesQuery(Cells):
    """GET /rates."""


class SeriesQuery(Cells):
    """GET /rates/series."""

    by: Literal[PERIODS] = Field("month", description="The length of a period.")  # type: ignore[valid-type]
    limit: int = Field(20, ge=1, le=500, description="At most so many cells on a page.")


class RankingQuery(Cells):
    """GET /rates/ranking. One domain and plan, since rates of others can't be compared."""

    domain: Domain = Field(description="One domain; domains are never compared.")
    plan: Plan = Field(description="One plan; plans are never compared.")
    order: Literal["lowest", "highest"] = Field("lowest", description="Which shrunken rate comes first.")


def parse(query: type[Q], given: Iterable[tuple[str, str]]) -> Q:
    """Reads a request's parameters; raises BadParameter, which names the first that is not understood."""
    values: dict[str, str] = {}
    for name, value in given:
        if name in values:
            raise BadParameter(name, "is given twice")
        values[name] = value
    try:
        return query.model_validate(values)
    except ValidationError as error:
        raise _bad(query, error) from None


def _bad(query: type[Cells], error: ValidationError) -> BadParameter:
    first = error.errors(include_url=False)[0]
    name, kind, context = str(first["loc"][0]), first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in query.model_fields.items()]
        return BadParameter(name, f"is not a parameter; there are {', '.join(known)}")
    if kind == "missing":
        return BadParameter(name, "is needed")
    reasons: dict[str, Callable[[], str]] = {
        "literal_error": lambda: f"not one of {_choices(query, name)}",
        "value_error": lambda: str(context["error"]),
        "int_parsing": lambda: "not a whole number",
        "greater_than_equal": lambda: f"less than {context['ge']}",
        "less_than_equal": lambda: f"more than {context['le']}",
        "string_too_short": lambda: "empty",
    }
    reason = reasons[kind]() if kind in reasons else first["msg"]
    return BadParameter(name, f"is {first['input']!r}, {reason}")


def _choices(query: type[Cells], name: str) -> str:
    schema = query.model_json_schema()["properties"][name]
    choices = next(part["enum"] for part in (schema, *schema.get("anyOf", ())) if "enum" in part)
    return ", ".join(choices)
