"""Reads a YAML file as what a model says that it has to be."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from schemas.writing import first_error

M = TypeVar("M", bound=BaseModel)


def read_checked(path: Path | str, model: type[M], bad: type[Exception]) -> M:
    """The file as an instance of the model; raises `bad`, which names the file and the place."""
    try:
        return model.model_validate(yaml.safe_load(Path(path).read_text("utf-8")))
    except ValidationError as error:
        raise bad(f"{path}: {': '.join(first_error(error))}") from None
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise bad(f"{path}: {error}") from None
