"""Requests that can't be answered get problem details (RFC 9457): what is wrong, and with which parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp.web import Response, json_response

PROBLEM_JSON = "application/problem+json"
#: Python reads no number of some thousand digits; nobody asks for so many rows.
_DIGITS = 9


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """An answer of that status; `more` are members of its own, such as the parameter."""
    # no page describes the kinds of problem, so none is named: that is "about:blank", the title says it
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return json_response(body, status=status, content_type=PROBLEM_JSON)


class BadParameter(ValueError):
    """A parameter of the request is not understood; `parameter` names it."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter} {reason}")
        self.parameter = parameter

    def response(self) -> Response:
        """The answer: status 400, and the parameter's name beside what is wrong with it."""
        return problem(400, "Bad Request", str(self), parameter=self.parameter)


def limit_of(parameters: Mapping[str, str], otherwise: int | None = None) -> int | None:
    """How many rows are asked for at most. Raises BadParameter."""
    text = parameters.get("limit")
    if text is None:
        return otherwise
    if not (text.isdecimal() and len(text) <= _DIGITS):
        raise BadParameter("limit", f"is {text[: 2 * _DIGITS]!r}, not a number of at most {_DIGITS} digits")
    return int(text)
