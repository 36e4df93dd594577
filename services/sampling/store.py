"""Samples' lives in Redis: one hash a partition, sample_id -> the packed life."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis

from services.runtime.fields import read_fields
from services.runtime.stage import state_key
from services.sampling.domain import Life
from services.sampling.packing import pack_life, unpack_life

__all__ = ["lives_key", "load_lives", "open_key", "pack_life", "unpack_life"]

STAGE = "sampling"


def lives_key(partition: int) -> str:
    """The hash that holds the lives of a partition's samples."""
    return state_key(STAGE, partition, "lives")


async def load_lives(redis: Redis, partition: int, sample_ids: Iterable[str]) -> dict[str, Life]:
    """The lives of those samples that are known."""
    kept = await read_fields(redis, lives_key(partition), sample_ids)
    return {name: unpack_life(value, name) for name, value in kept}


def open_key(partition: int) -> str:
    """The hash of the deadlines that are near or passed: deadline_id -> the event that said so, as JSON."""
    return state_key(STAGE, partition, "deadlines")
