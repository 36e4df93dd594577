"""Parameters of HTTP requests that are not understood get an answer that names them."""

from __future__ import annotations

from aiohttp.web import Response, json_response


class BadParameter(ValueError):
    """A parameter of the request is not understood; `parameter` names it."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter} {reason}")
        self.parameter = parameter

    def response(self) -> Response:
        """The answer: status 400 and a JSON object."""
        return json_response({"error": str(self), "parameter": self.parameter}, status=400)
