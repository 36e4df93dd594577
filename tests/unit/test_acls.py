"""What principals are granted."""

from __future__ import annotations

from schemas.topics import TOPICS
from services.runtime.acls import acls_for


def test_a_laboratory_is_granted_three_things() -> None:
    grants = {(grant.principal, grant.operation, grant.name) for grant in acls_for((), (), ["lab"])}
    assert grants == {
        ("User:lab", "WRITE", "lab.results.v1"),
        ("User:lab", "READ", "intake.receipts.v1"),
        ("User:lab", "READ", "lab-"),
    }
    assert [grant.operation for grant in acls_for((), (), ["lab"], receipts=False)] == ["WRITE"]


def test_only_the_services_write_what_services_write() -> None:
    outside = {"lab.results.v1", "sampling.events.v1", "alerts.commands.v1"}
    written = {grant.name for grant in acls_for((), ["city"], ["lab"]) if grant.operation == "WRITE"}
    assert written == outside
    services = {grant.name for grant in acls_for(["sw"], (), ()) if grant.operation == "WRITE"}
    assert services == {topic.name for topic in TOPICS}


def test_nobody_may_create_delete_or_change_topics() -> None:
    operations = {grant.operation for grant in acls_for(["sw"], ["city"], ["lab"])}
    assert operations == {"READ", "WRITE", "DESCRIBE_CONFIGS"}
