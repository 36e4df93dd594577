"""The file that names the cuts: read and checked once, at the start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from services.runtime.settings import BadSetting

#: The setting that names another file than the one shipped.
SETTING = "SAMPLEWATCH_CUTS"
_SHIPPED = Path(__file__).with_name("cuts.yaml")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

#: What a cut may combine: attributes of where and what, and of who.
REGION_ATTRIBUTES = ("province", "city", "county", "township")
CATEGORY_ATTRIBUTES = ("category_1", "category_2", "category_3", "category_4")
PLACE_ATTRIBUTES = (*REGION_ATTRIBUTES, *CATEGORY_ATTRIBUTES, "stage", "targeting")
WHO_ATTRIBUTES = ("laboratory", "producer", "sampled_party")


class CutError(BadSetting):
    """The file of cuts can't be used; says where and why."""


class Cut(NamedTuple):
    """One way to divide the verdicts: by the values of the attributes in `by`.

    `published`: whether qualification.rates.v1 carries its cells.
    """

    name: str
    by: tuple[str, ...]
    published: bool = True

    @property
    def fingerprint(self) -> str:
        """Changes when the cut's counts do: they have to be made anew."""
        return "+".join(self.by) or "-"


def read_cuts(path: Path | None = None) -> tuple[Cut, ...]:
    """The cuts of a file, by default the one that SAMPLEWATCH_CUTS names or else the shipped one; raises CutError."""
    said = f"{SETTING}: " if path is None and os.environ.get(SETTING) else ""
    path = path or Path(os.environ.get(SETTING) or _SHIPPED)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CutError(f"{said}{path}: {error}") from None
    try:
        return parse_cuts(content)
    except CutError as error:
        raise CutError(f"{said}{path}: {error}") from None


def parse_cuts(content: Any) -> tuple[Cut, ...]:
    """The cuts of a parsed file; raises CutError."""
    if not isinstance(content, Mapping) or set(content) != {"cuts"} or not isinstance(content["cuts"], Mapping):
        raise CutError("a mapping with the one entry 'cuts', itself a mapping, is needed")
    cuts = tuple(_cut(name, body) for name, body in content["cuts"].items())
    if "all" not in {cut.name for cut in cuts}:
        raise CutError("the cut 'all' is needed: it is what is asked for by default")
    return cuts


def _cut(name: Any, body: Any) -> Cut:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CutError(f"{name!r} is no name of a cut: up to 40 of a-z, 0-9 and _, the first a letter")
    if isinstance(body, list):
        body = {"by": body}
    if not isinstance(body, Mapping) or "by" not in body or set(body) - {"by", "published"}:
        raise CutError(f"cut {name}: a list of attributes, or 'by' and 'published', is needed")
    by, published = body["by"], body.get("published", True)
    if not isinstance(by, list) or len(set(map(str, by))) != len(by):
        raise CutError(f"cut {name}: 'by' is a list of different attributes")
    for attribute in by:
        if attribute not in (*PLACE_ATTRIBUTES, *WHO_ATTRIBUTES):
            known = ", ".join((*PLACE_ATTRIBUTES, *WHO_ATTRIBUTES))
            raise CutError(f"cut {name}: {attribute!r} is none of the attributes {known}")
    if not isinstance(published, bool):
        raise CutError(f"cut {name}: 'published' is true or false")
    return Cut(name, tuple(by), published)
