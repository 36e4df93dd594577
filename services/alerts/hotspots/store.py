"""The state of the hotspot stages in Redis: standings by quarter and cell, the visits of each, and the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgpack
import msgspec
from redis.asyncio import Redis

from schemas.hotspots import HotspotModel
from schemas.structs import struct_of
from services.alerts.hotspots.cell import Case, Cell, Visit
from services.alerts.hotspots.expected import Model, Node, Tally
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.standing import Standing
from services.runtime.fields import read_fields
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key

CASES, CELLS = "hotspot_cases", "hotspot_cells"
ModelFacts: Any = struct_of(HotspotModel)
_read_model = msgspec.json.Decoder(ModelFacts).decode
#: Where the model lies: the partition whose timer fits it.
MODEL_PARTITION = 0


def model_key() -> str:
    """The hash of the model: version and body, and the clusters of the night's scan."""
    return state_key(CASES, MODEL_PARTITION, "model")


def standings_key(partition: int) -> str:
    """The hash of a partition's standings: quarter|cell -> packed."""
    return state_key(CELLS, partition, "standings")


def visits_key(partition: int, name: str) -> str:
    """The hash of the visits of one quarter|cell: visit -> packed."""
    return state_key(CELLS, partition, "visits", name)


def name_of(quarter: str, cell: str) -> str:
    """How a cell's quarter is named in the hashes."""
    return f"{quarter}|{cell}"


async def model_version(redis: Redis) -> str | None:
    """The version of the model in force; None before there is one."""
    version = await cast(Any, redis.hget(model_key(), "version"))
    return None if version is None else version.decode()


async def load_model(redis: Redis) -> tuple[Model, InForce] | None:
    """The model in force, and what findings need of it; None before there is one."""
    body = await cast(Any, redis.hget(model_key(), "body"))
    if body is None:
        return None
    facts = _read_model(body)
    nodes = {node.path: Node(Tally(node.units, node.failed), node.probability) for node in facts.nodes}
    return Model(facts.version, nodes, facts.strengths), InForce(facts.active_cells, facts.clusters)


async def load_standings(redis: Redis, partition: int, names: Iterable[str]) -> dict[str, Standing]:
    """Those of the standings that there are."""
    return {name: unpack_standing(packed) for name, packed in await read_fields(redis, standings_key(partition), names)}


async def names(redis: Redis, partition: int) -> list[str]:
    """The quarter|cell of each standing of a partition."""
    return [name.decode() for name in await cast(Any, redis.hkeys(standings_key(partition)))]


async def all_standings(redis: Redis) -> dict[str, Standing]:
    """The standings of every partition, by quarter|cell."""
    found: dict[str, Standing] = {}
    for partition in range(PARTITIONS):
        async for name, packed in redis.hscan_iter(standings_key(partition), count=1000):
            found[name.decode()] = unpack_standing(packed)
    return found


async def load_visits(
    redis: Redis, partition: int, wanted: Mapping[str, Iterable[str] | None]
) -> dict[str, dict[str, Visit]]:
    """Visits by quarter|cell: those that are named, or all where None stands for their names."""
    pipeline = redis.pipeline(transaction=False)
    named = {name: None if visits is None else list(visits) for name, visits in wanted.items()}
    for name, visits in named.items():
        if visits is None:
            pipeline.hgetall(visits_key(partition, name))
        else:
            pipeline.hmget(visits_key(partition, name), visits)
    replies = await cast(Any, pipeline.execute()) if named else []
    found: dict[str, dict[str, Visit]] = {}
    for (name, visits), reply in zip(named.items(), replies, strict=True):
        if visits is None:
            pairs = [(visit.decode(), packed) for visit, packed in reply.items()]
        else:
            pairs = [pair for pair in zip(visits, reply, strict=True) if pair[1] is not None]
        found[name] = {visit: unpack_visit(packed) for visit, packed in pairs}
    return found


def pack_standing(standing: Standing) -> bytes:
    """A standing as msgpack; `unpack_standing` is its inverse."""
    return cast(bytes, msgpack.packb(standing))


def unpack_standing(packed: bytes) -> Standing:
    """Reads what `pack_standing` wrote."""
    cell, *rest = msgpack.unpackb(packed, use_list=False)
    return Standing(Cell(*cell), *rest)


def pack_visit(visit: Visit) -> bytes:
    """A visit as msgpack; `unpack_visit` is its inverse."""
    return cast(bytes, msgpack.packb(visit))


def unpack_visit(packed: bytes) -> Visit:
    """Reads what `pack_visit` wrote."""
    place, day, cases = msgpack.unpackb(packed, use_list=False)
    return Visit(place, day, tuple(Case(*case) for case in cases))
