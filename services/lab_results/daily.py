"""Laboratories that report every working day: their results are counted by name, so that silence is seen."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from services.deadlines.working_days import load_working_days
from services.runtime import metrics
from services.runtime.calendar import SHANGHAI
from services.runtime.settings import Settings, setting

logger = logging.getLogger(__name__)


def measure_laboratories(settings: Settings) -> tuple[str, ...]:
    """The laboratories listed, at most `MOST_LABORATORIES`; sets up their series and that of the working day."""
    listed = tuple(dict.fromkeys(filter(None, (name.strip() for name in settings.daily_laboratories.split(",")))))
    if len(listed) > metrics.MOST_LABORATORIES:
        logger.error(
            "SAMPLEWATCH_DAILY_LABORATORIES has %d laboratories: the first %d are watched, the others not",
            len(listed),
            metrics.MOST_LABORATORIES,
        )
    daily = listed[: metrics.MOST_LABORATORIES]
    for lab_id in daily:
        metrics.LABORATORY_RESULTS.labels(lab_id)  # from 0, so that the first result is an increase
        metrics.LABORATORY_DAILY.labels(lab_id).set(1)
    with setting("SAMPLEWATCH_WORKING_DAYS"):
        calendar = load_working_days(Path(settings.working_days) if settings.working_days else None)
    metrics.WORKING_DAY.set_function(lambda: calendar.works(datetime.now(SHANGHAI).date()))
    return daily
