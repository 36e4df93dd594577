"""hotspots.yaml: read and checked once, at the start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.lab_results.cuts import CUTS

#: The setting that names another file than the one shipped.
SETTING = "SAMPLEWATCH_HOTSPOTS"
_SHIPPED = Path(__file__).with_name("hotspots.yaml")


class ConfigError(ValueError):
    """The file can't be used; says where and why."""


class Config(BaseModel):
    """What hotspots.yaml says; its comments tell what each entry means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cuts: Annotated[tuple[str, ...], Field(min_length=1)]
    strata: str
    without_history: Annotated[float, Field(gt=0, lt=1)]
    planned: dict[str, Annotated[int, Field(ge=1)]] = {}
    planned_least: Annotated[int, Field(ge=1)] = 30
    places: Path | None = None


def read_config(path: Path | None = None) -> Config:
    """The configuration of a file, by default the one that SAMPLEWATCH_HOTSPOTS names or else the shipped one."""
    path = path or Path(os.environ.get(SETTING) or _SHIPPED)
    try:
        config = Config.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from None
    known = {cut.name for cut in CUTS}
    for name in (*config.cuts, config.strata):
        if name not in known:
            raise ConfigError(f"{path}: {name!r} is no cut: there are {', '.join(sorted(known))}")
    return config
