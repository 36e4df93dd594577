"""url               the address of a Redis of a module's own, with nothing else beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger_world import redis_server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address
