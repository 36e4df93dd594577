"""How many alerts there are of each kind, severity and state, counted now and then."""

from __future__ import annotations

import asyncio
import logging

from services.alerts.index import AlertIndex
from services.runtime import metrics
from services.runtime.engine import Engine
from services.runtime.patience import PASSING

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0


async def keep_alert_counts(index: AlertIndex, engine: Engine) -> None:
    """Keeps the gauge, of all partitions, until it is cancelled; not while a rebuild moves everything at once."""
    told: set[tuple[str, ...]] = set()
    while True:
        try:
            if engine.ready:
                await index.refresh()
                counts = index.tally(("kind", "severity", "state"))
                for labels in told | counts.keys():
                    metrics.ALERTS.labels(*labels).set(counts[labels])
                told |= counts.keys()
        except PASSING as error:
            logger.debug("alerts could not be counted: %s", error)
        await asyncio.sleep(_LOOK_SECONDS)
