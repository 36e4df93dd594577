"""lived             a system that has lived, with its copies and backup; made once. Its processes have ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lived import Lived, duty


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("lived")
    with duty(folder) as (hook, env):
        one = Lived(folder, hook, env)
        try:
            one.live()
            yield one
        finally:
            one.system.end()
