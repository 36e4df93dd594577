"""Samples' lives in Redis: one hash a partition, of blocks (services/runtime/blocks.py)."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis

from services.runtime.blocks import Blocks, Held
from services.runtime.codec import codec_of
from services.runtime.stage import state_key
from services.sampling.domain import Life
from services.sampling.packing import pack_life, unpack_life

STAGE = "sampling"
LIVES = Blocks("lives", pack_life, unpack_life, codec_of("lives"))


def lives_key(partition: int) -> str:
    """The hash that holds the lives of a partition's samples."""
    return state_key(STAGE, partition, "life_blocks")


async def load_lives(redis: Redis, partition: int, sample_ids: Iterable[str]) -> Held[Life]:
    """The lives of those samples that are known; raises DamagedValue."""
    return await LIVES.load(redis, lives_key(partition), sample_ids)


def open_key(partition: int) -> str:
    """The hash of the deadlines that are near or passed: deadline_id -> the event that said so, as JSON."""
    return state_key(STAGE, partition, "deadlines")
