"""The alerts service: wiring and web pages."""

from __future__ import annotations

from typing import Any

import faust
from aiohttp.web import json_response

from services.alerts.query import alerts
from services.alerts.stage import SERVICE, AlertsStage
from services.runtime.app import build_app
from services.runtime.parameters import BadParameter
from services.runtime.settings import Settings


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the alerts service."""
    app, redis = build_app(SERVICE, settings, [AlertsStage()])

    @app.page("/alerts", name="alerts")
    async def get_alerts(_web: Any, request: Any) -> Any:
        try:
            return json_response(await alerts(redis, dict(request.query)))
        except BadParameter as error:
            return error.response()

    return app
