"""The hotspots service: wiring and web pages. A process of its own, so that statistics never delay an urgent alert."""

from __future__ import annotations

from typing import Any

import faust
from aiohttp.web import json_response

from services.alerts.hotspots.clusters import read_places
from services.alerts.hotspots.config import read_config
from services.alerts.hotspots.query import hotspots
from services.alerts.hotspots.stages import SERVICE, HotspotCasesStage, HotspotCellsStage
from services.runtime.app import build_app
from services.runtime.parameters import BadParameter
from services.runtime.settings import Settings


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the hotspots service."""
    config = read_config()
    if config.places is not None:
        read_places(config.places)  # a file that can't be used is told at the start, not at night
    app, redis = build_app(SERVICE, settings, [HotspotCasesStage(config), HotspotCellsStage(config)])

    @app.page("/hotspots", name="hotspots")
    async def get_hotspots(_web: Any, request: Any) -> Any:
        try:
            return json_response(await hotspots(redis, dict(request.query)))
        except BadParameter as error:
            return error.response()

    return app
