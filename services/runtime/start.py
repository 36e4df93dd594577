"""Starts a service. Where its settings can't be used it ends with one line that says which, not with a traceback."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

from services.runtime.app import run
from services.runtime.settings import Settings

logger = logging.getLogger(__name__)

#: Exit status of a process whose settings, or the files that they name, can't be used.
EXIT_CONFIGURATION = 78


def start(module: str) -> None:
    """Runs the app of the module's `make_app`, with the settings of the environment, until it is told to stop."""
    try:
        settings = Settings.from_env()
        # importing it reads the file of cuts
        app = import_module(module).make_app(settings)
    except (OSError, ValueError) as error:
        logger.critical("%s does not start: %s", module, error)
        sys.exit(EXIT_CONFIGURATION)
    run(app, settings)
