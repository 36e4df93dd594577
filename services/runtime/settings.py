"""The settings of one process, read once from the environment at start-up and passed on as a value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

#: Every keyed topic has this many partitions; the state of a key is kept under its partition's number.
PARTITIONS = 12


#: host, host:port or [IPv6]:port.
_BROKER = re.compile(r"(?:[^\s:,/\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


class BadSetting(ValueError):
    """A setting, or the file that it names, can't be used; the message names the variable."""


@contextmanager
def setting(name: str) -> Iterator[None]:
    """What fails inside is told as the fault of this variable."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name}: {error}") from error


def brokers(text: str) -> str:
    """The list of brokers as it is; raises BadSetting where it is none."""
    if not all(_BROKER.fullmatch(one.strip()) for one in text.split(",")):
        raise BadSetting(f"SAMPLEWATCH_KAFKA is {text!r}, not host:port or several with commas between")
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the broker and Redis are, and how this process serves HTTP.

    kafka: comma-separated host:port list. redis: a redis:// or rediss:// URL.
    session_seconds: after how long without a heartbeat its partitions go to another process.
    http_host, http_port: where the service's web app listens.
    dlq_ratio, dlq_run: past which share, or run, of rejected messages of one source its partition is paused; 0: never.
    stall_seconds: how long nothing may go on before the process ends; 0: for ever.
    republish: a rebuild publishes anew what was published before.
    routes: the file that says who is told of alerts; empty: nobody is.
    deadlines: the statutory table; empty: the one that comes with the program. working_days: a file that corrects the
    calendar, or announces a year that the program does not know.
    laboratories: the registry of laboratories' keys; empty: results need no signature. tokens: who may ask for which
    page; empty: anybody for all. daily_laboratories: ids, comma-separated, of those that report every working day.
    """

    kafka: str = "127.0.0.1:9092"
    redis: str = "redis://127.0.0.1:6379/0"
    http_host: str = "127.0.0.1"
    http_port: int = 6066
    data_dir: str = "var/faust"
    log_level: str = "WARNING"
    session_seconds: float = 10.0
    dlq_ratio: float = 0.5
    dlq_run: int = 10_000
    stall_seconds: float = 120.0
    republish: bool = False
    routes: str = ""
    deadlines: str = ""
    working_days: str = ""
    laboratories: str = ""
    tokens: str = ""
    daily_laboratories: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Reads SAMPLEWATCH_KAFKA, _REDIS, _HTTP_HOST, _HTTP_PORT, _DATA_DIR, _LOG_LEVEL, _SESSION_SECONDS, _DLQ_RATIO,
        _DLQ_RUN, _STALL_SECONDS, _REPUBLISH (1: yes), _ROUTES, _DEADLINES, _WORKING_DAYS, _LABORATORIES, _TOKENS
        and _DAILY_LABORATORIES. Raises BadSetting."""
        default = cls()
        return cls(
            kafka=brokers(env.get("SAMPLEWATCH_KAFKA", default.kafka)),
            redis=_redis(env.get("SAMPLEWATCH_REDIS", default.redis)),
            http_host=env.get("SAMPLEWATCH_HTTP_HOST", default.http_host),
            http_port=int(_number(env, "SAMPLEWATCH_HTTP_PORT", default.http_port, 1, 65535)),
            data_dir=env.get("SAMPLEWATCH_DATA_DIR", default.data_dir),
            log_level=env.get("SAMPLEWATCH_LOG_LEVEL", default.log_level),
            session_seconds=_number(env, "SAMPLEWATCH_SESSION_SECONDS", default.session_seconds),
            dlq_ratio=_number(env, "SAMPLEWATCH_DLQ_RATIO", default.dlq_ratio),
            dlq_run=int(_number(env, "SAMPLEWATCH_DLQ_RUN", default.dlq_run)),
            stall_seconds=_number(env, "SAMPLEWATCH_STALL_SECONDS", default.stall_seconds),
            republish=env.get("SAMPLEWATCH_REPUBLISH", "").lower() not in ("", "0", "false", "no"),
            routes=env.get("SAMPLEWATCH_ROUTES", default.routes),
            deadlines=env.get("SAMPLEWATCH_DEADLINES", default.deadlines),
            working_days=env.get("SAMPLEWATCH_WORKING_DAYS", default.working_days),
            laboratories=env.get("SAMPLEWATCH_LABORATORIES", default.laboratories),
            tokens=env.get("SAMPLEWATCH_TOKENS", default.tokens),
            daily_laboratories=env.get("SAMPLEWATCH_DAILY_LABORATORIES", default.daily_laboratories),
        )


def _number(env: Mapping[str, str], name: str, default: float, least: int = 0, most: int = 10**9) -> float:
    text = env.get(name) or str(default)
    try:
        # what is whole stays so by its default: int() refuses 1.5
        number = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        number = -1
    if not least <= number <= most:  # nor is nan
        kind = "whole number" if isinstance(default, int) else "number"
        raise BadSetting(f"{name} is {text!r}, not a {kind} from {least} to {most}")
    return number


def _redis(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "unix" or (parts.scheme in ("redis", "rediss") and (parts.port or 6379) > 0)
    except ValueError:
        usable = False
    if not usable:
        raise BadSetting("SAMPLEWATCH_REDIS is not a redis:// or rediss:// URL")  # not quoted: it may hold a password
    return url
