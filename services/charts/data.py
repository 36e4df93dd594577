"""What charts are drawn from, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Format = Literal["svg", "png"]
Lang = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Point:
    """The rate of a period, with both its days, its 95 % interval and the samples that it is of. Rates are 0 to 1."""

    first: date
    last: date
    rate: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Line:
    """A cell's series; periods without samples are left out of it, and leave a gap."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A cell of a ranking: its own rate with the 95 % interval, and the shrunken one by which it is ranked."""

    name: str
    rate: float
    low: float
    high: float
    shrunken: float
    samples: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart, and what its reader has to be told: what was left out, or which font is missing."""

    content: bytes
    messages: tuple[str, ...] = ()
