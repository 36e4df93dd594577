"""The lab_results service: wiring and web pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import faust
from aiohttp.web import json_response

from services.lab_results.query import RatesQuery, rates
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import SERVICE, LabStage
from services.runtime.app import build_app
from services.runtime.calendar import SHANGHAI
from services.runtime.parameters import BadParameter
from services.runtime.settings import Settings


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the lab_results service."""
    app, redis = build_app(SERVICE, settings, [LabStage(), RatesStage()])

    @app.page("/rates", name="rates")
    async def get_rates(_web: Any, request: Any) -> Any:
        try:
            query = RatesQuery.parse(dict(request.query), datetime.now(SHANGHAI).date())
        except BadParameter as error:
            return error.response()
        return json_response(await rates(redis, query))

    return app
