"""A service that seems stuck is asked by a signal where it stands: it says so in its log, and goes on."""

from __future__ import annotations

import os
import signal

import pytest

from schemas.topics import SAMPLING_EVENTS
from tests.events import binary, sample_taken
from tests.system import SERVICES, System, unique


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_service_says_where_it_stands_and_goes_on(embedded_system: System, number: signal.Signals) -> None:
    before = {name: _stands(embedded_system, name) for name in SERVICES}
    for service in embedded_system.services.values():
        assert service.pid is not None
        os.kill(service.pid, number)
    embedded_system.eventually(
        lambda: all(_stands(embedded_system, name) > before[name] for name in SERVICES), "every log has it"
    )
    source = unique("/lims")
    embedded_system.produce([binary(sample_taken(unique()), source)])
    embedded_system.wait_idle()
    [receipt] = embedded_system.receipts(source)
    assert (receipt["topic"], receipt["outcome"]) == (SAMPLING_EVENTS.name, "accepted")
    embedded_system.assert_running()


def _stands(system: System, service: str) -> int:
    """How many partitions its log has shown waiting for a batch."""
    return (system.dir / "logs" / f"{service}.log").read_text("utf-8").count("await lane.inbox.ready()\n")
