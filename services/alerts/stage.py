"""The alerts stage: verdicts and commands in; alerts, receipts and dead letters out."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from schemas.alerts import ALERT_COMMAND, AlertEvent
from schemas.structs import struct_of
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, VERDICTS
from schemas.verdicts import Verdict
from services.alerts import domain, store
from services.alerts.store import AlertsState, Seen
from services.runtime.answers import Answer, duplicate, rejected
from services.runtime.calendar import moment_of
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Intake, Reading, Taken, fold_intake
from services.runtime.marks import mark_of
from services.runtime.messages import Writer
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record

SERVICE = "alerts"
#: Enough of a verdict to see whether it concerns an alert, which few do.
VerdictHead = struct_of(Verdict, only=("sample_id", "revision", "outcome"))


def _homes(keys: Sequence[bytes]) -> list[int]:
    """An alert's id says which partition owns it; what is no alert's id is answered where it lies."""
    owners = [domain.owner_of(key.decode(errors="replace")) for key in keys]
    return [owner if owner is not None and owner < PARTITIONS else -1 for owner in owners]


class AlertsStage:
    """Raises and cancels the alerts of failed samples, and takes inspectors' commands."""

    name = store.STAGE
    topics = (VERDICTS.name, ALERT_COMMANDS.name)
    ordered = True
    pause_seconds = 0.0

    def __init__(self) -> None:
        self._intake = Intake(ALERT_COMMANDS, SERVICE, Reading(ALERT_COMMAND, homes=_homes))
        self._alerts = Writer(ALERT_EVENTS, SERVICE)
        self._verdicts = InnerTopic(VERDICTS, VerdictHead, SERVICE)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads verdicts, or commands from outside."""
        reader = self._intake if records[0].topic == ALERT_COMMANDS.name else self._verdicts
        return reader.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> AlertsState:
        """The alerts that the inputs are about."""
        events = [item.event for item in inputs if isinstance(item, Taken)]
        samples = (event.sample_id for event in events if isinstance(event, VerdictHead))
        alert_ids = [event.alert_id for event in events if not isinstance(event, VerdictHead)]
        return await store.load(redis, partition, samples, alert_ids)

    def fold(self, state: AlertsState, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """Moves the alerts that the inputs are about."""
        seen, alerts, marks = dict(state.seen), dict(state.alerts), dict(state.marks)
        changes = Changes()

        def keep(alert: AlertEvent) -> None:
            alerts[alert.alert_id] = alert
            changes.put[store.alerts_key(partition)][alert.alert_id] = store.pack_alert(alert)
            moved_at = alert.changed_at.isoformat()
            changes.messages.append(self._alerts.message(partition, alert.alert_id, alert, alert.event_id, moved_at))

        def judge(item: Taken) -> None:
            head = item.event
            known = seen.get(head.sample_id, Seen(0, {}))
            if head.revision <= known.revision:
                return
            ids = dict(known.alerts)
            if head.outcome == "fail" or ids:
                verdict = Verdict.model_validate_json(item.record.value or b"")
                held = {name: alerts[identity] for name, identity in ids.items()}
                for alert in domain.judge(held, verdict, partition, moment_of(item.record.timestamp)):
                    ids[alert.item_class] = alert.alert_id
                    keep(alert)
            seen[head.sample_id] = Seen(head.revision, ids)
            changes.put[store.seen_key(partition)][head.sample_id] = store.pack_seen(seen[head.sample_id])

        def command(item: Taken) -> Answer:
            identity = item.event.alert_id
            alert = alerts.get(identity)
            if alert is None:
                return rejected("alert_id", "there is no such alert")
            mark = mark_of(item.source, item.event_id)
            taken = marks.get(identity, b"")
            if mark in {taken[place : place + 8] for place in range(0, len(taken), 8)}:
                return duplicate("event_id", "this command was taken before")
            moved, answer = domain.command(alert, item.event)
            if moved is not alert:
                marks[identity] = taken + mark
                changes.put[store.marks_key(partition)][identity] = marks[identity]
                keep(moved)
            return answer

        if inputs and inputs[0].record.topic == ALERT_COMMANDS.name:
            fold_intake(self._intake, changes, inputs, command)
        else:
            self._verdicts.fold(changes, inputs, judge)
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""
