"""Runs the hotspots service: `python -m services.alerts.hotspots`, with its settings from the environment."""

from services.runtime.start import start

if __name__ == "__main__":
    start("services.alerts.hotspots.app")
