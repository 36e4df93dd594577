"""Types of options that click lacks."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A range of numbers without nan and inf, which no comparison keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or an error in words."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a number that can be reckoned with", param, ctx)
        return number


class Quarter(click.ParamType):
    """A quarter such as 2027Q1, of a year that a calendar has around it."""

    name = "quarter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The quarter, or an error in words."""
        if not re.fullmatch(r"[12][0-9]{3}Q[1-4]", value):
            self.fail(f"{value!r} is not a quarter such as 2027Q1", param, ctx)
        return str(value)


class Words(click.ParamType):
    """Text that says something."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given, or an error in words."""
        if not value.strip():
            self.fail("it is blank", param, ctx)
        return str(value)
