"""Makes the Faust app of a service: the one place where settings, stages, engine, transport and web are wired."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError

from services.runtime.engine import AheadOfKafka, Engine
from services.runtime.guard import web_options
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.limits import DeadLetterLimit
from services.runtime.liveness import Liveness, Stalled, watch_progress
from services.runtime.measuring import measure
from services.runtime.memory import keep_trimmed
from services.runtime.publisher import Publisher
from services.runtime.redis_checks import UnfitRedis, check_redis
from services.runtime.settings import PARTITIONS, Settings
from services.runtime.stage import Stage
from services.runtime.transport import BatchSchema, BatchTransport
from services.runtime.web import add_health_pages
from services.runtime.worker import Worker

logger = logging.getLogger(__name__)

#: A Redis that is silent for so long is asked anew: its host may have vanished, and then no answer ever comes.
_REDIS_SECONDS = 10.0

#: How long a thread may keep the interpreter while another wants it. Faust's consumer has a thread of its own, and by
#: Python's default of 5 ms every hop of a batch between the two waited that long.
_SWITCH_SECONDS = 0.0005

#: How often a process says at least that it lives.
_HEARTBEAT_SECONDS = 1.0

#: Exit status of a process that met an error which waiting does not mend.
EXIT_FATAL = 70
#: Exit status of a process that got nowhere for the configured time.
EXIT_STALLED = 71
#: Exit status of a process whose Redis does not keep what it is given.
EXIT_UNFIT_REDIS = 72
#: Exit status of a process whose Redis stands for more than its Kafka has.
EXIT_AHEAD = 73
_EXITS: dict[type[BaseException], int] = {Stalled: EXIT_STALLED, AheadOfKafka: EXIT_AHEAD}


def redis_client(url: str, seconds: float = _REDIS_SECONDS) -> Redis:
    """A client whose commands end within so many seconds, at worst with a RedisError, and are not tried again.

    Where it was told that Redis takes no writes, it connects anew: after a failover the address is another host's.
    """
    return Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[ReadOnlyError],  # tried as seldom as all others, but its connection is closed
        max_connections=64,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
    )


def build_app(service: str, settings: Settings, stages: Sequence[Stage[Any, Any]]) -> tuple[faust.App, Redis]:
    """The Faust app of `service`, running the stages; each is an agent that takes the batches of its topics.

    Returns the app, to add web pages to, and the Redis client they may use.
    """
    redis = redis_client(settings.redis)
    publisher = Publisher(settings.kafka)
    limit = DeadLetterLimit(settings.dlq_ratio, settings.dlq_run)
    engine = Engine(stages, redis, publisher, limit, republish=settings.republish)
    liveness = Liveness(settings.stall_seconds)
    app = faust.App(
        f"samplewatch-{service}",
        broker=[f"kafka://{address}" for address in settings.kafka.split(",")],
        broker_credentials=KafkaSecurity.from_env().credentials(),
        store="memory://",
        datadir=settings.data_dir,
        autodiscover=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2 * 1024 * 1024,
        broker_max_poll_records=5000,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_seconds,
        # with the next heartbeat a process hears that another joins or leaves: until then partitions stand still
        broker_heartbeat_interval=min(_HEARTBEAT_SECONDS, settings.session_seconds / 5),
        broker_request_timeout=40.0,
        # counted in batches; what bounds memory is that the engine has partitions held
        stream_buffer_maxsize=1000,
        stream_wait_empty=False,
        web_bind=settings.http_host,
        web_host=settings.http_host,
        web_port=settings.http_port,
        web_application_options=web_options(settings),
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app, engine)

    for stage in stages:
        topic = app.topic(*stage.topics, schema=BatchSchema())

        async def consume(stream: Any) -> None:
            async for event in stream.noack().events():
                engine.submit(event.value, event.ack)

        app.agent(topic, name=f"{service}.{stage.name}")(consume)

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def watch_redis() -> None:
        await engine.watch()

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def keep_gauges() -> None:
        await measure(engine, redis)

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def give_memory_back() -> None:
        await keep_trimmed()

    @app.task(on_leader=False)  # type: ignore[untyped-decorator,unused-ignore]
    async def watch_liveness() -> None:
        questions: dict[str, Callable[[], Awaitable[Any]]] = {
            "Redis": redis.ping,
            "Kafka": engine.ask_broker,
            "the take-over of partitions": engine.taken_over,
        }
        await watch_progress(liveness, engine.progress, questions, end_process)

    @app.on_before_shutdown.connect
    async def finish(*_: Any, **__: Any) -> None:
        await engine.release()
        await publisher.stop()

    def end_process(error: BaseException) -> None:
        logger.critical("%s ends: %s: %s", service, type(error).__name__, error)
        logging.shutdown()
        os._exit(_EXITS.get(type(error), EXIT_FATAL))

    engine.on_fatal = end_process
    add_health_pages(app, engine)
    return app, redis


def run(app: faust.App, settings: Settings) -> None:
    """Runs the app as a Faust worker in this process until it is told to stop."""
    # a batch holds tens of thousands of short-lived values, none of them in cycles: looking for cycles less often
    # saves a fifth of the time
    gc.set_threshold(200_000, 50, 100)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        check_redis(settings.redis, settings.stall_seconds)
    except UnfitRedis as error:
        logger.critical("%s does not start: %s", app.conf.id, error)
        sys.exit(EXIT_UNFIT_REDIS)
    os.makedirs(settings.data_dir, exist_ok=True)  # noqa: PTH103
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(app, loglevel=settings.log_level, loop=loop, console_port=0, quiet=True)
    sys.exit(worker.execute_from_commandline())
