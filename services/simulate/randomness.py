"""Seeded random draws, one uniform number at a time but fetched in blocks: fast, and the same for the same seed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")

_BLOCK = 1 << 15


class Weighted(Generic[T]):
    """Values with weights; `pick` takes a uniform number of [0, 1)."""

    __slots__ = ("_bounds", "shares", "values")

    def __init__(self, values: Sequence[T], weights: Sequence[float]) -> None:
        total = sum(weights)
        self.values = tuple(values)
        self.shares = tuple(weight / total for weight in weights)
        self._bounds = list(accumulate(self.shares))[:-1]

    def pick(self, u: float) -> T:
        """The value that the uniform number `u` falls on."""
        return self.values[bisect_right(self._bounds, u)]


def zipf(count: int, exponent: float = 1.0) -> list[float]:
    """Weights of `count` ranks under Zipf's law: a few large enterprises and many small ones."""
    return [1 / rank**exponent for rank in range(1, count + 1)]


class Dice:
    """The only source of chance in a simulation."""

    __slots__ = ("generator", "uniform")

    def __init__(self, seed: int) -> None:
        self.generator = np.random.Generator(np.random.PCG64(seed))
        self.uniform = self._uniforms().__next__

    def _uniforms(self) -> Iterator[float]:
        while True:
            yield from self.generator.random(_BLOCK).tolist()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def pick(self, values: Sequence[T]) -> T:
        """One of `values`, each as likely."""
        return values[int(self.uniform() * len(values))]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included, each as likely."""
        return low + int(self.uniform() * (high - low + 1))
