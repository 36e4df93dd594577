"""Samples' lives in Redis: one hash a partition, sample_id -> the packed life."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgpack
from redis.asyncio import Redis

from schemas.sampling import SampleReceived, SampleTaken, SampleVoided
from services.runtime.stage import state_key
from services.sampling.domain import Kind, Life, Reference

STAGE = "sampling"
_KINDS: tuple[Kind, ...] = ("event", "verdict")


def lives_key(partition: int) -> str:
    """The hash that holds the lives of a partition's samples."""
    return state_key(STAGE, partition, "lives")


async def load_lives(redis: Redis, partition: int, sample_ids: Iterable[str]) -> dict[str, Life]:
    """The lives of those samples that are known."""
    names = list(dict.fromkeys(sample_ids))
    if not names:
        return {}
    packed = await cast(Any, redis.hmget(lives_key(partition), names))
    return {name: unpack_life(value) for name, value in zip(names, packed, strict=True) if value is not None}


def pack_life(life: Life) -> bytes:
    """A life as msgpack; `unpack_life` is its inverse."""
    return cast(
        bytes,
        msgpack.packb(
            [
                _json(life.taken),
                life.taken_from,
                _json(life.received),
                _json(life.voided),
                b"".join(sorted(life.marks)),
                [number for kind, offset in life.history for number in (_KINDS.index(kind), offset)],
                life.verdict_revision,
            ]
        ),
    )


def unpack_life(packed: bytes) -> Life:
    """Reads what `pack_life` wrote."""
    taken, taken_from, received, voided, marks, numbers, verdict_revision = msgpack.unpackb(packed)
    return Life(
        taken=taken and SampleTaken.model_validate_json(taken),
        taken_from=taken_from,
        received=received and SampleReceived.model_validate_json(received),
        voided=voided and SampleVoided.model_validate_json(voided),
        marks=frozenset(marks[place : place + 8] for place in range(0, len(marks), 8)),
        history=tuple(
            Reference(_KINDS[kind], offset) for kind, offset in zip(numbers[::2], numbers[1::2], strict=True)
        ),
        verdict_revision=verdict_revision,
    )


def _json(event: SampleTaken | SampleReceived | SampleVoided | None) -> bytes | None:
    return event.model_dump_json(exclude_none=True, exclude_defaults=True).encode() if event else None
