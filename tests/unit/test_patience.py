"""Which errors pass by themselves, and which are to end the process at once."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaError
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError, DataError, InvalidResponse, RedisError, TimeoutError

from services.runtime import patience
from services.runtime.patience import persist

IN_LUA = "ERR Error running script (call to f_1f): @user_script:95: @user_script: 95: "


def tries(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often it is done, if it fails once with the error."""
    monkeypatch.setattr(patience, "_BACKOFF_SECONDS", (0.0,))
    done = 0

    async def action() -> None:
        nonlocal done
        done += 1
        if done == 1:
            raise error

    asyncio.run(persist(action, "test"))
    return done


def answered(text: str) -> RedisError:
    """As the client has an error that Redis answers."""
    error = BaseParser.parse_error(text)
    assert isinstance(error, RedisError)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError(),
        TimeoutError(),
        InvalidResponse(),
        KafkaError(),
        OSError(),
        *map(
            answered,
            [
                "OOM command not allowed when used memory > 'maxmemory'.",
                f"{IN_LUA}-OOM command not allowed when used memory > 'maxmemory'.",
                "OOM command not allowed when used memory > 'maxmemory'. script: 5f, on @user_script:95.",
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
                "LOADING Redis is loading the dataset in memory",
                "READONLY You can't write against a read only replica.",
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
                "NOREPLICAS Not enough good replicas to write.",
                "NOSCRIPT No matching script. Please use EVAL.",
                "TRYAGAIN Multiple keys request during rehashing of slot",
                "CLUSTERDOWN The cluster is down",
                "NOAUTH Authentication required.",
                "EXECABORT Transaction discarded because of previous errors.",
            ],
        ),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_what_passes_is_waited_out(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tries(error, monkeypatch) == 2


@pytest.mark.parametrize(
    "error",
    [
        DataError("Invalid input of type: 'NoneType'"),
        ValueError(),
        *map(
            answered,
            [
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                "WRONGTYPE Operation against a key holding the wrong kind of value script: 5f, on @user_script:95.",
                f"{IN_LUA}-WRONGTYPE Operation against a key holding the wrong kind of value",
                "ERR user_script:57: attempt to perform arithmetic on a nil value script: 5f, on @user_script:57.",
                "ERR unknown command 'HSET'",
                "NOPERM User u has no permissions to run the 'evalsha' command",
                "MOVED 3999 127.0.0.1:6381",
            ],
        ),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_what_waiting_does_not_mend_is_an_error_at_once(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)):
        tries(error, monkeypatch)
