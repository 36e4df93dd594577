"""Whether Redis keeps what it acknowledges, and nothing in a form of before, asked once at the start.

By INFO, not CONFIG: managed Redis seldom lets a client ask CONFIG, and Redis and Valkey both say these with INFO.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, ResponseError, TimeoutError

from services.runtime import metrics
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key

logger = logging.getLogger(__name__)


#: What releases of before 28 November 2026 kept in another form: a stage, and a key of each of its partitions.
_FORMER = {"sampling": "lives", "lab": "dossiers", "alerts": "seen"}


class UnfitRedis(Exception):
    """State would silently disappear from this Redis, or lies there in a form of before, or it can't be reached."""


def check_redis(url: str, patience: float) -> None:
    """Waits that long for Redis (0: for as long as it takes), then raises UnfitRedis or logs what is doubtful."""
    deadline = time.monotonic() + patience
    with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as redis:
        while True:
            try:
                redis.ping()
                break
            except (ConnectionError, TimeoutError, BusyLoadingError) as error:
                if patience and time.monotonic() > deadline:
                    raise UnfitRedis(f"Redis has not answered for {patience:.0f} s: {error}") from error
                logger.warning("waiting for Redis: %s", error)
                time.sleep(0.5)
        _check_memory(_info(redis, "memory"))
        _check_persistence(_info(redis, "persistence"))
        _check_form(redis)


def _info(redis: Redis, section: str) -> Mapping[str, Any]:
    try:
        return cast(Mapping[str, Any], redis.info(section))
    except ResponseError as error:  # an ACL may forbid it
        logger.warning("Redis does not say its %s settings: %s", section, error)
        return {}
    except RedisError as error:
        raise UnfitRedis(f"Redis could not be asked for its {section} settings: {error}") from error


def _check_memory(memory: Mapping[str, Any]) -> None:
    limit, policy = memory.get("maxmemory"), memory.get("maxmemory_policy")
    if limit is None or policy is None:
        logger.warning("cannot check that Redis does not evict: make sure of maxmemory-policy noeviction")
    elif limit and policy != "noeviction":
        raise UnfitRedis(
            f"Redis has maxmemory {limit:,} with maxmemory-policy {policy}: it would silently drop counts and positions"
            "; set maxmemory-policy noeviction"
        )


def _check_persistence(persistence: Mapping[str, Any]) -> None:
    enabled = persistence.get("aof_enabled")
    metrics.REDIS_APPEND_ONLY.set(-1 if enabled is None else enabled)
    if enabled is None:
        logger.warning("cannot check that Redis keeps an append-only file: make sure of appendonly yes")
    elif not enabled:
        logger.warning(
            "Redis keeps no append-only file (appendonly no): after it restarts, its state is read again from Kafka,"
            " and rates are incomplete until that is done"
        )


def _check_form(redis: Redis) -> None:
    keys = [state_key(stage, partition, name) for stage, name in _FORMER.items() for partition in range(PARTITIONS)]
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hlen(key)
        former = [key for key, fields in zip(keys, pipeline.execute(), strict=True) if fields]
    if former:
        raise UnfitRedis(
            f"Redis holds {former[0]}, state in the form of a release of before 28 November 2026: stop all processes of"
            " that release and empty Redis (FLUSHDB); the services then rebuild what was in it from Kafka"
        )
