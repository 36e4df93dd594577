"""The web pages about alerts."""

from __future__ import annotations

import urllib.parse
from typing import Any, cast

import faust
from aiohttp.web import Response, json_response
from redis.asyncio import Redis

from services.alerts.gauges import keep_alert_counts
from services.alerts.index import AlertIndex
from services.alerts.query import alert, alerts
from services.runtime.parameters import BadParameter


def add_pages(app: faust.App, redis: Redis) -> None:
    """Adds GET /alerts and GET /alerts/ID to the app's own web server."""
    index = AlertIndex(redis)

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def count_alerts() -> None:
        await keep_alert_counts(index, cast(Any, app.transport).engine)

    @app.page("/alerts", name="alerts")
    async def get_alerts(_web: Any, request: Any) -> Any:
        try:
            page = await alerts(index, dict(request.query))
        except BadParameter as error:
            return error.response()
        headers = {"ETag": page.etag, "X-Total-Count": str(page.found.total)}
        if page.next is not None:
            query = urllib.parse.urlencode({**request.query, "after": page.next})
            headers["Link"] = f'</alerts?{query}>; rel="next"'
        if request.headers.get("If-None-Match") == page.etag:
            return Response(status=304, headers=headers)
        return Response(body=await page.body(redis), content_type="application/json", headers=headers)

    @app.page("/alerts/{alert_id}", name="alert")
    async def get_alert(_web: Any, _request: Any, alert_id: str) -> Any:
        found = await alert(redis, alert_id)
        if found is None:
            return json_response({"error": f"there is no alert {alert_id}"}, status=404)
        return json_response(found)
