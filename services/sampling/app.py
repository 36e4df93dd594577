"""The sampling service: wiring and web pages."""

from __future__ import annotations

from typing import Any

import faust
from aiohttp.web import json_response

from services.runtime.app import build_app
from services.runtime.history import RecordReader
from services.runtime.settings import Settings
from services.sampling.history import history_of
from services.sampling.stage import SERVICE, SamplingStage


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the sampling service."""
    app, redis = build_app(SERVICE, settings, [SamplingStage()])
    reader = RecordReader(settings.kafka)

    @app.page("/samples/{sample_id}", name="sample")
    async def sample(_web: Any, _request: Any, sample_id: str) -> Any:
        found = await history_of(redis, reader, sample_id)
        if found is None:
            return json_response({"error": f"no sample {sample_id}", "parameter": "sample_id"}, status=404)
        return json_response(found)

    return app
