"""The topics: their keys, contracts, writers and configuration (design, section 3). Nothing else names a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import (
    alerts,
    deadlines,
    findings,
    hotspots,
    notifications,
    qualification,
    receipts,
    results,
    sampling,
    verdicts,
)
from schemas.values import Contract

_DAY = 24 * 3600 * 1000
#: The largest message that a topic for events from outside takes, so that a huge one gets an answer.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
#: The largest event that is accepted.
MAX_EVENT_BYTES = 1024 * 1024
#: The codec of what Samplewatch itself writes. Clients in Python take lz4 at level 9 and zstd at 3: of verdicts, zstd
#: makes two thirds of the bytes for a seventh of the processor time.
COMPRESSION = "zstd"
#: What counts are made of. A rate is shown beside that of a year before, and a year's report beside the year before it,
#: which began 762 days ago at the end of the January that follows. The margin is for late corrections.
_TWO_YEARS_AND_MARGIN = 800 * _DAY
#: Of all else, a year.
_YEAR_AND_MARGIN = 400 * _DAY


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


def _intake(
    name: str, key: str, contracts: tuple[type[Contract], ...], written_by: str, purpose: str, milliseconds: int
) -> Topic:
    # LogAppendTime: retention and the check of event times then rest on the broker's clock, not on the producer's
    return Topic(
        name,
        key,
        contracts,
        written_by,
        purpose,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(milliseconds),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    )


#: What the services write of an event of the largest size.
_INNER = {"max.message.bytes": str(4 * MAX_EVENT_BYTES), "message.timestamp.type": "LogAppendTime"}
#: By then at the latest what was replaced is gone, so that what was redacted is too; else the newest segment keeps it.
_COMPACTION = {"max.compaction.lag.ms": str(7 * _DAY)}
_COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(3600 * 1000), **_COMPACTION, **_INNER}


def _kept(milliseconds: int, policy: str = "delete") -> dict[str, str]:
    compaction = _COMPACTION if "compact" in policy else {}
    return {"cleanup.policy": policy, "retention.ms": str(milliseconds), **compaction, **_INNER}


SAMPLING_EVENTS = _intake(
    "sampling.events.v1",
    "sample_id",
    (sampling.SampleTaken, sampling.SampleReceived, sampling.SampleVoided, sampling.SampleRedacted),
    "inspectors' systems",
    "samples taken, received by the laboratory, voided, redacted",
    _TWO_YEARS_AND_MARGIN,
)
LAB_RESULTS = _intake(
    "lab.results.v1",
    "sample_id",
    (results.ResultReported, results.ResultAmended, results.ResultWithdrawn, results.RetestReported),
    "laboratories",
    "reports, amendments, withdrawals and retests",
    _TWO_YEARS_AND_MARGIN,
)
ALERT_COMMANDS = _intake(
    "alerts.commands.v1",
    "alert_id",
    (
        alerts.Acknowledge,
        alerts.Assign,
        alerts.Act,
        alerts.Verify,
        alerts.Close,
        alerts.Silence,
        alerts.Redact,
        alerts.Notified,
    ),
    "inspectors' systems",
    "what inspectors ask of an alert",
    _YEAR_AND_MARGIN,
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
DEADLINES = Topic(
    "sampling.deadlines.v1",
    "sample_id",
    (deadlines.DeadlineEvent,),
    "sampling",
    "statutory clocks of samples: near, passed, met, void",
    _kept(_YEAR_AND_MARGIN),
)
VERDICTS = Topic(
    "lab.verdicts.v1",
    "sample_id",
    (verdicts.Verdict,),
    "lab_results",
    "sample and result joined, concluded, revised",
    _kept(_TWO_YEARS_AND_MARGIN),
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
FINDINGS = Topic(
    "alerts.findings.v1",
    "subject",
    (findings.Finding,),
    "alerts",
    "what a detector says of a subject: open, over or void",
    _kept(_YEAR_AND_MARGIN),
)
HOTSPOT_MODELS = Topic(
    "hotspots.models.v1",
    "version",
    (hotspots.HotspotModel,),
    "hotspots",
    "expected failure probabilities, as fitted each night",
    _kept(_YEAR_AND_MARGIN, "compact,delete"),
)
HOTSPOT_CASES = Topic(
    "hotspots.cases.v1",
    "cell",
    (hotspots.HotspotCases,),
    "hotspots",
    "concluded samples as their cells see them",
    _kept(_YEAR_AND_MARGIN),
)
ALERT_EVENTS = Topic(
    "alerts.events.v1",
    "alert_id",
    (alerts.AlertEvent,),
    "alerts",
    "each alert after each step of its life",
    _kept(_YEAR_AND_MARGIN, "compact,delete"),
)
NOTIFICATIONS = Topic(
    "alerts.notifications.v1",
    "destination|alert_id",
    (notifications.Notification,),
    "alerts",
    "what each destination may have to be told of an alert",
    _kept(_YEAR_AND_MARGIN, "compact,delete"),
)
DELIVERIES = Topic(
    "alerts.deliveries.v1",
    "delivery_id",
    (notifications.Delivery,),
    "alerts",
    "the notification log: what became of each message",
    _kept(_YEAR_AND_MARGIN),
)

#: Topics that a service consumes, each with a dead-letter topic beside it.
CONSUMED = (
    SAMPLING_EVENTS,
    LAB_RESULTS,
    ALERT_COMMANDS,
    SAMPLES,
    DEADLINES,
    VERDICTS,
    DELTAS,
    RATES,
    FINDINGS,
    ALERT_EVENTS,
    NOTIFICATIONS,
    DELIVERIES,
    HOTSPOT_CASES,
)
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
    DEADLINES,
    VERDICTS,
    DELTAS,
    RATES,
    FINDINGS,
    ALERT_EVENTS,
    NOTIFICATIONS,
    DELIVERIES,
    HOTSPOT_MODELS,
    HOTSPOT_CASES,
    *DEAD_LETTERS,
)
BY_NAME = {topic.name: topic for topic in TOPICS}
