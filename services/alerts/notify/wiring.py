"""Wires notification into the alerts service: its stages, the sender, and GET /routes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import faust
from aiohttp.web import json_response
from redis.asyncio import Redis

from services.alerts.notify.channels import redact
from services.alerts.notify.live import LiveConfiguration
from services.alerts.notify.reading import BadConfiguration
from services.alerts.notify.sender import Sender
from services.alerts.notify.stages import DeliverStage, DispatchStage
from services.runtime.publisher import Publisher
from services.runtime.settings import Settings
from services.runtime.start import EXIT_CONFIGURATION

logger = logging.getLogger(__name__)


class Notification:
    """What tells people of alerts, within one process."""

    def __init__(self, settings: Settings) -> None:
        """Reads the routes; ends the process where they can't be used, for alerts would pass by untold."""
        try:
            self.live = LiveConfiguration(Path(settings.routes) if settings.routes else None)
        except BadConfiguration as error:
            logger.critical("the alerts service does not start; its routes cannot be used:\n%s", error)
            sys.exit(EXIT_CONFIGURATION)
        redact(lambda: self.live.current.secrets)
        self._settings = settings
        self.stages = (DispatchStage(lambda: self.live.routing), DeliverStage(lambda: self.live.routing))

    def attach(self, app: faust.App, redis: Redis) -> None:
        """Adds the tasks and the page to the app."""
        publisher = Publisher(self._settings.kafka)
        transport: Any = app.transport
        sender = Sender(transport.engine, redis, publisher, self.live)

        @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
        async def send() -> None:
            try:
                await sender.run()
            finally:
                await publisher.stop()

        @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
        async def watch_routes() -> None:
            await self.live.watch()

        @app.page("/routes", name="routes")
        async def get_routes(_web: Any, _request: Any) -> Any:
            return json_response({**self.live.as_page(), "failing": sender.health()})
