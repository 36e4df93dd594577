"""How many deadlines are near or have passed, counted now and then."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from redis.asyncio import Redis

from services.runtime import metrics
from services.runtime.engine import Engine
from services.runtime.patience import PASSING
from services.sampling import store

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0


async def keep_open_deadlines(redis: Redis, engine: Engine) -> None:
    """Keeps the gauge, of the partitions that this process owns, until it is cancelled."""
    while True:
        try:
            partitions = engine.settled(store.STAGE)
            found = [await cast(Any, redis.hlen(store.open_key(partition))) for partition in partitions]
            metrics.OPEN_DEADLINES.set(sum(found))
        except PASSING as error:
            logger.debug("open deadlines could not be counted: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)
