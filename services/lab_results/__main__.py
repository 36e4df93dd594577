"""Runs the lab_results service: `python -m services.lab_results`, with its settings from the environment."""

from services.lab_results.app import make_app
from services.runtime.app import run
from services.runtime.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_env()
    run(make_app(settings), settings)
