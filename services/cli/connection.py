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
    """The Kafka address to work with. Raises click.ClickException where there is none, BadSetting for a wrong one.

    A directory that is named comes first, then SAMPLEWATCH_KAFKA, then the only instance that runs: what the user has
    said must never lose to what happens to run on the machine, since these commands write. They need no Redis.
    """
    from deploy.embedded.instance import find_instance

    return _kafka_alone(directory) or find_instance(directory).bootstrap


def redis_of(directory: str | None) -> str | None:
    """The URL of the Redis beside that Kafka; None where Kafka is named by its address and Redis is not."""
    from deploy.embedded.instance import find_instance

    return os.environ.get("SAMPLEWATCH_REDIS") if _kafka_alone(directory) else find_instance(directory).redis


def _kafka_alone(directory: str | None) -> str | None:
    """SAMPLEWATCH_KAFKA, unless a directory is named."""
    from services.runtime.settings import brokers

    kafka = None if directory or os.environ.get("SAMPLEWATCH_DIR") else os.environ.get("SAMPLEWATCH_KAFKA")
    return kafka and brokers(kafka)
