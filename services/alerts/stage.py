"""The alerts stage: verdicts, deadlines, findings and commands in; alerts, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from schemas.alerts import ALERT_COMMAND
from schemas.structs import struct_of
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, DEADLINES, FINDINGS, VERDICTS
from schemas.verdicts import Verdict
from services.alerts import findings, overdue, store
from services.alerts.act_by import ActBy
from services.alerts.domain import owner_of
from services.alerts.escalation import Policy, load_policy
from services.alerts.fold import AlertsFold, deadline_name, finding_name
from services.alerts.store import AlertsState
from services.alerts.values import DeadlineFacts, Finding
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.messages import Writer
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record, Replay

SERVICE = "alerts"
#: Enough of a verdict to see whether it concerns an alert, which few do.
VerdictHead = struct_of(Verdict, only=("sample_id", "revision", "outcome"))


def _homes(keys: Sequence[bytes]) -> list[int]:
    """An alert's id says which partition owns it; what is no alert's id is answered where it lies."""
    owners = [owner_of(key.decode(errors="replace")) for key in keys]
    return [owner if owner is not None and owner < PARTITIONS else -1 for owner in owners]


class AlertsStage:
    """Raises, moves, closes and cancels alerts, takes inspectors' commands, and does what time alone does to alerts."""

    name = store.STAGE
    topics = (VERDICTS.name, DEADLINES.name, FINDINGS.name, ALERT_COMMANDS.name)
    replay = Replay.ARRIVAL
    pause_seconds = 0.0

    def __init__(self, policy: Policy | None = None, act_by: ActBy | None = None) -> None:
        self._policy = policy or load_policy()
        self._act_by = act_by or ActBy(self._policy)
        self._intake = Intake(ALERT_COMMANDS, SERVICE, Reading(ALERT_COMMAND, homes=_homes))
        self._alerts = Writer(ALERT_EVENTS, SERVICE)
        self._inner = {
            VERDICTS.name: InnerTopic(VERDICTS, VerdictHead, SERVICE),
            DEADLINES.name: InnerTopic(DEADLINES, DeadlineFacts, SERVICE),
            FINDINGS.name: InnerTopic(FINDINGS, Finding, SERVICE),
        }

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads what services say, or commands from outside."""
        return self._inner.get(records[0].topic, self._intake).decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> AlertsState:
        """The alerts that the inputs are about."""
        events = [item.event for item in inputs if isinstance(item, Taken)]
        samples = [event.sample_id for event in events if isinstance(event, VerdictHead)]
        deadlines = [event for event in events if isinstance(event, DeadlineFacts)]
        found = [event for event in events if isinstance(event, Finding)]
        subjects = [deadline_name(event.deadline_id) for event in deadlines]
        subjects += [finding_name(event.rule, event.subject) for event in found]
        alert_ids = [event.alert_id for event in events if hasattr(event, "alert_id")]
        # of the present epoch, which need not be the latest
        alert_ids += [overdue.identity_of(event, partition) for event in deadlines]
        alert_ids += [findings.identity_of(event, partition) for event in found]
        return await store.load(redis, partition, samples, subjects, alert_ids)

    def fold(self, state: AlertsState, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Moves the alerts that the inputs are about."""
        fold = self._folding(state, partition, version)
        topic = inputs[0].record.topic if inputs else ""
        takes = {VERDICTS.name: fold.judge, DEADLINES.name: fold.watch, FINDINGS.name: fold.find}
        if topic in takes:
            self._inner[topic].fold(fold.changes, inputs, takes[topic])
        else:
            fold_intake(self._intake, fold.changes, inputs, fold.command)
        return fold.finish()

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> AlertsState:
        """The alerts whose timers are due."""
        return await store.load(redis, partition, (), (), members)

    def fold_due(self, state: AlertsState, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """Moves the alerts that nobody answered in time."""
        fold = self._folding(state, partition, version)
        fold.fire(members, now)
        return fold.finish()

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""

    def _folding(self, state: AlertsState, partition: int, version: int) -> AlertsFold:
        return AlertsFold(state, partition, version, self._policy, self._act_by, self._alerts)
