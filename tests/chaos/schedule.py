"""The input of the chaos tests: a simulated year and commands about its alerts, as steps that are sent one by one.

Each step waits for the one before it. A sample is registered in one step, its results come in the next, inspectors'
commands in the one after that, and voids last. So what follows from the whole does not hang on how topics interleave,
and an undisturbed run has exactly one outcome.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from kafka.errors import KafkaError

from services.cli.simulate_commands import outgoing
from services.simulate.simulate import SimulatedEvent, simulate
from tests.events import binary, order
from tests.system import WAIT_S, Raw, System

Step = list[Raw]

_CHUNK = 100


class Schedule:
    """The steps. Commands are about alerts that an undisturbed run raised; others send the same ones."""

    def __init__(self, samples: int, seed: int, slices: int) -> None:
        self.length = slices + 3
        self._steps: list[Step] = [[] for _ in range(self.length)]
        self._commanded: set[str] = set()
        self._chosen: dict[int, Step] = {}
        order_of: dict[str, int] = {}
        for event in simulate(samples, seed, date(2025, 1, 1)):
            part = order_of.setdefault(event.sample_id, len(order_of)) % slices
            delay = 1 if event.is_result else 3 if event.type == "SampleVoided" else 0
            self._steps[part + delay].append(_raw(event))

    def step(self, number: int, alerts: Callable[[], Sequence[dict[str, Any]]]) -> Step:
        """What is sent in a step. `alerts` are the ones that stand, asked for by the first run alone."""
        if number not in self._chosen:
            self._chosen[number] = list(self._commands(alerts()))
        return self._steps[number] + self._chosen[number]

    def _commands(self, alerts: Sequence[dict[str, Any]]) -> Iterable[Raw]:
        for alert in sorted(alerts, key=lambda alert: alert["alert_id"]):
            identity = alert["alert_id"]
            if identity in self._commanded or alert["state"] != "raised":
                continue
            self._commanded.add(identity)
            kinds: tuple[tuple[str, dict[str, str]], ...] = (
                ("Acknowledge", {}),
                ("Assign", {"assignee": "inspector-3"}),
                ("Act", {"action": "sealed the batch"}),
                ("Close", {"reason": "destroyed"}),
            )
            for kind, more in kinds[: int(identity[-1], 16) % 5]:
                yield binary(order(kind, identity, **more), "synthetic:/inspectors", f"{identity}-{kind}")


def _raw(event: SimulatedEvent) -> Raw:
    out = outgoing(event)
    return Raw(out.topic, out.key, out.value, out.headers)


def send(system: System, step: Step, pause: float = 0.0) -> None:
    """Sends the step in its order, whatever happens to the broker meanwhile: what may not have come is sent again."""
    for start in range(0, len(step), _CHUNK):
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                system.produce(step[start : start + _CHUNK])
                break
            except (KafkaError, OSError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                with contextlib.suppress(Exception):
                    system._close_producers()
                time.sleep(0.2)
        time.sleep(pause)
