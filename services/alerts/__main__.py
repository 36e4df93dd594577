"""Runs the alerts service: `python -m services.alerts`, with its settings from the environment."""

from services.runtime.start import start

if __name__ == "__main__":
    start("services.alerts.app")
