"""Creates the topics of `schemas.topics` with explicit settings, and checks that they still have them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from schemas.topics import TOPICS, Topic
from services.runtime.kafka_security import client_options
from services.runtime.settings import PARTITIONS

#: Until the brokers have registered with the controller, it refuses for want of replicas: ask again.
_PASSING = (
    errors.InvalidReplicationFactorError,
    errors.KafkaTimeoutError,
    errors.NotControllerError,
    errors.RequestTimedOutError,
)
_POLL_SECONDS = 0.02
_TIMEOUT_SECONDS = 30.0


class TopicsNotReady(RuntimeError):
    """The topics could not be created, or have no leaders, within the time allowed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting of one topic that is not as wanted. `actual` is None where the topic is missing."""

    topic: str
    setting: str
    wanted: str
    actual: str | None

    def __str__(self) -> str:
        if self.actual is None:
            return f"{self.topic}: does not exist"
        return f"{self.topic}: {self.setting} is {self.actual}, wanted {self.wanted}"

    def as_dict(self) -> dict[str, str | None]:
        """The problem as a JSON object."""
        return asdict(self)


def create_topics(bootstrap: str, timeout: float = _TIMEOUT_SECONDS) -> list[str]:
    """Creates what is missing, in one request, and returns the names created once every partition has a leader.

    Safe to repeat and to run beside another creator. Never changes a topic that exists: `check_topics` says how it
    differs. Raises TopicsNotReady after `timeout` seconds, and kafka.errors for anything that waiting cannot cure.
    """
    deadline = time.monotonic() + timeout
    with _admin(bootstrap, timeout) as admin:
        created = _create(admin, deadline)
        _await_leaders(admin, deadline)
    return created


def check_topics(bootstrap: str, timeout: float = _TIMEOUT_SECONDS) -> list[Problem]:
    """What differs between the topics on the broker and those wanted; empty when all is well."""
    with _admin(bootstrap, timeout) as admin:
        replicas = _replication(admin)
        described = {topic["name"]: topic["partitions"] for topic in admin.describe_topics() if not topic["error_code"]}
        there = [topic for topic in TOPICS if topic.name in described]
        configs = _configs(admin, [topic.name for topic in there])
    problems = [Problem(topic.name, "topic", "exists", None) for topic in TOPICS if topic.name not in described]
    for topic in there:
        problems += compare(topic, described[topic.name], configs.get(topic.name, {}), replicas)
    return problems


def wanted_config(topic: Topic, replicas: int) -> dict[str, str]:
    """The topic's own settings, and how many replicas must have a message before it counts as written."""
    return {**topic.config, "min.insync.replicas": str(max(1, replicas - 1))}


def compare(
    topic: Topic, partitions: list[dict[str, Any]], config: Mapping[str, str | None], replicas: int
) -> Iterable[Problem]:
    """How one topic, as the broker describes it, differs from what is wanted."""
    # exactly: the state of a key is kept under its partition's number
    if len(partitions) != PARTITIONS:
        yield Problem(topic.name, "partitions", str(PARTITIONS), str(len(partitions)))
    copies = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
    if copies < replicas:
        yield Problem(topic.name, "replication.factor", str(replicas), str(copies))
    for setting, wanted in wanted_config(topic, replicas).items():
        actual = config.get(setting)
        if _normal(actual or "") != _normal(wanted):
            yield Problem(topic.name, setting, wanted, actual or "")


def _normal(value: str) -> list[str]:
    return sorted(part.strip() for part in value.split(","))


def _admin(bootstrap: str, timeout: float) -> KafkaAdminClient:
    return KafkaAdminClient(
        bootstrap_servers=bootstrap,
        bootstrap_timeout_ms=int(timeout * 1000),
        reconnect_backoff_max_ms=200,
        client_id="samplewatch-topics",
        **client_options(),
    )


def _replication(admin: KafkaAdminClient) -> int:
    return min(3, len(admin.describe_cluster()["brokers"]))


def _existing(admin: KafkaAdminClient) -> set[str]:
    try:
        return {topic["name"] for topic in admin.describe_topics() if not topic["error_code"]}
    except (*_PASSING, RuntimeError):  # the broker does not know yet; creating what exists does no harm
        return set()


def _create(admin: KafkaAdminClient, deadline: float) -> list[str]:
    created: list[str] = []
    # asked first: who may not create topics may still find that they are all there
    there = _existing(admin)
    missing = [topic for topic in TOPICS if topic.name not in there]
    while missing:
        replicas = _replication(admin)
        request = {
            topic.name: {
                "num_partitions": PARTITIONS,
                "replication_factor": replicas,
                "configs": wanted_config(topic, replicas),
            }
            for topic in missing
        }
        try:
            answers = admin.create_topics(request, raise_errors=False)["topics"] if replicas else []
        except (*_PASSING, RuntimeError) as error:  # RuntimeError: the client found no controller yet
            refused: dict[str, str] = {"cluster": str(error)}
        else:
            refused = {} if answers else {"cluster": "no broker has registered yet"}
            for answer in answers:
                kind = errors.for_code(answer["error_code"])
                if kind is errors.NoError:
                    created.append(answer["name"])
                elif kind in _PASSING:
                    refused[answer["name"]] = answer.get("error_message") or kind.__name__
                elif kind is not errors.TopicAlreadyExistsError:
                    raise kind(f"{answer['name']}: {answer.get('error_message') or kind.__name__}")
        missing = missing if "cluster" in refused else [topic for topic in missing if topic.name in refused]
        if missing:
            _pause(deadline, f"topics were not created: {refused}")
    return created


def _await_leaders(admin: KafkaAdminClient, deadline: float) -> None:
    pending = {topic.name for topic in TOPICS}
    while pending:
        for topic in admin.describe_topics(sorted(pending)):
            partitions = topic["partitions"]
            if partitions and all(partition["leader_id"] >= 0 for partition in partitions):
                pending.discard(topic["name"])
        if pending:
            _pause(deadline, f"topics have no leaders: {', '.join(sorted(pending))}")


def _pause(deadline: float, why_late: str) -> None:
    if time.monotonic() > deadline:
        raise TopicsNotReady(why_late)
    time.sleep(_POLL_SECONDS)


def _configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str | None]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources, config_filter="all").get("topic", {})
    return {name: {key: entry["value"] for key, entry in entries.items()} for name, entries in described.items()}
