"""Waits out what passes: Redis or Kafka away, slow, or in the middle of a restart."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError
from redis.exceptions import DataError, RedisError, ResponseError

from services.runtime import metrics

logger = logging.getLogger(__name__)

#: Errors that pass when the broker or Redis is back; nearly all: see `passes`.
PASSING = (RedisError, KafkaError, OSError, TimeoutError)

#: By these words Redis refuses what it would take at another time. Older versions say them inside a script's own error.
_REFUSED_FOR_NOW = re.compile(
    r"\b(BUSY|CLUSTERDOWN|EXECABORT|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|NOSCRIPT|OOM|READONLY|TRYAGAIN)\b"
)

_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)


def passes(error: BaseException) -> bool:
    """Whether an error passes. What Redis can't do, such as to read a string as a hash, it can't do the next time."""
    if isinstance(error, ResponseError):
        # the client takes the word off where it has a class of its own for it
        return bool(_REFUSED_FOR_NOW.search(f"{error.status_code or ''} {error}"))
    return isinstance(error, PASSING) and not isinstance(error, DataError)


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
            if not passes(error):
                raise
            pause = _BACKOFF_SECONDS[min(tries, len(_BACKOFF_SECONDS) - 1)]
            tries += 1
            metrics.RETRIES.labels(name).inc()
            logger.warning("%s: %s: %s; again in %.1f s", name, type(error).__name__, error, pause)
            await asyncio.sleep(pause)
