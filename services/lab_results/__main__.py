"""Runs the lab_results service: `python -m services.lab_results`, with its settings from the environment."""

from services.runtime.start import start

if __name__ == "__main__":
    start("services.lab_results.app")
