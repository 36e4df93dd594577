"""Stands before every page of a service: asks for a token, holds it to its role, areas and rate."""

from __future__ import annotations

import ipaddress
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp.web import Request, Response, StreamResponse, middleware

from services.runtime.access import OPEN, refusal, region_finder, within
from services.runtime.parameters import problem
from services.runtime.rate_limit import Bucket
from services.runtime.settings import Settings, setting
from services.runtime.tokens import Token, hash_of, load_tokens

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[StreamResponse]]


def web_options(settings: Settings) -> dict[str, Any]:
    """The options of the service's web application; without a file of tokens there are none. Raises BadSetting."""
    if settings.tokens:
        with setting("SAMPLEWATCH_TOKENS"):
            tokens = load_tokens(Path(settings.tokens))
        return {"middlewares": [guard(tokens, time.monotonic)]}
    if not _is_loopback(settings.http_host):
        logger.warning("pages are open to all on %s: SAMPLEWATCH_TOKENS is not set", settings.http_host)
    return {}


def guard(tokens: Mapping[str, Token], clock: Callable[[], float]) -> Any:
    """The middleware. Each process counts requests for itself."""
    buckets = {digest: Bucket(token.rate, token.burst, clock()) for digest, token in tokens.items()}

    @middleware
    async def check(request: Request, handler: Handler) -> StreamResponse:
        if request.path in OPEN:
            return await handler(request)
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        digest = hash_of(said.strip())
        token = tokens.get(digest) if scheme.lower() == "bearer" else None
        if token is None:
            answer = problem(
                401, "Unauthorized", "a token is needed, as Authorization: Bearer TOKEN, and has to be known"
            )
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        if wait := buckets[digest].take(clock()):
            answer = problem(429, "Too Many Requests", f"more than {token.rate:g} requests a second")
            answer.headers["Retry-After"] = str(math.ceil(wait))
            return answer
        # of a parameter that is given twice, this check and the page might each read another one
        if len(set(request.query)) < len(request.query):
            return problem(400, "Bad Request", "a parameter is given twice")
        if reason := refusal(token.role, token.areas, request.path, request.query):
            return problem(403, "Forbidden", reason)
        answered = await handler(request)
        return _held_to_areas(token, request.path, answered)

    return check


def _held_to_areas(token: Token, path: str, answer: StreamResponse) -> StreamResponse:
    find = region_finder(path) if token.areas else None
    if find is None or answer.status not in (200, 404):
        return answer
    # what lies elsewhere is answered as what is not there
    body = answer.body if isinstance(answer, Response) and answer.status == 200 else None
    if isinstance(body, bytes) and within(find(json.loads(body)), token.areas):
        return answer
    return problem(404, "Not Found", "there is no such thing in the areas of this token")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
