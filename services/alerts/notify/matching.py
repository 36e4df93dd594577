"""Matchers: for each label the values that are taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.regions import in_region
from services.alerts.notify.labels import Labels


class Match(NamedTuple):
    """Takes an alert that has one of the values for each label named; without any it takes all."""

    values: Mapping[str, tuple[str, ...]]

    def takes(self, labels: Labels) -> bool:
        """Whether an alert with these labels is taken."""
        return all(
            name in labels and any(_is(name, labels[name], value) for value in wanted)
            for name, wanted in self.values.items()
        )

    def covers(self, other: Match) -> bool:
        """Whether all that the other takes is taken."""
        return all(
            name in other.values and all(any(_is(name, value, mine) for mine in wanted) for value in other.values[name])
            for name, wanted in self.values.items()
        )

    def within(self, outer: Match) -> Match | None:
        """What both take; None where that is nothing."""
        both = dict(outer.values)
        for name, wanted in self.values.items():
            both[name] = _common(name, wanted, both[name]) if name in both else wanted
            if not both[name]:
                return None
        return Match(both)

    def __str__(self) -> str:
        return ", ".join(f"{name}={'|'.join(wanted)}" for name, wanted in self.values.items()) or "everything"


EVERYTHING = Match({})


def _common(name: str, some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    narrower = (value for value in some if any(_is(name, value, other) for other in others))
    return tuple(dict.fromkeys((*narrower, *(value for value in others if any(_is(name, value, one) for one in some)))))


def _is(name: str, value: str, wanted: str) -> bool:
    return in_region(value, wanted) if name == "region" else value == wanted
