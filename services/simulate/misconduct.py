"""What a dishonest or careless laboratory does to its reports. Verdicts stay as they were, so the year's truth
does too; a laboratory that passes whatever fails is `NeverFailingLaboratory` in problems.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Literal, get_args

from services.simulate.randomness import Dice

What = Literal[
    "impossible_times", "quick_turnaround", "repeated_values", "last_digits", "little_variation", "just_under_limit"
]
WHATS = get_args(What)


@dataclass(frozen=True, slots=True)
class Misconduct:
    """What a laboratory does to its reports from a day on."""

    kind: ClassVar[str] = "misconduct"
    lab_id: str
    what: What
    since: date


class Tampering:
    """Changes the bodies of first reports; remembers what a laboratory wrote last."""

    def __init__(self, dice: Dice, problems: Sequence[Any]) -> None:
        self._dice = dice
        self._by_lab: dict[str, list[Misconduct]] = {}
        for one in problems:
            if isinstance(one, Misconduct):
                self._by_lab.setdefault(one.lab_id, []).append(one)
        self._last: dict[tuple[str, str], Any] = {}
        self._ways: dict[What, Callable[[dict[str, Any]], None]] = {
            "impossible_times": self._impossible_times,
            "quick_turnaround": self._quick_turnaround,
            "repeated_values": self._repeated_values,
            "last_digits": self._last_digits,
            "little_variation": self._little_variation,
            "just_under_limit": self._just_under_limit,
        }

    def apply(self, body: dict[str, Any]) -> None:
        """Changes the report where its laboratory does that sort of thing, or several."""
        for found in self._by_lab.get(body.get("lab_id", ""), ()):
            if body["type"] == "ResultReported" and body["issued_at"][:10] >= found.since.isoformat():
                self._ways[found.what](body)

    def _impossible_times(self, body: dict[str, Any]) -> None:
        if self._dice.chance(0.1):
            body["finished_at"] = _moved(body["received_at"], hours=-self._dice.between(2, 40))

    def _quick_turnaround(self, body: dict[str, Any]) -> None:
        if self._dice.chance(0.3):
            received = _moved(body["issued_at"], hours=-1)
            body |= {"received_at": received, "started_at": received, "finished_at": body["issued_at"]}

    def _repeated_values(self, body: dict[str, Any]) -> None:
        for line in _numbers(body):
            key = (body["lab_id"], line["item"])
            if key in self._last and self._dice.chance(0.4):
                self._put(line, str(self._last[key]))
            self._last[key] = line["value"]

    def _last_digits(self, body: dict[str, Any]) -> None:
        for line in _numbers(body):
            text = str(line["value"])
            if len(text.replace(".", "").lstrip("0")) >= 3 and self._dice.chance(0.5):
                self._put(line, text[:-1] + "37"[self._dice.chance(0.5)])

    def _little_variation(self, body: dict[str, Any]) -> None:
        for line in _numbers(body):
            if "limit" in line and line.get("limit_kind") == "max":
                self._put(line, _like(line["value"], line["limit"] * (0.3 + 0.01 * self._dice.uniform())))

    def _just_under_limit(self, body: dict[str, Any]) -> None:
        for line in _numbers(body):
            if "limit" in line and line.get("limit_kind") == "max" and self._dice.chance(0.3):
                self._put(line, _like(line["value"], line["limit"] * (0.955 + 0.04 * self._dice.uniform())))

    @staticmethod
    def _put(line: dict[str, Any], text: str) -> None:
        """Writes the number, unless the item would no longer pass."""
        value = float(text)
        if value >= line.get("lod", 0) and line.get("limit_low", 0) <= value <= line.get("limit", value):
            line["value"] = float(text) if "." in text else int(text)


def _numbers(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that passed with a number; their limits are those of the item."""
    return [line for line in body["items"] if line["verdict"] == "pass" and isinstance(line.get("value"), int | float)]


def _like(value: float, other: float) -> str:
    """`other` with as many decimals as `value` is written with."""
    decimals = len(str(value).partition(".")[2]) if isinstance(value, float) else 0
    return f"{other:.{max(decimals, 3) if isinstance(value, float) else 0}f}"


def _moved(moment: str, hours: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(hours=hours)).isoformat()
