"""The systems that tests of tests/integration and tests/e2e run against.

system            shared by the whole run, and every test on it runs twice: on the embedded runtime, and on containers
                  (skipped where no Docker engine answers). For what must hold on any broker and any Redis.
embedded_system   the same shared instance, on the embedded runtime only. For the rest.
module_system     an embedded one of a module's own, empty at its beginning.
fresh_system      an embedded one of a test's own, empty. A start takes about 8 s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.system import RUNTIMES, System, embedded

Start = Callable[[str], System]


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


@pytest.fixture
def fresh_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with embedded(tmp_path_factory.mktemp("fresh")) as system:
        yield system
