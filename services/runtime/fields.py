"""Reads some fields of a hash in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from redis.asyncio import Redis


async def read_fields(redis: Redis, key: str, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Each of the fields that there is, once, with its value."""
    unique = list(dict.fromkeys(names))
    if not unique:
        return []
    values = await cast(Any, redis.hmget(key, unique))
    return [(name, value) for name, value in zip(unique, values, strict=True) if value is not None]
