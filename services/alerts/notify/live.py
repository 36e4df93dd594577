"""The configuration that is in force: read anew when its files change, kept as it was when they are broken."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.alerts.notify.reading import BadConfiguration, Configuration, read_configuration
from services.alerts.notify.routing import NOWHERE, Routing
from services.alerts.notify.specs import DeliverySpec
from services.runtime import metrics
from services.runtime.calendar import moment_text

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_NONE = Configuration(NOWHERE, {}, DeliverySpec(), (), ())

Seen = tuple[tuple[str, int, int], ...]


class LiveConfiguration:
    """Holds the configuration; `path` None means that nobody is told anything.

    Raises BadConfiguration when it is made from files that are broken: there is none yet to go on with.
    """

    def __init__(self, path: Path | None, env: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._env = env
        self.current = _NONE
        self.error: BadConfiguration | None = None
        self.loaded_at: int | None = None
        self._watched: tuple[Path, ...] = ()
        self._seen: Seen = ()
        if path is not None:
            self._take(path)
        metrics.ROUTES_CURRENT.set(1)

    @property
    def routing(self) -> Routing:
        """The routing in force."""
        return self.current.routing

    def refresh(self, *, force: bool = False) -> bool:
        """Reads the files if they have changed; returns whether another configuration is in force now."""
        if self._path is None:
            return False
        seen = _look(self._watched)
        if seen == self._seen and not force:
            return False
        try:
            self._take(self._path)
        except BadConfiguration as error:
            # those that are broken too, or are not there yet: what is new among them may have changed since it was read
            watched = tuple(dict.fromkeys((*self.current.files, *error.files)))
            self._seen = seen if watched == self._watched else ()
            self._watched = watched
            if force or str(error) != str(self.error):
                logger.error("the routes stay as they were, since the new ones cannot be used:\n%s", error)
            self.error = error
            metrics.ROUTES_CURRENT.set(0)
            return False
        logger.warning("routes were read anew from %s", self._path)
        return True

    def _take(self, path: Path) -> None:
        watched = self._watched
        while True:
            # looked at before they are read: one that is saved meanwhile is another one at the next look
            seen = _look(watched)
            configuration = read_configuration(path, self._env)
            if configuration.files == watched:
                break
            watched = configuration.files
        self.current, self.error = configuration, None
        self._watched, self._seen = watched, seen
        self.loaded_at = max((int(stamp / 1_000_000) for _, stamp, _ in self._seen), default=0)
        metrics.ROUTES_CURRENT.set(1)

    async def watch(self) -> None:
        """Looks at the files every second, and at once on SIGHUP."""
        hurry = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hurry.set)
        while True:
            try:
                await asyncio.wait_for(hurry.wait(), _LOOK_SECONDS)
            except TimeoutError:
                self.refresh()
            else:
                hurry.clear()
                self.refresh(force=True)

    def as_page(self) -> dict[str, Any]:
        """What GET /routes says: without any address."""
        page: dict[str, Any] = {
            "file": str(self._path) if self._path else None,
            "current": self.error is None,
            "problems": [problem._asdict() for problem in self.error.problems] if self.error else [],
            "receivers": sorted(self.routing.receivers),
            "silences": [
                {"id": s.name, "match": dict(s.match.values), "author": s.author, "reason": s.reason, "ends": s.ends}
                for s in self.routing.silences
            ],
        }
        if self.loaded_at:
            page["changed_at"] = moment_text(self.loaded_at)
        return page


def _look(files: tuple[Path, ...]) -> Seen:
    found = []
    for file in files:
        try:
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
        except (OSError, ValueError):
            found.append((str(file), 0, 0))
    return tuple(found)
