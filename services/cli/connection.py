"""How the commands that talk to Kafka find it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

#: The option that every command has.
dir_option: Callable[[Any], Any] = click.option(
    "--dir", "directory", metavar="DIR", help="The instance to work with, where more than one is running."
)


def bootstrap_of(directory: str | None) -> str:
    """The Kafka address of the instance that is meant, in `find_instance`'s order of precedence.

    These commands need no Redis: where nothing runs here, SAMPLEWATCH_KAFKA alone is enough for them. Raises
    click.ClickException where there is nothing to work with.
    """
    from deploy.embedded.instance import find_instance, locate

    kafka = os.environ.get("SAMPLEWATCH_KAFKA")
    return kafka if kafka and locate(directory) is None else find_instance(directory).bootstrap
