"""Runs the sampling service: `python -m services.sampling`, with its settings from the environment."""

from services.runtime.start import start

if __name__ == "__main__":
    start("services.sampling.app")
