"""Writes the dashboards as JSON; with --check it only compares.

python -m deploy.grafana.generate [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.alerts import ALERTS
from deploy.grafana.board import build
from deploy.grafana.laboratories import LABORATORIES
from deploy.grafana.pipeline import PIPELINE
from deploy.grafana.qualification import QUALIFICATION

DIRECTORY = Path(__file__).parent
BOARDS = (PIPELINE, LABORATORIES, ALERTS, QUALIFICATION)


def files() -> dict[Path, str]:
    """Path -> content of every dashboard."""
    return {
        DIRECTORY / f"{board.uid.removeprefix('samplewatch-')}.json": JSONEncoder(sort_keys=True, indent=2).encode(
            build(board)
        )
        + "\n"
        for board in BOARDS
    }


def main(arguments: list[str]) -> int:
    """Exit status 1 where --check finds a difference, or a file that no dashboard is written to."""
    wanted = files()
    found = {path: path.read_text() for path in DIRECTORY.glob("*.json")}
    if arguments == ["--check"]:
        stale = sorted(path.name for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
        if stale:
            print(f"not current: {', '.join(stale)}; run python -m deploy.grafana.generate")
        return 1 if stale else 0
    for path, content in wanted.items():
        json.loads(content)
        path.write_text(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
