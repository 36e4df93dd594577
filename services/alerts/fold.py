"""What a batch does to the alerts of a partition: every step that an alert takes is kept, published and remembered."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.alerts import AlertEvent, Redact
from schemas.cloudevents import Headers
from services.alerts import findings, overdue, store
from services.alerts.act_by import ActBy
from services.alerts.escalation import Policy
from services.alerts.failed_samples import judge
from services.alerts.life import OVER, advance, command, next_due, redacted
from services.alerts.store import AlertsState, Followed, Seen
from services.alerts.values import decode_verdict, milliseconds_of
from services.runtime import metrics
from services.runtime.answers import ACCEPTED, Answer, duplicate, rejected
from services.runtime.intake import Taken
from services.runtime.marks import mark_of
from services.runtime.messages import Writer
from services.runtime.stage import Changes
from services.runtime.tracing import trace_of, traced

#: A timer fires this much after the moment it is about, so that what arrived before that moment has been taken by then.
GRACE = 2_000


class AlertsFold:
    """The alerts that a batch is about, as they stand after each of its inputs, and the changes that follow."""

    def __init__(
        self, state: AlertsState, partition: int, version: int, policy: Policy, act_by: ActBy, writer: Writer
    ) -> None:
        self.changes = Changes()
        self._seen, self._seen_before = dict(state.seen), state.seen
        self._followed = dict(state.followed)
        self._alerts, self._before = dict(state.alerts), state.alerts
        self._marks, self._histories = dict(state.marks), dict(state.histories)
        self._partition, self._version = partition, version
        self._policy, self._act_by, self._writer = policy, act_by, writer
        self._messages: dict[str, bytes] = {}
        #: The trace context of what is being taken.
        self._trace: Headers = ()

    def judge(self, item: Taken) -> None:
        """Takes a verdict, of which the head has been read."""
        head, now = item.event, item.record.timestamp
        known = self._seen.get(head.sample_id, Seen(0, {}))
        if head.revision <= known.revision:
            return
        ids = dict(known.alerts)
        if head.outcome == "fail" or ids:
            self._trace = trace_of(item.record)
            verdict = decode_verdict(item.record.value or b"")
            held = {name: self._at(identity, now) for name, identity in ids.items()}
            for alert in judge(held, verdict, self._partition, now, self._policy, self._act_by):
                ids[alert.item_class or ""] = alert.alert_id
                self._keep(alert)
        # of samples that pass too: a rebuild of lab_results may publish a failure that amendments had overtaken before
        self._seen[head.sample_id] = Seen(head.revision, ids)

    def watch(self, item: Taken) -> None:
        """Takes what became of a deadline."""
        event, now, self._trace = item.event, item.record.timestamp, trace_of(item.record)
        name = deadline_name(event.deadline_id)
        known = self._followed.get(name, Followed(0, None))
        if event.revision > known.revision:
            held = self._concerned(known, overdue.identity_of(event, self._partition), now)
            moved = overdue.watch(held, event, self._partition, now, self._policy)
            self._follow(name, event.revision, known, moved)

    def find(self, item: Taken) -> None:
        """Takes what a detector found."""
        finding, now, self._trace = item.event, item.record.timestamp, trace_of(item.record)
        name = finding_name(finding.rule, finding.subject)
        known = self._followed.get(name, Followed(0, None))
        if finding.revision > known.revision:
            held = self._concerned(known, findings.identity_of(finding, self._partition), now)
            moved = findings.find(held, finding, self._partition, now, self._policy)
            self._follow(name, finding.revision, known, moved)

    def command(self, item: Taken) -> Answer:
        """Takes an inspector's command."""
        identity, now, self._trace = item.event.alert_id, item.record.timestamp, trace_of(item.record)
        if identity not in self._alerts:
            return rejected("alert_id", "there is no such alert")
        mark = mark_of(item.source, item.event_id)
        taken = self._marks.get(identity, b"")
        if mark in {taken[place : place + 8] for place in range(0, len(taken), 8)}:
            return duplicate("event_id", "this command was taken before")
        alert = self._at(identity, now)
        if isinstance(item.event, Redact):
            self._histories[identity] = store.without_people(self._histories.get(identity, ()))
            moved, answer = redacted(alert, now), ACCEPTED
        else:
            moved, answer = command(alert, item.event, now, self._policy)
        if answer.outcome == "accepted":
            self._marks[identity] = taken + mark
            self.changes.put[store.marks_key(self._partition)][identity] = self._marks[identity]
        if moved is not alert:
            self._keep(moved)
            if moved.transition == "acknowledged" and alert.state != "acknowledged":
                seconds = (now - milliseconds_of(alert.raised_at)) / 1000
                self.changes.observed.append((metrics.ACKNOWLEDGE_SECONDS, (alert.severity,), seconds))
        return answer

    def fire(self, alert_ids: Iterable[str], now: int) -> None:
        """Does what time alone does to alerts whose timers are due."""
        self._trace = ()
        for identity in alert_ids:
            self.changes.timers[identity] = None
            if identity in self._alerts:
                self._set_timer(self._at(identity, now - GRACE))

    def finish(self) -> Changes:
        """The changes, once every input has been taken."""
        store.SEEN.put(self.changes, store.seen_key(self._partition), self._seen_before, self._seen)
        if self._messages:
            kept = {identity: store.pack_alert(message) for identity, message in self._messages.items()}
            self.changes.put[store.alerts_key(self._partition)].update(kept)
            histories = self.changes.put[store.histories_key(self._partition)]
            for identity in self._messages:
                if identity in self._histories:
                    histories[identity] = store.pack_history(self._histories[identity])
                self._set_timer(self._alerts[identity])
            moved = store.pack_moved(self._version, [*self._messages])
            self.changes.put[store.moved_key(self._partition)][str(self._version % store.RING)] = moved
        return self.changes

    def _at(self, identity: str, now: int) -> AlertEvent:
        """The alert after what was due until then."""
        for alert in advance(self._alerts[identity], now, self._policy):
            self._keep(alert)
        return self._alerts[identity]

    def _concerned(self, known: Followed, identity: str, now: int) -> AlertEvent | None:
        """The subject's latest alert while that is open, whatever its epoch; then the one of the present epoch."""
        last = None if known.alert is None else self._at(known.alert, now)
        return last if last is not None and last.state not in OVER else self._alerts.get(identity)

    def _follow(self, name: str, revision: int, known: Followed, moved: AlertEvent | None) -> None:
        if moved is not None:
            self._keep(moved)
        self._followed[name] = Followed(revision, known.alert if moved is None else moved.alert_id)
        packed = store.pack_followed(self._followed[name])
        self.changes.put[store.followed_key(self._partition)][name] = packed

    def _keep(self, alert: AlertEvent) -> None:
        identity = alert.alert_id
        message = self._writer.message(self._partition, identity, alert, alert.event_id, alert.changed_at)
        self.changes.messages.append(traced(message, self._trace))
        self.changes.counted[metrics.ALERT_STEPS, (alert.kind, alert.transition)] += 1
        self._alerts[identity] = alert
        self._messages[identity] = message.value or b""
        if alert.sequence > 1:
            self._histories[identity] = [*self._histories.get(identity, ()), store.past_of(alert)]

    def _set_timer(self, alert: AlertEvent) -> None:
        due = next_due(alert, self._policy)
        before = self._before.get(alert.alert_id)
        if due is not None:
            self.changes.timers[alert.alert_id] = due + GRACE
        elif before is not None and next_due(before, self._policy) is not None:
            self.changes.timers[alert.alert_id] = None


def deadline_name(deadline_id: str) -> str:
    """What a deadline is followed under."""
    return f"deadline|{deadline_id}"


def finding_name(rule: str, subject: str) -> str:
    """What a detector's subject is followed under."""
    return f"finding|{rule}|{subject}"
