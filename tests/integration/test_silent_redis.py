"""A Redis that never answers, or takes nothing any more, is an error that passes, not a wait without end."""

from __future__ import annotations

import asyncio
import socket

import pytest
from redis.exceptions import ReadOnlyError

from services.runtime.app import redis_client
from services.runtime.patience import PASSING


def test_a_server_that_falls_silent_is_an_error_that_passes() -> None:
    async def ask(port: int) -> None:
        async with redis_client(f"redis://127.0.0.1:{port}", 0.2) as redis, asyncio.timeout(5):
            await redis.get("x")

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(PASSING, match=r"[Tt]imeout"):
        asyncio.run(ask(silent.getsockname()[1]))


def test_a_redis_that_has_become_a_replica_is_looked_up_anew(url: str) -> None:
    """After a failover its name may stand for another host, and the old one answers as long as it is asked."""

    async def test() -> None:
        async with redis_client(url) as redis:
            first = await redis.client_id()
            assert await redis.client_id() == first
            await redis.replicaof("127.0.0.1", 1)
            try:
                script = redis.register_script("return redis.call('SET', KEYS[1], 'v')")
                pipeline = redis.pipeline().set("k", "v").set("l", "v")
                for write in (lambda: redis.set("k", "v"), lambda: script(["k"]), pipeline.execute):
                    before = await redis.client_id()
                    with pytest.raises(ReadOnlyError):
                        await write()
                    assert await redis.client_id() != before
            finally:
                await redis.replicaof("NO", "ONE")

    asyncio.run(test())
