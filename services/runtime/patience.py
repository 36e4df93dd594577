"""Waits out what passes: Redis or Kafka away, slow, or in the middle of a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from services.runtime import metrics

logger = logging.getLogger(__name__)

#: Errors that pass when the broker or Redis is back.
PASSING = (RedisError, KafkaError, OSError, TimeoutError)

_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)


async def persist(
    action: Callable[[], Awaitable[Any]], name: str, before_again: Callable[[], Awaitable[Any]] | None = None
) -> None:
    """Does it until it succeeds, waiting longer between tries as the broker or Redis stays away."""
    tries = 0
    while True:
        try:
            if tries and before_again is not None:
                await before_again()
            await action()
            return
        except PASSING as error:
            pause = _BACKOFF_SECONDS[min(tries, len(_BACKOFF_SECONDS) - 1)]
            tries += 1
            metrics.RETRIES.labels(name).inc()
            logger.warning("%s: %s: %s; again in %.1f s", name, type(error).__name__, error, pause)
            await asyncio.sleep(pause)
