"""Test items (检验项目) with realistic units, limits and detection limits, in panels that categories share.

The limits follow the standards named, simplified to one figure per item: material for a simulation, not a reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor, log10
from typing import Any

from services.simulate.item_tables import TABLES

#: How readily an item of a class is the one that fails.
FAIL_WEIGHTS = {"prohibited": 0.3, "pathogen": 0.5, "labelling": 0.4, "heavy_metal": 0.5, "mycotoxin": 0.5}


@dataclass(frozen=True, slots=True)
class PanelItem:
    """One test item. kind is max, min, range, absent, or words (judged without a number)."""

    name: str
    item_class: str
    kind: str
    limit: float | None
    low: float | None
    lod: float | None
    digits: int
    passes: str = "符合"
    fails: str = "不符合"
    fail_weight: float = 1.0
    #: the members of the item's JSON object that never change
    fixed: dict[str, Any] = field(default_factory=dict)

    def passing(self, u: float) -> float | int | str:
        """A value that passes, by the uniform number `u`: most traces are below the detection limit."""
        if self.limit is None:
            return self.passes
        if self.kind == "range":
            low = self.low or 0.0
            return self._rounded(low + (self.limit - low) * (0.1 + 0.8 * u))
        if self.kind == "min":
            room = 100 - self.limit if self.fixed.get("unit") == "%" else 0.4 * self.limit
            return self._rounded(self.limit + room * (0.05 + 0.9 * u * u))
        if u < 0.6 and self.lod is not None:
            return "<LOD"
        if u < 0.5 and self.digits == 0 and self.limit >= 1000:
            return "<10"  # colony counts
        share = (u - 0.6) / 0.4 if self.lod is not None else u
        value = self._rounded(self.limit * (0.05 + 0.85 * share * share))
        return value if self.lod is None else max(value, self.lod)

    def failing(self, u: float) -> float | int | str:
        """A value that fails, by the uniform number `u`."""
        if self.limit is None:
            return self.fails if self.lod is None else self._rounded(self.lod * (1.2 + 20 * u * u))
        if self.kind == "min":
            return self._rounded(self.limit * (0.94 - 0.4 * u * u))
        if self.kind == "range":
            low = self.low or 0.0
            beyond = (self.limit - low) * (0.06 + 0.6 * abs(u - 0.5))
            return self._rounded(low - beyond if u < 0.5 else self.limit + beyond)
        return self._rounded(self.limit * (1.06 + 2.5 * u**3))

    def _rounded(self, value: float) -> float | int:
        return round(value, self.digits) if self.digits else round(value)


def _digits(reference: float) -> int:
    return max(0, 2 - floor(log10(reference)))


def _item(row: str) -> PanelItem:
    name, item_class, unit, kind, bound, lod_text, basis, method = (cell.strip() for cell in row.split("|"))
    words = bound.split("~") if kind in ("absent", "words") else None
    low_text, _, high_text = bound.rpartition("~") if not words else ("", "", "")
    limit, low = (float(text) if text else None for text in (high_text, low_text))
    lod = float(lod_text) if lod_text else None
    fixed: dict[str, Any] = {"item": name, "method": method, "basis": basis, "item_class": item_class}
    numbers = {"lod": lod, "limit": limit, "limit_low": low}
    texts = {"unit": unit or None, "limit_kind": kind if kind != "words" else None}
    fixed |= {key: value for key, value in (numbers | texts).items() if value is not None}
    passes, fails = words if words and len(words) == 2 else ("<LOD", "检出")
    digits = _digits(limit or lod or 1.0)
    weight = FAIL_WEIGHTS.get(item_class, 1.0)
    return PanelItem(name, item_class, kind, limit, low, lod, digits, passes, fails, weight, fixed)


def _panels() -> dict[str, tuple[PanelItem, ...]]:
    panels: dict[str, list[PanelItem]] = {}
    rows: list[PanelItem] = []
    for line in "\n".join(TABLES).splitlines():
        if line.startswith("["):
            rows = panels.setdefault(line.strip("[] "), [])
        elif line.strip():
            rows.append(_item(line))
    return {name: tuple(items) for name, items in panels.items()}


PANELS = _panels()
