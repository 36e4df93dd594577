"""Asks the services' web pages."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import click

_TIMEOUT_SECONDS = 30


def ask(directory: str | None, service: str, path: str, parameters: dict[str, Any] | None = None) -> Any:
    """The JSON answer of a service's page; parameters that are None are left out. Raises click.ClickException."""
    from deploy.embedded.instance import find_instance

    info = find_instance(directory).services.get(service)
    if info is None or not info.http:
        raise click.ClickException(f"{service} does not run; `samplewatch up` starts it")
    query = urllib.parse.urlencode({name: value for name, value in (parameters or {}).items() if value is not None})
    try:
        with urllib.request.urlopen(_request(f"{info.http}{path}?{query}"), timeout=_TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise click.ClickException(_reason(error)) from None
    except urllib.error.URLError as error:
        raise click.ClickException(f"{service} does not answer at {info.http}: {error.reason}") from None


def ask_all(
    directory: str | None, service: str, path: str, parameters: dict[str, Any], rows: str
) -> tuple[list[Any], dict[str, Any]]:
    """Asks for every page of an answer; returns the rows, which the answer has under that name, and the last page."""
    found: list[Any] = []
    cursor = None
    while True:
        page = ask(directory, service, path, {**parameters, "cursor": cursor})
        found += page[rows]
        cursor = page["next"]
        if cursor is None:
            return found, page


def _request(url: str) -> urllib.request.Request:
    """With the token of SAMPLEWATCH_TOKEN, where there is one."""
    token = os.environ.get("SAMPLEWATCH_TOKEN")
    return urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        answer = json.load(error)
        return str(answer["detail"] if "detail" in answer else answer["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
