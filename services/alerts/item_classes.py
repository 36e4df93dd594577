"""Which class a failed item belongs to, and how grave a class is, by the table `item_classes.yaml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.alerts import ClassedBy, Severity, Urgency
from schemas.values import LimitKind
from schemas.verdicts import FailedItem

UNCLASSIFIED: Final = "unclassified"
_BRACKETS = re.compile(r"\([^()]*\)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ItemClass(_Strict):
    """A class in both languages, and how grave and urgent a failure is, in CAP's words."""

    zh: str
    en: str
    severity: Severity
    urgency: Urgency


class _Listed(_Strict):
    item_class: str = Field(alias="class")
    source: str
    names: tuple[str, ...]


class _Rule(_Strict):
    item_class: str = Field(alias="class")
    match: re.Pattern[str] | None = None
    unit: re.Pattern[str] | None = None
    limit_kind: LimitKind | None = None

    def fits(self, name: str, unit: str, limit_kind: str | None) -> bool:
        """Whether everything that the rule asks for is so."""
        return (
            (self.match is None or self.match.search(name) is not None)
            and (self.unit is None or self.unit.search(unit) is not None)
            and (self.limit_kind is None or self.limit_kind == limit_kind)
        )


class _Table(_Strict):
    classes: Mapping[str, ItemClass]
    items: tuple[_Listed, ...]
    rules: tuple[_Rule, ...]

    @model_validator(mode="after")
    def _names_its_classes(self) -> Self:
        listed, ruled = (entry.item_class for entry in self.items), (rule.item_class for rule in self.rules)
        named = {UNCLASSIFIED, *listed, *ruled}
        if unknown := named - set(self.classes):
            raise ValueError(f"classes lacks {', '.join(sorted(unknown))}")
        return self


class Classing(NamedTuple):
    """A class's name, and what it rests on."""

    name: str
    by: ClassedBy


def _load() -> tuple[_Table, dict[str, str]]:
    body: Any = yaml.safe_load(Path(__file__).with_name("item_classes.yaml").read_text("utf-8"))
    table = _Table.model_validate(body)
    listed: dict[str, str] = {}
    for entry in table.items:
        for name in entry.names:
            held = listed.setdefault(_plain(name), entry.item_class)
            if held != entry.item_class:
                raise ValueError(f"{name} is listed as {held} and as {entry.item_class}")
    return table, listed


def _plain(name: str) -> str:
    """A name without brackets and spaces, in one of the forms that Unicode has: 黄曲霉毒素B₁ is 黄曲霉毒素B1."""
    text = unicodedata.normalize("NFKC", name)
    return "".join(_BRACKETS.sub("", text).split()).casefold()


_TABLE, _LISTED = _load()
CLASSES: Final[Mapping[str, ItemClass]] = _TABLE.classes
#: The names of the classes, the gravest first.
ORDER: Final = tuple(CLASSES)


def class_of(item: FailedItem) -> Classing:
    """The class that the report gives, else the one that lists the item, else the one whose rule fits."""
    if item.item_class:
        return Classing(item.item_class, "report")
    return _classed(item.item, item.unit or "", item.limit_kind)


@lru_cache(maxsize=16384)
def _classed(name: str, unit: str, limit_kind: str | None) -> Classing:
    if (listed := _LISTED.get(_plain(name))) is not None:
        return Classing(listed, "table")
    found = (rule.item_class for rule in _TABLE.rules if rule.fits(name, unit, limit_kind))
    return Classing(next(found, UNCLASSIFIED), "rule")


def grade_of(item_class: str) -> ItemClass:
    """How grave a failure of this class is; a class that is not in the table is as grave as what has none."""
    return CLASSES.get(item_class, CLASSES[UNCLASSIFIED])
