"""The sampling service: wiring and web pages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, cast

import faust
from aiohttp.web import json_response

from services.deadlines import load_table, load_working_days
from services.runtime.app import build_app
from services.runtime.calendar import SHANGHAI
from services.runtime.history import RecordReader
from services.runtime.parameters import BadParameter
from services.runtime.settings import Settings, setting
from services.sampling.deadlines_query import deadlines_of
from services.sampling.gauges import keep_open_deadlines
from services.sampling.history import history_of
from services.sampling.stage import SERVICE, SamplingStage


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the sampling service. Raises BadSetting for a file that is wrong."""
    with setting("SAMPLEWATCH_DEADLINES"):
        table = load_table(Path(settings.deadlines)) if settings.deadlines else load_table()
    with setting("SAMPLEWATCH_WORKING_DAYS"):
        calendar = load_working_days(Path(settings.working_days) if settings.working_days else None)
    stage = SamplingStage(table, calendar)
    app, redis = build_app(SERVICE, settings, [stage])
    reader = RecordReader(settings.kafka)

    @app.page("/samples/{sample_id}", name="sample")
    async def sample(_web: Any, _request: Any, sample_id: str) -> Any:
        found = await history_of(redis, reader, sample_id)
        if found is None:
            return json_response({"error": f"no sample {sample_id}", "parameter": "sample_id"}, status=404)
        return json_response(found)

    @app.page("/deadlines", name="deadlines")
    async def deadlines(_web: Any, request: Any) -> Any:
        try:
            return json_response(await deadlines_of(redis, stage.watcher, dict(request.query), datetime.now(SHANGHAI)))
        except BadParameter as error:
            return error.response()

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def count_open_deadlines() -> None:
        await keep_open_deadlines(redis, cast(Any, app.transport).engine)

    return app
