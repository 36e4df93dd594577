"""A Redis that accepts connections and never answers is an error that passes, not a wait without end."""

from __future__ import annotations

import asyncio
import socket

import pytest

from services.runtime.app import redis_client
from services.runtime.patience import PASSING


def test_a_server_that_falls_silent_is_an_error_that_passes() -> None:
    async def ask(port: int) -> None:
        async with redis_client(f"redis://127.0.0.1:{port}", 0.2) as redis, asyncio.timeout(5):
            await redis.get("x")

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(PASSING, match=r"[Tt]imeout"):
        asyncio.run(ask(silent.getsockname()[1]))
