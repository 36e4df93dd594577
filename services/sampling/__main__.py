"""Runs the sampling service: `python -m services.sampling`, with its settings from the environment."""

from services.runtime.app import run
from services.runtime.settings import Settings
from services.sampling.app import make_app

if __name__ == "__main__":
    settings = Settings.from_env()
    run(make_app(settings), settings)
