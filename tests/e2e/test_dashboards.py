"""Every panel of every dashboard shows something, asked of a real Prometheus that has scraped a running system."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.ports import Ports
from deploy.grafana.generate import DIRECTORY, files, main
from tests.prometheus import prometheus, why_not
from tests.system import WAIT_S
from tests.watched import watched

#: As Grafana sets it for a scrape every second.
_RATE_INTERVAL = "20s"


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard, those in rows too."""
    found = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]
    return [panel for panel in found if panel["type"] != "row"]


BOARDS = {path.stem: json.loads(content) for path, content in files().items()}


def test_the_committed_dashboards_are_current() -> None:
    assert main(["--check"]) == 0
    assert {path.stem for path in DIRECTORY.glob("*.json")} == BOARDS.keys()


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_complete(name: str) -> None:
    board = BOARDS[name]
    titles = [panel["title"] for panel in panels(board)]
    assert len(titles) == len(set(titles)) >= 6
    for panel in panels(board):
        assert panel["targets"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_every_panel_has_data(tmp_path: Path) -> None:
    with watched(tmp_path) as world:
        targets = {name: info.http.removeprefix("http://") for name, info in world.system.services.items()}
        with prometheus(tmp_path / "prometheus", targets, Ports(tmp_path).get("prometheus")) as server:
            server.eventually(lambda: len(server.query("up == 1")) == len(targets), "all are scraped")
            world.work()
            expressions = {
                (name, panel["title"], target["expr"].replace("$__rate_interval", _RATE_INTERVAL))
                for name, board in BOARDS.items()
                for panel in panels(board)
                for target in panel["targets"]
            }

            def empty() -> list[tuple[str, str, str]]:
                return sorted(one for one in expressions if not any(map(is_number, server.query(one[2]))))

            deadline = time.monotonic() + WAIT_S
            while missing := empty():  # a second failure, for what only an increase shows
                assert time.monotonic() < deadline, missing
                world.work()


def is_number(series: dict[str, Any]) -> bool:
    """Whether it has a value that a graph can show."""
    return series["value"][1] not in ("NaN", "+Inf", "-Inf")
