"""The lab_results service: wiring and web pages."""

from __future__ import annotations

from pathlib import Path

import faust

from services.lab_results.api.routes import add_api
from services.lab_results.cut_filling import ask_to_fill
from services.lab_results.daily import measure_laboratories
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import SERVICE, LabStage
from services.runtime.app import build_app
from services.runtime.patience import persist
from services.runtime.settings import Settings, setting
from services.runtime.signatures import load_registry


def make_app(settings: Settings) -> faust.App:
    """The Faust app of the lab_results service. Raises BadSetting for a file that is wrong."""
    with setting("SAMPLEWATCH_LABORATORIES"):
        laboratories = load_registry(Path(settings.laboratories)) if settings.laboratories else None
    daily = measure_laboratories(settings)
    app, redis = build_app(SERVICE, settings, [LabStage(laboratories=laboratories, daily=daily), RatesStage()])
    add_api(app, redis)

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def fill_cuts() -> None:
        await persist(lambda: ask_to_fill(redis), "cuts")

    return app
