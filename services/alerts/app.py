"""The alerts service: wiring."""

from __future__ import annotations

import os

import faust

from services.alerts import escalation, floors
from services.alerts.notify.wiring import Notification
from services.alerts.pages import add_pages
from services.alerts.rates_stage import RatesWatchStage
from services.alerts.stage import SERVICE, AlertsStage
from services.runtime.app import build_app
from services.runtime.settings import Settings, setting


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the alerts service. Raises BadSetting for a file that is wrong."""
    with setting("SAMPLEWATCH_ESCALATION"):
        policy = escalation.load_policy(os.environ.get("SAMPLEWATCH_ESCALATION") or escalation.DEFAULT_FILE)
    with setting("SAMPLEWATCH_FLOORS"):
        lowest = floors.load_floors(os.environ.get("SAMPLEWATCH_FLOORS") or floors.DEFAULT_FILE)
    notification = Notification(settings)
    app, redis = build_app(SERVICE, settings, [AlertsStage(policy), RatesWatchStage(lowest), *notification.stages])
    notification.attach(app, redis)
    add_pages(app, redis)
    return app
