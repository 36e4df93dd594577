"""The settings of one process, read once from the environment at start-up and passed on as a value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

#: Every keyed topic has this many partitions; the state of a key is kept under its partition's number.
PARTITIONS = 12


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the broker and Redis are, and how this process serves HTTP.

    kafka: comma-separated host:port list. redis: a redis:// or rediss:// URL.
    http_host, http_port: where the service's web app listens; port 0 lets the system choose.
    """

    kafka: str = "127.0.0.1:9092"
    redis: str = "redis://127.0.0.1:6379/0"
    http_host: str = "127.0.0.1"
    http_port: int = 6066
    data_dir: str = "var/faust"
    log_level: str = "WARNING"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Reads SAMPLEWATCH_KAFKA, _REDIS, _HTTP_HOST, _HTTP_PORT, _DATA_DIR and _LOG_LEVEL."""
        default = cls()
        return cls(
            kafka=env.get("SAMPLEWATCH_KAFKA", default.kafka),
            redis=env.get("SAMPLEWATCH_REDIS", default.redis),
            http_host=env.get("SAMPLEWATCH_HTTP_HOST", default.http_host),
            http_port=int(env.get("SAMPLEWATCH_HTTP_PORT", default.http_port)),
            data_dir=env.get("SAMPLEWATCH_DATA_DIR", default.data_dir),
            log_level=env.get("SAMPLEWATCH_LOG_LEVEL", default.log_level),
        )
