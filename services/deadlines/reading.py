"""YAML files of people's making, and what is wrong with them in words that name the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError


class _Loader(yaml.SafeLoader):
    """Leaves dates as text, so that a wrong one is told by its field."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> Any:
    """What the file says, dates as text. Raises ValueError where it is no YAML, and OSError."""
    try:
        return yaml.load(path.read_text("utf-8"), _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from None


def problems_of(error: ValidationError) -> Iterator[str]:
    """field: reason, for each thing that is wrong."""
    for found in error.errors(include_url=False):
        field = ".".join(str(part) for part in found["loc"])
        reason = found["msg"].removeprefix("Value error, ")
        yield f"{field}: {reason}" if field else reason
