"""The pages that every service has: /healthz (alive), /readyz (assigned and caught up), /metrics (Prometheus)."""

from __future__ import annotations

from typing import Any

import faust
from aiohttp.web import Response, json_response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.runtime.engine import Engine


def add_health_pages(app: faust.App, engine: Engine) -> None:
    """Adds the three pages to the app's own web server."""

    @app.page("/healthz", name="healthz")
    async def healthz(_web: Any, _request: Any) -> Any:
        return json_response({"alive": True})

    @app.page("/readyz", name="readyz")
    async def readyz(_web: Any, _request: Any) -> Any:
        paused = [pause._asdict() for pause in engine.paused]
        body = {"ready": engine.ready, **({"paused": paused} if paused else {})}
        return json_response(body, status=200 if engine.ready else 503)

    @app.page("/metrics", name="metrics")
    async def metrics(_web: Any, _request: Any) -> Any:
        return Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
