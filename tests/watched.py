"""A system that tells people of alerts and has a laboratory that reports daily: what a watcher would look at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.events import SALMONELLA, binary, order, result, sample_taken
from tests.receivers import Hook, hook
from tests.system import System, unique

LABORATORY = "daily-lab"
_ROUTES = """
operations: duty
route: {receiver: duty, group_by: [kind], group_wait: 0s, group_interval: 0s, repeat_interval: 0s}
delivery: {timeout: 5s, dead_after_failures: 3, dead_after: 1h}
"""
_RECEIVERS = """
receivers:
  duty:
    channels: {hook: "json://127.0.0.1:%d/duty"}
    language: en
"""


@dataclass
class Watched:
    """A system with a receiver of its messages."""

    system: System
    hook: Hook

    def fail(self, count: int = 1, lab_id: str = LABORATORY) -> list[str]:
        """Urgent failures: samples with a pathogen."""
        names = [unique() for _ in range(count)]
        self.system.produce(
            raw
            for name in names
            for raw in (binary(sample_taken(name), "/watched"), binary(result(name, lab_id, SALMONELLA), "/watched"))
        )
        return names

    def passes(self, count: int = 1, lab_id: str = LABORATORY) -> None:
        """Samples in which everything passed."""
        names = [unique() for _ in range(count)]
        self.system.produce(
            raw
            for name in names
            for raw in (binary(sample_taken(name), "/watched"), binary(result(name, lab_id), "/watched"))
        )

    def work(self) -> None:
        """Everything that happens on a good day, once."""
        system = self.system
        [name] = self.fail()
        self.passes()
        system.produce([binary(result(unique(), "another-lab"), "/watched")])  # parked
        # past its deadline whatever the holidays, and not so long that it counts as history
        late = (datetime.now(UTC) - timedelta(days=25)).isoformat()
        delayed, today = unique(), datetime.now(UTC).isoformat()
        received = {"type": "SampleReceived", "sample_id": delayed, "lab_id": LABORATORY, "received_at": today}
        system.produce([binary(sample_taken(delayed, sampled_at=late), "/watched"), binary(received, "/watched")])
        system.wait_idle()
        system.eventually(lambda: any(name in one.body["message"] for one in self.hook.taken), "duty is told")
        [alert] = system.alerts(sample_id=name)
        system.produce([binary(order("Acknowledge", alert["alert_id"]), "/watched")])
        system.wait_idle()
        system.eventually(lambda: 'state="acknowledged"' in system.get("alerts", "/metrics"), "the alerts are counted")
        system.eventually(
            lambda: "samplewatch_deadlines_total{" in system.get("sampling", "/metrics"), "deadlines are counted"
        )


@contextlib.contextmanager
def watched(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Watched]:
    """Starts it, with these settings besides."""
    with contextlib.ExitStack() as stack:
        duty = stack.enter_context(hook())
        (folder / "routes.yaml").write_text(_ROUTES)
        (folder / "receivers.yaml").write_text(_RECEIVERS % duty.port)
        settings = {"SAMPLEWATCH_ROUTES": str(folder / "routes.yaml"), "SAMPLEWATCH_DAILY_LABORATORIES": LABORATORY}
        system = System(folder, {**settings, **(env or {})})
        stack.callback(system.end)
        system.up()
        yield Watched(system, duty)
