"""The systems that tests of tests/integration and tests/e2e run against.

system            shared by all tests of a process of the run, and every test on it runs twice: on the embedded
                  runtime, and on containers (skipped where no Docker engine answers). For what must hold on any broker
                  and any Redis.
embedded_system   the same shared instance, on the embedded runtime only. For the rest.
module_system     an embedded one of a module's own, empty at its beginning. A start takes about 8 s.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.system import RUNTIMES, System, embedded

Start = Callable[[str], System]

# How long an example takes, on a machine that does other things besides, shows nothing. The same examples come in each
# run, so that nobody else's change meets a failure that a die brought; --hypothesis-profile=explore looks for new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("same", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same")


#: A test that asks for something that the whole of a run shares.
_SHARING = re.compile(r"^def test_\w+\([^)]*\b(system|embedded_system|lived): ", re.MULTILINE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests run in several processes, each file runs in one of them, and all that share something in the same."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return _shared_by(config.rootpath / file) or file

    return Scheduling(config, log)


@cache
def _shared_by(file: Path) -> str | None:
    text = file.read_text("utf-8")
    found = _SHARING.search(text)
    if found is None or f"def {found[1]}(" in text:  # a fixture of its own by that name
        return None
    return found[1].removeprefix("embedded_")


@pytest.fixture(scope="session")
def start_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Gives the shared system of a runtime, which is started when first asked for and runs to the end."""
    with contextlib.ExitStack() as running:
        started: dict[str, System] = {}

        def start(runtime: str) -> System:
            if runtime not in started:
                started[runtime] = running.enter_context(RUNTIMES[runtime](tmp_path_factory.mktemp(runtime)))
            return started[runtime]

        yield start


@pytest.fixture(scope="session", params=list(RUNTIMES))
def system(request: pytest.FixtureRequest, start_shared: Start) -> System:
    if request.param == "containers":
        from tests.containers import why_no_engine

        if reason := why_no_engine():
            pytest.skip(reason)
    return start_shared(request.param)


@pytest.fixture(scope="session")
def embedded_system(start_shared: Start) -> System:
    return start_shared("embedded")


@pytest.fixture(scope="module")
def module_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with embedded(tmp_path_factory.mktemp("module")) as system:
        yield system
