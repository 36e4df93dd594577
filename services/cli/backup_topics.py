"""Takes the topics out of a broker, up to a moment, and puts them into another one.

The record is all there is to keep: Redis and the groups' positions follow from it. A record keeps its partition, key,
headers and time of arrival. That time matters: by it the services put commands and verdicts back into their order.

The cut is a moment, the same for all topics. Whatever follows from a record arrives later than the record. So what is
before the cut is whole: nothing in it follows from what it lacks, as if everything had been killed at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError
from redis import Redis
from redis.exceptions import RedisError

from schemas.topics import TOPICS
from services.cli.backup_files import (
    BackupError,
    Entry,
    Extent,
    Manifest,
    TopicFile,
    check_files,
    read_entries,
    read_manifest,
    remove_files,
    write_entries,
    write_manifest,
)
from services.runtime.kafka_security import client_options
from services.runtime.stage import STATE_KEYS
from services.runtime.topic_reading import (
    NoSuchTopic,
    held_back,
    offsets_since,
    partitions_of,
    reading_consumer,
    records_to_end,
)
from services.runtime.topic_writing import NotWritten, Writer

Say = Callable[[str], None]
_CLIENT = "samplewatch-cli"
_STAMP = "message.timestamp.type"
#: Records on their way to the broker at one time.
_IN_FLIGHT = 10_000
#: A broker says that it has a setting a little before it goes by it.
_SETTLE_S = 1.0
_SETTING_S = 30.0


def take(bootstrap: str, folder: Path, cut: datetime, say: Say = lambda text: None) -> Manifest:
    """Writes all records that arrived before the cut to an empty or new folder.

    Raises BackupError. Where it fails, nothing is left in the folder.
    """
    cut = as_brokers_tell_time(cut)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will name people
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty")
    try:
        files = _take_topics(bootstrap, folder, round(cut.timestamp() * 1000), say)
        manifest = Manifest(cut.astimezone(UTC).isoformat(), files)
        write_manifest(folder, manifest)
    except BaseException:
        remove_files(folder)
        raise
    return manifest


def _take_topics(bootstrap: str, folder: Path, cut: int, say: Say) -> dict[str, TopicFile]:
    files = {}
    with (
        closing(reading_consumer(bootstrap, _CLIENT)) as consumer,
        closing(reading_consumer(bootstrap, _CLIENT, "read_uncommitted")) as uncommitted,
    ):
        for topic in TOPICS:
            places = _places(consumer, topic.name)
            _check_settled(consumer, uncommitted, places, cut)
            extents: dict[int, Extent] = {}
            name = f"{topic.name}.zst"
            digest = write_entries(folder / name, _before(consumer, places, cut, extents))
            file = files[topic.name] = TopicFile(name, digest, dict(sorted(extents.items())))
            if file.records:
                say(f"{topic.name}: {file.records:,} records")
    return files


def as_brokers_tell_time(moment: datetime) -> datetime:
    """The millisecond of the moment: a finer cut would not say whether a record of that millisecond is before it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _places(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    try:
        return partitions_of(consumer, topic)
    except NoSuchTopic as error:
        raise BackupError(str(error)) from error


def _check_settled(consumer: KafkaConsumer, uncommitted: KafkaConsumer, places: list[TopicPartition], cut: int) -> None:
    """What lies behind an open transaction is not read, and would be left out in silence."""
    for place in held_back(consumer, uncommitted, places, cut):
        raise BackupError(
            f"{place.topic}, partition {place.partition}: a producer's transaction from before the cut is still open, "
            "and nothing behind its beginning can be read; wait until it has ended, and try again"
        )


def _before(
    consumer: KafkaConsumer, places: list[TopicPartition], cut: int, extents: dict[int, Extent]
) -> Iterator[Entry]:
    """The records of a topic before the cut, those of a partition in their order; fills in the extents."""
    starts = offsets_since(consumer, places)
    extents.update((place.partition, Extent(start, start, 0)) for place, start in starts.items())
    for record in records_to_end(consumer, starts, before=cut):
        held = extents[record.partition]
        extents[record.partition] = Extent(held.start, record.offset + 1, held.records + 1)
        headers = tuple((name.encode(), content) for name, content in record.headers)
        yield Entry(record.partition, record.offset, record.timestamp, record.key, record.value, headers)


def put_back(bootstrap: str, redis: str | None, folder: Path, say: Say = lambda text: None) -> Manifest:
    """Writes a backup's records into the topics, which have to be there and empty, with no service at work on them.

    redis: the URL of the services' Redis, which has to be empty, too; None where it is not known.
    Raises BackupError, before anything is written unless the broker gives up on the way.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    unknown = manifest.topics.keys() - {topic.name for topic in TOPICS}
    if unknown:
        raise BackupError(f"this version has no topic {', '.join(sorted(unknown))}")
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap, **client_options())) as admin:
        with closing(reading_consumer(bootstrap, _CLIENT)) as consumer:
            _check_empty(consumer, manifest)
        if redis:
            _check_redis(redis)
        else:
            say("Redis has to be empty, and was not looked at: SAMPLEWATCH_REDIS does not say where it is")
        _check_idle(admin)
        stamped = [topic for topic in TOPICS if topic.config.get(_STAMP) == "LogAppendTime"]
        names = [topic.name for topic in stamped if topic.name in manifest.topics]
        with _producers_time(admin, names), Writer(bootstrap, _CLIENT) as writer:
            for name, topic in manifest.topics.items():
                if topic.records:
                    try:
                        _write(writer, name, read_entries(folder / topic.file))
                    except NotWritten as error:
                        raise BackupError(f"{error}; {name} is there in part, so restore into a new Kafka") from error
                    say(f"{name}: {topic.records:,} records")
    return manifest


def _check_empty(consumer: KafkaConsumer, manifest: Manifest) -> None:
    for name, topic in manifest.topics.items():
        there = consumer.partitions_for_topic(name) or set()
        if there != set(topic.partitions):
            raise BackupError(f"{name} has {len(there)} partitions, and {len(topic.partitions)} in the backup")
        ends = consumer.end_offsets([TopicPartition(name, number) for number in there])
        if any(ends.values()):
            raise BackupError(f"{name} is not empty: a backup is restored into topics that were never written to")


def _check_redis(url: str) -> None:
    """State of other records would stand in the way of the rebuild, which passes over what was applied before."""
    try:
        with Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10) as redis:
            found = next(redis.scan_iter(STATE_KEYS, count=1000), None)
    except RedisError as error:
        raise BackupError(f"cannot look whether Redis is empty: {error}") from error
    if found is not None:
        raise BackupError("Redis is not empty, it has what services wrote (sw:*): empty it first, with FLUSHDB")


def _check_idle(admin: KafkaAdminClient) -> None:
    groups = [group["group_id"] for group in admin.list_groups() if group["group_id"].startswith("samplewatch-")]
    for name, group in (admin.describe_groups(groups) if groups else {}).items():
        if group["members"]:
            raise BackupError(f"services of {name} are at work; stop them first")


@contextmanager
def _producers_time(admin: KafkaAdminClient, topics: list[str]) -> Iterator[None]:
    """Meanwhile the broker does not put its own time on every record."""
    _set_stamp(admin, topics, "CreateTime")
    try:
        yield
    except BaseException:
        # what went wrong first is what has to be told, and these topics are not for use
        with suppress(KafkaError, BackupError):
            _set_stamp(admin, topics, "LogAppendTime")
        raise
    _set_stamp(admin, topics, "LogAppendTime")


def _set_stamp(admin: KafkaAdminClient, topics: list[str], value: str) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs={_STAMP: value}) for name in topics]
    admin.alter_configs(resources)
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    deadline = time.monotonic() + _SETTING_S
    while any(
        entries[_STAMP]["value"] != value
        for entries in admin.describe_configs(asked, config_filter="all").get("topic", {}).values()
    ):
        if time.monotonic() > deadline:
            raise BackupError(f"the broker does not set {_STAMP} to {value}")
        time.sleep(0.1)
    time.sleep(_SETTLE_S)


def _write(writer: Writer, topic: str, entries: Iterator[Entry]) -> None:
    times: list[int] = []
    for entry in entries:
        writer.send(topic, entry.key, entry.value, entry.headers, entry.partition, entry.timestamp)
        times.append(entry.timestamp)
        if len(times) == _IN_FLIGHT:
            _settle(writer, topic, times)
    _settle(writer, topic, times)


def _settle(writer: Writer, topic: str, times: list[int]) -> None:
    if [placed.timestamp for placed in writer.settle()] != times:
        raise BackupError(f"the broker put another time on a record of {topic}; restore into a new Kafka")
    times.clear()
