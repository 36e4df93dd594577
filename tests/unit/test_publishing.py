"""What the command line publishes, and how it matches answers: the parts that need no broker."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from schemas.results import RESULT_EVENT
from schemas.topics import BY_NAME, LAB_RESULTS
from services.cli import backup_topics, integrity_commands, publishing
from services.cli.backup_files import Entry
from services.cli.connection import redis_of
from services.cli.dead_letters import dead_letter_topic, letter_of
from services.cli.event_lines import BadLine, content_digest, read_lines
from services.cli.outgoing import OUTCOMES, Answers, Outgoing, outgoing
from services.cli.publish_commands import print_answers
from services.cli.publishing import Publisher
from services.runtime import topic_writing
from services.runtime.settings import PARTITIONS
from services.runtime.topic_writing import NotWritten, Writer
from services.runtime.topics import compare, wanted_config

REPORT = {
    "report_no": "r1",
    "sample_id": "s1",
    "lab_id": "qy",
    "issued_at": "2025-01-02T00:00:00+08:00",
    "conclusion": "pass",
}


def read(*lines: Any, check: bool = True) -> list[Outgoing | BadLine]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(read_lines(raw, LAB_RESULTS, RESULT_EVENT if check else None, "ResultReported", "/lims/qy"))


def sent(line: Any, check: bool = True) -> Outgoing:
    (found,) = read(line, check=check)
    assert isinstance(found, Outgoing), found
    return found


def test_defaults_of_a_line() -> None:
    event = sent(REPORT)
    assert (event.topic, event.key, event.type, event.source) == ("lab.results.v1", b"s1", "ResultReported", "/lims/qy")
    assert event.event_id == content_digest({"type": "ResultReported", **REPORT})
    assert ("ce_id", event.event_id.encode()) in event.headers
    assert RESULT_EVENT.validate_json(event.value).source == "/lims/qy"


def test_what_a_line_says_itself_stays() -> None:
    event = sent({**REPORT, "source": "/lims/other", "event_id": "e1"})
    assert (event.source, event.event_id) == ("/lims/other", "e1")
    assert sent({**REPORT, "id": "e2", "source": None}).event_id == "e2"


def test_the_event_id_follows_the_content_alone() -> None:
    reordered = dict(reversed(list(REPORT.items())))
    assert sent(REPORT).event_id == sent(reordered).event_id == sent(REPORT, check=False).event_id
    assert sent(REPORT).event_id != sent({**REPORT, "report_no": "r2"}).event_id


def test_decimals_stay_as_they_were_written() -> None:
    item = {"item": "x", "verdict": "pass", "value": "0.10", "limit": "0.1000000000000000000001", "limit_kind": "max"}
    value = sent({**REPORT, "items": [item]}).value
    assert b'"value":"0.10"' in value and b'"limit":"0.1000000000000000000001"' in value


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({**REPORT, "conclusoin": "pass"}, "conclusoin"),
        ({**REPORT, "items": [{"item": "x", "valeu": 1, "verdict": "inconclusive"}]}, "items.0.valeu"),
        ({**REPORT, "issued_at": "2125-01-02T00:00:00+08:00"}, "issued_at"),
        ({**REPORT, "type": "ResultRumoured"}, "type"),
        ({**REPORT, "conclusion": "fail"}, "conclusion"),
        ({}, "report_no"),
        (b"[1]", "value"),
        (b"\xff", "value"),
        ({**REPORT, "lab_id": "x" * 2_000_000}, "lab_id"),
    ],
)
def test_a_line_that_breaks_the_contract_is_not_sent(line: Any, field: str) -> None:
    good, bad, blank = read(REPORT, line, REPORT)[:2], read(line)[0], read(b"", b" \n")
    assert blank == []
    assert isinstance(good[0], Outgoing)
    assert isinstance(bad, BadLine) and bad.field == field
    assert isinstance(good[1], BadLine) and good[1].line == 2


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"type": 7, "sample_id": ["s"]}', b'{"unknown": "\\ud800"}'])
def test_without_a_check_every_line_goes_as_it_is(line: bytes) -> None:
    event = sent(line, check=False)
    assert (event.value, event.key, event.source) == (line, None, "/lims/qy")
    assert event.event_id == sent(line, check=False).event_id


class Broker:
    """Stands in for the producer and the consumer: gives each event an offset, and answers as told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.pending: list[dict[str, Any]] = []
        self.answering = True
        self.loses = False

    def send(self, topic: str, value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]) -> Any:
        place = SimpleNamespace(topic=topic, partition=0, offset=len(self.sent))
        self.sent.append(place)
        if self.answering:
            self.answer(place.offset, source=dict(headers)["ce_source"].decode())
        return SimpleNamespace(is_done=False, get=lambda timeout: self.lost() if self.loses else place)

    def lost(self) -> Any:
        raise KafkaTimeoutError("no answer")

    def answer(self, offset: int, outcome: str = "accepted", source: str = "/lims/qy") -> None:
        self.pending.append(
            {
                "receipt_id": f"lab.results.v1-0-{offset}",
                "outcome": outcome,
                "source": source,
                "topic": "lab.results.v1",
                "partition": 0,
                "offset": offset,
                "arrived_at": "2025-01-02T00:00:00Z",
                "service": "lab_results",
            }
        )

    def poll(self, timeout_ms: int) -> dict[Any, list[Any]]:
        receipts, self.pending = self.pending, []
        records = [SimpleNamespace(key=one["source"].encode(), value=json.dumps(one).encode()) for one in receipts]
        return {TopicPartition("intake.receipts.v1", 0): records}

    def flush(self, timeout: float) -> None:
        if self.loses:
            self.lost()

    def close(self, timeout: float | None = None, **_: Any) -> None:
        if self.loses and timeout is not None:  # as the producer
            self.lost()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(publishing, "_producer", lambda *_: broker)
    monkeypatch.setattr(publishing, "_receipts_from_now", lambda _: broker)
    return broker


def publish(*events: Outgoing, timeout: float = 0.05) -> Answers:
    with Publisher("nowhere", timeout) as publisher:
        publisher.publish(events)
        return publisher.answers()


def test_events_that_the_client_lost_are_unsent(broker: Broker) -> None:
    broker.loses = True
    answers = publish(sent(REPORT), sent({**REPORT, "report_no": "R2"}))
    assert answers.counts == {"unsent": 2}


def test_every_event_has_its_answer(broker: Broker) -> None:
    # enough that receipts come in before the places of their events are known
    answers = publish(*[sent(REPORT)] * 5_000)
    assert answers.counts == {"accepted": 5_000} and answers.ok
    assert len({receipt.receipt_id for receipt in answers.receipts}) == 5_000


def test_an_answer_is_taken_once_and_only_for_its_own_event(broker: Broker) -> None:
    broker.answering = False
    broker.answer(0, "rejected")
    broker.answer(0, "rejected")
    broker.answer(1, "duplicate", source="/somebody/else")
    broker.answer(7, "duplicate")
    answers = publish(sent(REPORT), sent({**REPORT, "report_no": "r2"}))
    assert answers.counts == {"rejected": 1, "unanswered": 1} and not answers.ok
    assert [answer.reason for answer in answers.answers if answer.outcome == "unanswered"] == [
        "no answer within 0.05 s"
    ]


def test_an_event_is_published_under_a_source_and_an_id() -> None:
    with pytest.raises(ValueError, match="event_id"):
        outgoing(RESULT_EVENT.validate_python({"type": "ResultReported", **REPORT}))


class Silent:
    """Stands in for kafka-python's producer at a broker that has gone away."""

    def __init__(self, **_: Any) -> None:
        self.config: dict[str, Any] = {}
        self.sent = 0

    def send(self, *_: Any, **__: Any) -> Any:
        self.sent += 1
        return SimpleNamespace(get=lambda timeout: pytest.fail("nobody answers"))

    def flush(self, timeout: float | None = None) -> None:
        assert timeout is not None, "would wait for ever"
        raise KafkaTimeoutError("not within the time")

    def close(self, timeout: float | None = None) -> None:
        self.flush(timeout)


def test_commands_do_not_wait_for_a_broker_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_writing, "KafkaProducer", Silent)
    said = r"Kafka at nowhere has not taken all that was sent: .*not within the time"
    with pytest.raises(NotWritten, match=said):
        integrity_commands._publish("nowhere", [], [], date(2026, 1, 1), date(2026, 3, 31))
    entries = [Entry(0, number, 1_700_000_000_000, None, None, ()) for number in range(3)]
    with pytest.raises(NotWritten, match=said), Writer("nowhere", "test") as writer:
        backup_topics._write(writer, LAB_RESULTS.name, iter(entries))


def test_the_redis_beside_a_kafka_that_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMPLEWATCH_DIR", raising=False)
    monkeypatch.setenv("SAMPLEWATCH_KAFKA", "broker:9092")
    monkeypatch.delenv("SAMPLEWATCH_REDIS", raising=False)
    assert redis_of(None) is None
    monkeypatch.setenv("SAMPLEWATCH_REDIS", "redis://redis/0")
    assert redis_of(None) == "redis://redis/0"


def test_a_dead_letter_is_told_from_what_was_added_to_it() -> None:
    record = SimpleNamespace(
        topic="lab.results.v1.dlq",
        partition=1,
        offset=2,
        key=b"k",
        value=b"\xff",
        headers=[
            ("ce_source", b"/lims/qy"),
            ("sw_origin", b"3-4"),
            ("dlq_topic", b"lab.results.v1"),
            ("dlq_field", b"x"),
        ],
    )
    letter = letter_of(record)
    assert letter.headers == (("ce_source", b"/lims/qy"),)
    assert (letter.origin, letter.why) == ("lab.results.v1", {"topic": "lab.results.v1", "field": "x"})
    assert letter.as_dict()["source"] == "/lims/qy" and not letter.cut
    record.headers = [("dlq_cut_from", b"1"), *record.headers]
    assert not letter_of(record).cut, "the message had that header itself"
    record.headers = [*record.headers, ("dlq_cut_from", b"20000000")]
    assert letter_of(record).cut and letter_of(record).why["cut_from"] == "20000000"
    assert dead_letter_topic("lab.results.v1") == dead_letter_topic("lab.results.v1.dlq") == "lab.results.v1.dlq"
    with pytest.raises(ValueError, match=r"lab\.results\.v1\.dlq"):
        dead_letter_topic("lab.results")


def test_topics_are_compared_by_partitions_copies_and_settings() -> None:
    partitions: list[dict[str, Any]] = [{"replica_nodes": [1, 2, 3]}] * PARTITIONS
    topic = BY_NAME["alerts.events.v1"]
    config = wanted_config(topic, 3)
    assert config["min.insync.replicas"] == "2"
    assert not list(compare(topic, partitions, {**config, "cleanup.policy": "delete,compact"}, 3))
    few = [{"replica_nodes": [1]}] * 3
    settings = [problem.setting for problem in compare(topic, few, {**config, "retention.ms": "1"}, 3)]
    assert settings == ["partitions", "replication.factor", "retention.ms"]


def test_answers_are_printed_as_they_are_and_not_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"line": 1, "outcome": "rejected", "event_id": r"\[red]e1", "field": "x", "reason": "[/] gone"}
    print_answers({"events": 1, **dict.fromkeys(OUTCOMES, 0), "rejected": 1, "answers": [told]})
    printed = capsys.readouterr().out
    assert r"\[red]e1" in printed and "[/] gone" in printed
