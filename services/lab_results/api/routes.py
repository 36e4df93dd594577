"""The API's pages on the service's web server."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.metadata import version
from typing import Any

import faust
import msgspec
from aiohttp.web import Request, Response
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.lab_results.api.answers import RankingPage, RatesPage, SeriesPage
from services.lab_results.api.arrivals import Arrivals
from services.lab_results.api.conditional import etag_of, matches
from services.lab_results.api.counts_cache import CountsCache
from services.lab_results.api.openapi import Page, document
from services.lab_results.api.pages import rates_page, series_page
from services.lab_results.api.parameters import RankingQuery, RatesQuery, SeriesQuery, parse
from services.lab_results.api.ranking import ranking_page
from services.runtime.calendar import SHANGHAI
from services.runtime.parameters import BadParameter, problem

logger = logging.getLogger(__name__)

RATES = Page("/rates", "Rates of cells over a span of days", RatesQuery, RatesPage)
SERIES = Page("/rates/series", "Rates of cells a day, a week or a month at a time", SeriesQuery, SeriesPage)
RANKING = Page("/rates/ranking", "The cells of a cut by their shrunken rates", RankingQuery, RankingPage)
_MAKERS: dict[Page, Callable[..., Awaitable[dict[str, Any]]]] = {
    RATES: rates_page,
    SERIES: series_page,
    RANKING: ranking_page,
}
#: Of answers that have been given, by entity tag; dashboards ask the same again and again.
_KEPT_BYTES = 16 * 2**20


def add_api(app: faust.App, redis: Redis) -> None:
    """Adds the pages, and /openapi.json that describes them."""
    cache, arrivals, kept = CountsCache(redis), Arrivals(redis), _Kept()
    for page in _MAKERS:
        _add(app, page, cache, arrivals, kept)
    described = msgspec.json.encode(document(_MAKERS, version("samplewatch")))

    @app.page("/openapi.json", name="openapi")
    async def openapi(_web: Any, _request: Any) -> Any:
        return Response(body=described, content_type="application/json")


def _add(app: faust.App, page: Page, cache: CountsCache, arrivals: Arrivals, kept: _Kept) -> None:
    @app.page(page.path, name=page.path)
    async def get(_web: Any, request: Any) -> Any:
        try:
            return await _answer(page, request, cache, arrivals, kept)
        except BadParameter as error:
            return error.response()
        except (RedisError, OSError) as error:
            logger.warning("%s: Redis: %s", page.path, error)
            return problem(503, "Service Unavailable", f"the counts can't be read at the moment: {error}")


async def _answer(page: Page, request: Request, cache: CountsCache, arrivals: Arrivals, kept: _Kept) -> Response:
    query: Any = parse(page.query, request.query.items())
    today = datetime.now(SHANGHAI).date()
    # what is still to come depends on the day too
    question = (page.path, str(query), query.span(today), today)
    versions = await cache.versions()
    etag = etag_of(versions, question)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if matches(request.headers.get("If-None-Match"), etag):
        return Response(status=304, headers=headers)
    body = kept.get(etag)
    if body is None:
        status = await cache.status(versions, query.cut)
        answer = await _MAKERS[page](cache, arrivals, versions, query, today)
        body = msgspec.json.encode({"status": status, **answer})
        cache.trim()
        kept.put(etag, body)
    return Response(body=body, content_type="application/json", headers=headers)


class _Kept:
    """Bodies by entity tag, the least used forgotten first. A tag names the counts' version, so none goes stale."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, etag: str) -> bytes | None:
        if etag in self._bodies:
            self._bodies.move_to_end(etag)
        return self._bodies.get(etag)

    def put(self, etag: str, body: bytes) -> None:
        self._bytes += len(body) - len(self._bodies.pop(etag, b""))
        self._bodies[etag] = body
        while self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._bodies.popitem(last=False)[1])
