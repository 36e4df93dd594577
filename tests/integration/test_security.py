"""The whole system on a broker with TLS, SCRAM and ACLs, a Redis with a user of few rights, signatures and tokens."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TopicAuthorizationFailedError
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.cloudevents import binary_headers
from schemas.topics import ALERT_COMMANDS, LAB_RESULTS, RECEIPTS, SAMPLING_EVENTS, VERDICTS
from services.runtime.kafka_security import KafkaSecurity
from services.runtime.signatures import Signer
from tests.containers import why_no_engine
from tests.events import FAILED_ITEM, result, sample_taken
from tests.secured import certificates, secured_kafka, secured_redis
from tests.system import COMMAND, WAIT_S, System, unique

USERS = ("admin", "samplewatch", "inspectors", "lab-a", "lab-b")


@dataclass
class Secured:
    """The running system, and what each user knows."""

    system: System
    bootstrap: str
    clear: str
    passwords: dict[str, str]
    ca: Path
    keys: dict[str, Path]
    tokens: dict[str, str]
    redis: Redis

    def env(self, user: str, security: str = "sasl_tls") -> dict[str, str]:
        """How this user's programs are configured."""
        return {
            "SAMPLEWATCH_KAFKA": self.bootstrap if security == "sasl_tls" else self.clear,
            "SAMPLEWATCH_KAFKA_SECURITY": security,
            "SAMPLEWATCH_KAFKA_USER": user,
            "SAMPLEWATCH_KAFKA_PASSWORD": self.passwords[user],
            "SAMPLEWATCH_KAFKA_CA": str(self.ca),
        }

    def options(self, user: str) -> dict[str, Any]:
        """How kafka-python connects as this user."""
        security = KafkaSecurity.from_env(self.env(user))
        return {"bootstrap_servers": self.bootstrap, **security.options()}

    def send(self, user: str, topic: str, event: dict[str, Any], source: str, signer: Signer | None = None) -> str:
        """Sends as this user; returns the receipt's id. Raises KafkaError."""
        key, value = event["sample_id"].encode(), json.dumps(event).encode()
        headers = binary_headers(type=event["type"], source=source, event_id=unique("e"))
        signature = [signer.header(topic, key, headers, value)] if signer else []
        producer = KafkaProducer(acks="all", max_block_ms=60_000, **self.options(user))
        with contextlib.closing(producer):
            place = producer.send(topic, value, key, headers=[*headers, *signature]).get(timeout=WAIT_S)
        return f"{place.topic}-{place.partition}-{place.offset}"

    def receipt(self, user: str, receipt_id: str) -> dict[str, Any]:
        """Reads receipts as this user until the one has come."""
        deadline = time.monotonic() + WAIT_S
        consumer = KafkaConsumer(RECEIPTS.name, auto_offset_reset="earliest", **self.options(user))
        with contextlib.closing(consumer):
            while time.monotonic() < deadline:
                for records in consumer.poll(timeout_ms=200).values():
                    for record in records:
                        found: dict[str, Any] = json.loads(record.value)
                        if found["receipt_id"] == receipt_id:
                            return found
        raise AssertionError(f"no receipt {receipt_id}\n{self.system.logs(30)}")

    def answer(self, user: str, event: dict[str, Any], source: str, signer: Signer | None) -> tuple[str, str | None]:
        """What becomes of a result."""
        receipt = self.receipt(user, self.send(user, LAB_RESULTS.name, event, source, signer))
        return receipt["outcome"], receipt.get("field")

    def signer(self, user: str, lab_id: str | None = None) -> Signer:
        """The key of this user, by default under its own name."""
        return Signer.from_file(lab_id or user, self.keys[user])


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    home = tmp_path_factory.mktemp("secured")
    passwords = {user: secrets.token_hex(12) for user in USERS}
    ca, keystore = certificates(home)
    with (
        secured_kafka(home, passwords, keystore) as kafka,
        secured_redis(home, ca if why_no_engine() is None else None) as (redis_url, redis_admin),
    ):
        system = System(home)
        clear = f"127.0.0.1:{kafka.clear_port}"
        found = Secured(system, kafka.address, clear, passwords, ca, {}, {}, redis_admin)
        _without_instance(found, "admin", "topics", "create")
        _without_instance(
            found, "admin", "topics", "acls", "--services", "samplewatch", "--inspectors", "inspectors",
            "--laboratory", "lab-a", "--laboratory", "lab-b",
        )  # fmt: skip
        system.env |= {
            **found.env("samplewatch"),
            "SAMPLEWATCH_REDIS": redis_url,
            "SAMPLEWATCH_LABORATORIES": str(_registry(found, home)),
            "SAMPLEWATCH_TOKENS": str(_tokens(found, home)),
        }
        try:
            system.up()
            yield found
        finally:
            system.end()


def _without_instance(secured: Secured, user: str, *words: str) -> str:
    env = {**secured.system.env, **secured.env(user)}
    done = subprocess.run([str(COMMAND), *words], env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _registry(secured: Secured, home: Path) -> Path:
    entries = ""
    for lab in ("lab-a", "lab-b"):
        secured.keys[lab] = home / f"{lab}.pem"
        entries += _without_instance(
            secured,
            "admin",
            "keys",
            "create",
            "--lab",
            lab,
            "--source",
            f"/lims/{lab}",
            "--out",
            str(secured.keys[lab]),
        )
        assert secured.keys[lab].stat().st_mode & 0o077 == 0
    file = home / "laboratories.yaml"
    file.write_text("laboratories:\n" + entries)
    return file


def _tokens(secured: Secured, home: Path) -> Path:
    file = home / "tokens.yaml"
    lines = "tokens:\n"
    for name, role, more in (
        ("inspector", "inspector", ()),
        ("elsewhere", "inspector", ("--area", "1101")),
        ("laboratory", "laboratory", ()),
    ):
        out = _without_instance(secured, "admin", "tokens", "create", "--name", name, "--role", role, *more)
        secured.tokens[name] = next(word for word in out.split() if word.startswith("sw_"))
        lines += next(line for line in out.splitlines() if line.startswith("  - ")) + "\n"
    file.write_text(lines)
    assert len(yaml.safe_load(lines)["tokens"]) == 3
    return file


def may_read(secured: Secured, user: str, topic: str) -> bool:
    """Whether this user gets a record of the topic, which has some, or is refused; an error where neither happens."""
    with KafkaAdminClient(**secured.options(user)) as admin:
        [described] = admin.describe_topics([topic])
    if described["error_code"] == TopicAuthorizationFailedError.errno:
        return False
    consumer = KafkaConsumer(enable_auto_commit=False, **secured.options(user))
    with contextlib.closing(consumer):
        places = [TopicPartition(topic, number) for number in range(12)]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                if consumer.poll(timeout_ms=200):
                    return True
            except TopicAuthorizationFailedError:
                return False
    raise AssertionError(f"{user} neither read {topic} nor was refused")


def test_a_laboratory_reports_over_sasl_and_its_result_counts(secured: Secured, tmp_path: Path) -> None:
    sample = unique()
    taken = secured.send("inspectors", SAMPLING_EVENTS.name, sample_taken(sample), "/inspectors/qy")
    assert secured.receipt("inspectors", taken)["outcome"] == "accepted"
    file = tmp_path / "reports.jsonl"
    file.write_text(json.dumps(result(sample, "lab-a", FAILED_ITEM)) + "\n")
    words = ("publish", "results", str(file), "--source", "/lims/lab-a", "--key", str(secured.keys["lab-a"]), "--json")
    done = secured.system.cli(*words, env=secured.env("lab-a"))
    assert json.loads(done.stdout)["accepted"] + json.loads(done.stdout)["parked"] == 1
    token = {"SAMPLEWATCH_TOKEN": secured.tokens["inspector"]}

    def concluded() -> bool:
        found = secured.system.cli("sample", sample, "--json", env=token, check=False)
        return found.returncode == 0 and "lab.verdicts.v1" in found.stdout

    deadline = time.monotonic() + WAIT_S
    while not concluded():
        assert time.monotonic() < deadline, secured.system.logs(30)
        time.sleep(0.5)
    # over the listener without TLS too
    consumer = KafkaConsumer(
        bootstrap_servers=secured.clear, **KafkaSecurity.from_env(secured.env("lab-a", "sasl_plaintext")).options()
    )
    with contextlib.closing(consumer):
        assert consumer.partitions_for_topic(RECEIPTS.name)


def test_a_laboratory_reads_neither_results_nor_verdicts(secured: Secured) -> None:
    assert secured.answer("lab-b", result(unique(), "lab-b"), "/lims/lab-b", secured.signer("lab-b"))[0] == "parked"
    for topic in (LAB_RESULTS.name, VERDICTS.name, f"{LAB_RESULTS.name}.dlq", SAMPLING_EVENTS.name):
        assert not may_read(secured, "lab-a", topic), topic
    assert may_read(secured, "lab-a", RECEIPTS.name)
    assert may_read(secured, "samplewatch", LAB_RESULTS.name)
    assert may_read(secured, "inspectors", VERDICTS.name)


@pytest.mark.parametrize("topic", [SAMPLING_EVENTS.name, ALERT_COMMANDS.name, VERDICTS.name, RECEIPTS.name])
def test_a_laboratory_writes_nothing_but_results(secured: Secured, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        secured.send("lab-a", topic, sample_taken(unique()), "/lims/lab-a")


def test_a_laboratory_cannot_forge_a_lab_id(secured: Secured) -> None:
    mine, theirs = secured.signer("lab-b"), result(unique(), "lab-a")
    assert secured.answer("lab-b", theirs, "/lims/lab-b", mine) == ("rejected", "lab_id")
    assert secured.answer("lab-b", theirs, "/lims/lab-a", secured.signer("lab-b", "lab-a")) == (
        "rejected",
        "ce_signature",
    )
    assert secured.answer("lab-b", theirs, "/lims/lab-a", None) == ("rejected", "ce_signature")
    assert secured.answer("lab-b", result(unique(), "lab-b"), "/lims/lab-a", mine) == ("rejected", "source")


def test_a_laboratory_cannot_revise_anothers_report(secured: Secured) -> None:
    sample = unique()
    first = secured.answer("lab-a", result(sample, "lab-a", FAILED_ITEM), "/lims/lab-a", secured.signer("lab-a"))
    assert first[0] == "parked"
    withdrawn = {
        "type": "ResultWithdrawn",
        "report_no": f"R-{sample}",
        "revision": 2,
        "sample_id": sample,
        "lab_id": "lab-b",
        "withdrawn_at": "2024-03-05T12:00:00+08:00",
        "reason": "mine now",
    }
    assert secured.answer("lab-b", withdrawn, "/lims/lab-b", secured.signer("lab-b")) == ("rejected", "report_no")


def test_a_wrong_password_and_an_unknown_authority_get_nowhere(secured: Secured) -> None:
    options = {**secured.options("lab-a"), "sasl_plain_password": "wrong"}
    with pytest.raises(KafkaError):
        KafkaConsumer(bootstrap_timeout_ms=5000, **options).partitions_for_topic(RECEIPTS.name)
    env = {**secured.env("lab-a"), "SAMPLEWATCH_KAFKA_CA": ""}
    stranger = {"bootstrap_servers": secured.bootstrap, **KafkaSecurity.from_env(env).options()}
    with pytest.raises(KafkaError):
        KafkaConsumer(bootstrap_timeout_ms=5000, **stranger).partitions_for_topic(RECEIPTS.name)


def status_of(url: str, token: str | None) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_pages_ask_for_a_token(secured: Secured) -> None:
    sample = unique()
    taken = secured.send("inspectors", SAMPLING_EVENTS.name, sample_taken(sample), "/inspectors/qy")
    assert secured.receipt("inspectors", taken)["outcome"] == "accepted"
    page = f"{secured.system.services['sampling'].http}/samples/{sample}"
    assert status_of(page, None) == 401
    assert status_of(page, secured.tokens["laboratory"]) == 403
    assert status_of(page, secured.tokens["elsewhere"]) == 404
    assert status_of(page, secured.tokens["inspector"]) == 200
    for service in secured.system.services.values():
        assert status_of(f"{service.http}/metrics", None) == 200
        assert status_of(f"{service.http}/", None) == 401


def test_every_command_is_in_the_audit_log(secured: Secured) -> None:
    alert = f"3-{unique('a')}"
    words = ("alerts", "ack", alert, "--by", "zhang.san", "--note", "on my way", "--json")
    secured.system.cli(*words, env=secured.env("inspectors"), check=False)
    out = secured.system.cli("audit", "--by", "zhang.san", "--json", env=secured.env("samplewatch")).stdout
    [row] = [row for row in map(json.loads, out.splitlines()) if row["alert_id"] == alert]
    assert (row["type"], row["outcome"], row["command"]["note"]) == ("Acknowledge", "rejected", "on my way")


def test_redis_refuses_the_services_nothing_and_everything_else(secured: Secured) -> None:
    assert secured.redis.acl_log() == []
    url = secured.system.env["SAMPLEWATCH_REDIS"]
    with Redis.from_url(url) as services:
        assert_few_rights(services)
    secured.redis.acl_log_reset()


def assert_few_rights(services: Redis) -> None:
    for refused in (services.flushall, services.config_get, lambda: services.set("other", 1), services.keys):
        with pytest.raises(Exception, match=r"(?i)permission"):
            refused()


def test_redis_speaks_tls_alone_and_shows_a_certificate_that_is_checked(secured: Secured) -> None:
    url = secured.system.env["SAMPLEWATCH_REDIS"]
    if not url.startswith("rediss://"):
        pytest.skip("the embedded server is built without TLS, and no engine of containers answers")
    with Redis.from_url(url) as services:
        assert services.ping()
    bare, _, _ = url.partition("?")
    for refused, why in (
        (bare, "certificate verify failed"),  # by the authorities that the system trusts
        (url.replace("@127.0.0.1:", "@localhost:"), "Hostname mismatch"),
        (bare.replace("rediss://", "redis://"), "Connection|closed|reset"),
    ):
        with Redis.from_url(refused, retry=None) as stranger, pytest.raises(RedisConnectionError, match=why):
            stranger.ping()


def test_the_rules_of_redis_hold_on_the_embedded_server_too(tmp_path: Path) -> None:
    with secured_redis(tmp_path) as (url, _), Redis.from_url(url) as services:
        assert services.hset("sw:{lab:3}:x", "a", 1) == 1
        assert_few_rights(services)


def test_no_log_has_a_secret(secured: Secured) -> None:
    redis_password = secured.system.env["SAMPLEWATCH_REDIS"].split(":")[2].split("@")[0]
    known = {*secured.passwords.values(), *secured.tokens.values(), redis_password}
    known |= {key.read_text().splitlines()[1] for key in secured.keys.values()}
    logs = list((secured.system.dir / "logs").glob("*.log"))
    assert len(logs) >= 4
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [secret for secret in known if secret in text], log
