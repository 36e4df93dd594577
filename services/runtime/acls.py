"""What each kind of principal may do on Kafka, and nothing else. The one table of it.

A laboratory writes results and reads receipts. Receipts are one topic for all, and Kafka's ACLs know topics, not keys:
see docs/security.md for what a laboratory learns of others from them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaTimeoutError

from schemas.topics import (
    ALERT_COMMANDS,
    ALERT_EVENTS,
    DEADLINES,
    LAB_RESULTS,
    RATES,
    RECEIPTS,
    SAMPLES,
    SAMPLING_EVENTS,
    TOPICS,
    VERDICTS,
    Topic,
)
from services.runtime.kafka_security import client_options

_TIMEOUT_MS = 30_000
_POLL_SECONDS = 0.05
_EVERY = ACLFilter(
    None,
    None,
    ACLOperation.ANY,
    ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)


class Grant(NamedTuple):
    """One thing that is allowed. kind: TOPIC or GROUP; prefix: of all whose names begin so."""

    principal: str
    operation: str
    kind: str
    name: str
    prefix: bool = False


def acls_for(
    services: Iterable[str], inspectors: Iterable[str], laboratories: Iterable[str], *, receipts: bool = True
) -> list[Grant]:
    """The grants of these users (names without `User:`). Without `receipts`, laboratories read nothing at all."""
    grants: list[Grant] = []
    for user in services:
        grants += _topics(user, ("READ", "WRITE"), TOPICS)
        grants += _group(user, "samplewatch-")
        # commands and look-ups compare settings (`topics check`)
        grants += [Grant(f"User:{user}", "DESCRIBE_CONFIGS", "TOPIC", topic.name) for topic in TOPICS]
    for user in inspectors:
        grants += _topics(user, ("WRITE",), (SAMPLING_EVENTS, ALERT_COMMANDS))
        grants += _topics(user, ("READ",), (RECEIPTS, SAMPLES, DEADLINES, VERDICTS, RATES, ALERT_EVENTS))
        grants += _group(user, f"{user}-")
    for user in laboratories:
        grants += _topics(user, ("WRITE",), (LAB_RESULTS,))
        if receipts:
            grants += _topics(user, ("READ",), (RECEIPTS,))
            grants += _group(user, f"{user}-")
    return grants


def _topics(user: str, operations: Sequence[str], topics: Sequence[Topic]) -> list[Grant]:
    # each of the operations implies DESCRIBE
    return [Grant(f"User:{user}", operation, "TOPIC", topic.name) for topic in topics for operation in operations]


def _group(user: str, prefix: str) -> list[Grant]:
    return [Grant(f"User:{user}", "READ", "GROUP", prefix, prefix=True)]


def create_acls(bootstrap: str, grants: Iterable[Grant]) -> None:
    """Creates the grants and waits until a broker goes by them; those that are there stay.

    Raises kafka.errors.KafkaError.
    """
    wanted = {_acl(grant) for grant in grants}
    deadline = time.monotonic() + _TIMEOUT_MS / 1000
    with KafkaAdminClient(
        bootstrap_servers=bootstrap,
        bootstrap_timeout_ms=_TIMEOUT_MS,
        client_id="samplewatch-acls",
        **client_options(),
    ) as admin:
        if failed := admin.create_acls(list(wanted))["failed"]:
            raise failed[0]
        # the controller has them at once, a broker that is still busy making topics some seconds later
        while not wanted <= set(admin.describe_acls(_EVERY)[0]):
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"the grants are made, but no broker went by them in {_TIMEOUT_MS // 1000} s")
            time.sleep(_POLL_SECONDS)


def _acl(grant: Grant) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if grant.prefix else ACLResourcePatternType.LITERAL
    resource = ResourcePattern(ResourceType[grant.kind], grant.name, pattern)
    return ACL(grant.principal, "*", ACLOperation[grant.operation], ACLPermissionType.ALLOW, resource)
