"""The undisturbed run that every other is compared with. It is made once."""

from __future__ import annotations

import os

import pytest

from tests.chaos.outcome import Outcome, outcome
from tests.chaos.runs import run
from tests.chaos.schedule import Schedule
from tests.system import embedded

FULL = os.environ.get("SAMPLEWATCH_CHAOS", "short") == "full"


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schedule, Outcome]:
    schedule = Schedule(samples=1_500, seed=11, slices=8 if FULL else 4)
    with embedded(tmp_path_factory.mktemp("undisturbed")) as system:
        run(system, schedule, {})
        found = outcome(system)
    states = {alert["state"] for alert in found["alerts"].values()}
    assert {"raised", "acknowledged", "acted", "closed", "cancelled"} <= states, "the input is too tame"
    return schedule, found
