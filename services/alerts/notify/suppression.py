"""What keeps an alert from being told for a while: a silence, or a graver alert that it is part of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.alerts.notify.items import Item
from services.alerts.notify.routing import Inhibition, Silence


@dataclass(frozen=True, slots=True)
class Suppression:
    """The silences, rules and open sources of inhibition at one moment."""

    silences: tuple[Silence, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    sources: tuple[Item, ...] = ()

    def silenced_until(self, item: Item, now: int) -> int | None:
        """Until when the item is not to be told, whatever it says; None if it may be now."""
        ends = [item.silenced_until] if item.silenced_until > now else []
        ends += [s.ends for s in self.silences if s.begins <= now < s.ends and s.match.takes(item.labels)]
        return max(ends, default=None)

    def inhibitor_of(self, item: Item) -> Item | None:
        """The open alert that keeps the item from being told."""
        for rule in self.inhibitions:
            if rule.target.takes(item.labels):
                for source in self.sources:
                    if _inhibits(rule, source, item):
                        return source
        return None


def may_inhibit(rules: Iterable[Inhibition], item: Item) -> bool:
    """Whether some rule has the item for a source."""
    return any(rule.source.takes(item.labels) for rule in rules)


def _inhibits(rule: Inhibition, source: Item, item: Item) -> bool:
    if source.over or not rule.source.takes(source.labels):
        return False
    # two that are source and target alike would silence each other, and one would silence itself
    if rule.target.takes(source.labels) and rule.source.takes(item.labels):
        return False
    if any(source.labels.get(name) != item.labels.get(name) for name in rule.equal):
        return False
    return not rule.evidence or item.labels.get("sample_id") in source.evidence
