"""The topics: their keys, contracts, writers and configuration (design, section 3). Nothing else names a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import alerts, qualification, receipts, results, sampling, verdicts
from schemas.values import Contract

_DAY = 24 * 3600 * 1000
#: The largest message that a topic for events from outside takes, so that a huge one gets an answer.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
#: The largest event that is accepted.
MAX_EVENT_BYTES = 1024 * 1024
#: The longest window is 365 days; the margin covers late corrections.
_WINDOW_AND_MARGIN = 400 * _DAY


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `config` holds the broker's settings by their Kafka names."""

    name: str
    key: str
    contracts: tuple[type[Contract], ...]
    written_by: str
    purpose: str
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def dead_letters(self) -> str:
        """The topic that takes what cannot be taken from this one."""
        return f"{self.name}.dlq"


def _intake(name: str, key: str, contracts: tuple[type[Contract], ...], written_by: str, purpose: str) -> Topic:
    # LogAppendTime: retention and the check of event times then rest on the broker's clock, not on the producer's
    return Topic(
        name,
        key,
        contracts,
        written_by,
        purpose,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(_WINDOW_AND_MARGIN),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    )


#: What the services write of an event of the largest size.
_INNER = {"max.message.bytes": str(4 * MAX_EVENT_BYTES), "message.timestamp.type": "LogAppendTime"}
_COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(3600 * 1000), **_INNER}


def _kept(milliseconds: int, policy: str = "delete") -> dict[str, str]:
    return {"cleanup.policy": policy, "retention.ms": str(milliseconds), **_INNER}


SAMPLING_EVENTS = _intake(
    "sampling.events.v1",
    "sample_id",
    (sampling.SampleTaken, sampling.SampleReceived, sampling.SampleVoided),
    "inspectors' systems",
    "samples taken, received by the laboratory, voided",
)
LAB_RESULTS = _intake(
    "lab.results.v1",
    "sample_id",
    (results.ResultReported, results.ResultAmended, results.ResultWithdrawn, results.RetestReported),
    "laboratories",
    "reports, amendments, withdrawals and retests",
)
ALERT_COMMANDS = _intake(
    "alerts.commands.v1",
    "alert_id",
    (alerts.Acknowledge, alerts.Assign, alerts.Act, alerts.Close, alerts.Silence),
    "inspectors' systems",
    "what inspectors ask of an alert",
)
RECEIPTS = Topic(
    "intake.receipts.v1",
    "source",
    (receipts.Receipt,),
    "sampling, lab_results, alerts",
    "one answer to every event taken in",
    _kept(30 * _DAY),
)
SAMPLES = Topic(
    "sampling.samples.v1", "sample_id", (sampling.Sample,), "sampling", "each sample as it now stands", _COMPACTED
)
VERDICTS = Topic(
    "lab.verdicts.v1",
    "sample_id",
    (verdicts.Verdict,),
    "lab_results",
    "sample and result joined, concluded, revised",
    _kept(_WINDOW_AND_MARGIN),
)
DELTAS = Topic(
    "qualification.deltas.v1",
    "cell",
    (qualification.Delta,),
    "lab_results",
    "counts that a batch adds to a cell",
    _kept(7 * _DAY),
)
RATES = Topic(
    "qualification.rates.v1",
    "cell",
    (qualification.Rate,),
    "lab_results",
    "a cell's rates in every window",
    _COMPACTED,
)
ALERT_EVENTS = Topic(
    "alerts.events.v1",
    "alert_id",
    (alerts.AlertEvent,),
    "alerts",
    "each alert after each step of its life",
    _kept(_WINDOW_AND_MARGIN, "compact,delete"),
)

#: Topics that a service consumes, each with a dead-letter topic beside it.
CONSUMED = (SAMPLING_EVENTS, LAB_RESULTS, ALERT_COMMANDS, SAMPLES, VERDICTS, DELTAS)
DEAD_LETTERS = tuple(
    Topic(
        topic.dead_letters,
        topic.key,
        (),
        "the service that could not take it",
        f"messages of {topic.name} that could not be taken, untouched, with dlq_* headers that say why",
        {
            "cleanup.policy": "delete",
            "retention.ms": str(90 * _DAY),
            # a dead letter is its message and the headers that explain it
            "max.message.bytes": str(MAX_MESSAGE_BYTES + 64 * 1024),
        },
    )
    for topic in CONSUMED
)
TOPICS = (
    SAMPLING_EVENTS,
    LAB_RESULTS,
    ALERT_COMMANDS,
    RECEIPTS,
    SAMPLES,
    VERDICTS,
    DELTAS,
    RATES,
    ALERT_EVENTS,
    *DEAD_LETTERS,
)
BY_NAME = {topic.name: topic for topic in TOPICS}
