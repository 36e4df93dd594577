"""Runs the hotspots service: `python -m services.alerts.hotspots`, with its settings from the environment."""

from services.alerts.hotspots.app import make_app
from services.runtime.app import run
from services.runtime.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_env()
    run(make_app(settings), settings)
