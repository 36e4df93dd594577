"""People are told: real services, a real HTTP receiver and a real SMTP server, with kills, a wipe and failures."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.embedded.process import is_alive
from schemas.topics import DELIVERIES, TOPICS
from tests.chaos.runs import wipe
from tests.events import FAILED_ITEM, PASSED_ITEM, amended, binary, order, result, sample_taken
from tests.receivers import Hook, Mailbox, hook, mailbox
from tests.system import System, unique

SECRET = "s3cret-token-4711"
ROUTES = """
operations: operations
route:
  receiver: operations
  group_by: [kind]
  group_wait: 0s
  group_interval: 0s
  repeat_interval: 0s
  routes: [{match: {kind: failed_sample}, receiver: duty}]
delivery: {timeout: 5s, dead_after_failures: 3, dead_after: 1h}
"""
RECEIVERS = """
receivers:
  duty:
    channels:
      hook: json://duty:${HOOK_SECRET}@127.0.0.1:%(hook)d/duty
      mail: mailto://127.0.0.1:%(mail)d?from=samplewatch@example.org&to=duty@example.org
    language: both
  robot:
    channels:
      hook: json://127.0.0.1:%(hook)d/robot
  operations:
    channels:
      hook: json://127.0.0.1:%(operations)d/operations
    language: en
"""


@dataclass
class World:
    """A system, and what it tells people through."""

    system: System
    folder: Path
    hook: Hook
    mail: Mailbox
    operations: Hook
    source: str

    def fail_samples(self, *names: str) -> None:
        """One failed sample each, in this order, and one message each."""
        for name in names:
            self.produce(name)
            self.system.wait_idle()

    def produce(self, name: str) -> None:
        """One failed sample."""
        self.system.produce(
            [binary(sample_taken(name), self.source), binary(result(name, "lab", FAILED_ITEM), self.source)]
        )

    def alert_of(self, name: str) -> dict[str, object]:
        """The alert of a sample."""
        [alert] = self.system.alerts(sample_id=name)
        return alert

    def told(self, name: str) -> list[str]:
        """The messages of the hook that name the sample, as their bodies."""
        return [request.body["message"] for request in self.hook.taken if name in request.body["message"]]

    def fault(self, stage: str, *lines: str) -> None:
        """Makes the next processes of the alerts service kill themselves there."""
        faults = self.folder / "faults"
        (faults / stage).write_text("".join(f"{line}\n" for line in lines))

    def all_recorded(self) -> bool:
        """Whether the notification log has every message that the hook has taken."""
        log = self.system.messages(DELIVERIES.name)
        return set(self.hook.ids) <= {one["delivery_id"] for one in log if one["outcome"] == "delivered"}

    def faults_left(self) -> bool:
        """Whether a fault has not struck yet."""
        return any(file.stat().st_size for file in (self.folder / "faults").iterdir())

    def kill(self) -> None:
        """kill -9 of the alerts service."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the alerts service, and waits until the supervisor knows it."""
        pid = self.system.services["alerts"].pid
        assert pid is not None
        os.kill(pid, how)
        self.system.eventually(lambda: not is_alive(pid), "the process is gone")
        self.system.eventually(lambda: self.system.services["alerts"].exit is not None, "its end is noticed")


def named(names: Sequence[str], text: str) -> list[str]:
    """Those of the names that a text has in it."""
    return [name for name in names if name in text]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        duty, mail, operations = (
            stack.enter_context(hook()),
            stack.enter_context(mailbox()),
            stack.enter_context(hook()),
        )
        (tmp_path / "faults").mkdir()
        (tmp_path / "routes.yaml").write_text(ROUTES)
        ports = {"hook": duty.port, "mail": mail.port, "operations": operations.port}
        (tmp_path / "receivers.yaml").write_text(RECEIVERS % ports)
        env = {
            "SAMPLEWATCH_ROUTES": str(tmp_path / "routes.yaml"),
            "SAMPLEWATCH_FAULT": str(tmp_path / "faults"),
            "SAMPLEWATCH_LOG_LEVEL": "DEBUG",
            # what was killed is waited for as long as a session, so let that be short
            "SAMPLEWATCH_SESSION_SECONDS": "3",
            "HOOK_SECRET": SECRET,
        }
        system = System(tmp_path, env)
        stack.callback(system.end)
        system.up()
        # before it has said so, `up` takes a service that is killed for one that does not get ready
        system.eventually(lambda: "ready; Ctrl-C" in (tmp_path / "up.log").read_text(), "`up` is content")
        yield World(system, tmp_path, duty, mail, operations, unique("/lims"))


def test_everybody_is_told_once_and_nothing_secret_is_written_down(world: World) -> None:
    system = world.system
    name = unique()
    world.produce(name)
    system.eventually(lambda: world.told(name) and world.mail.mails, "duty is told")
    [text] = world.told(name)
    assert "不合格" in text
    assert "failed" in text
    for part in ("大米", name, "0.31", "0.2", "621002", "lab", "预警编号"):
        assert part in text
    [mail] = world.mail.mails
    assert mail.message_id.endswith("@samplewatch>")
    system.eventually(lambda: world.alert_of(name)["state"] == "notified", "the alert is notified")

    # an overturned verdict: those who were told are told
    first = result(name, "lab", FAILED_ITEM)
    system.produce([binary(amended(first, PASSED_ITEM), world.source)])
    system.eventually(lambda: any("撤销" in text for text in world.told(name)), "the end is told")
    system.eventually(lambda: len(world.mail.mails) == 2, "by mail too")

    # the same events again change nothing
    system.produce([binary(first, world.source, event_id="again")])
    system.wait_idle()
    time.sleep(2)
    assert len(world.told(name)) == 2
    assert len(set(world.hook.ids)) == len(world.hook.ids) == 2

    # broken routes: the old ones stay, and it is said so
    routes = world.folder / "routes.yaml"
    routes.write_text("route: {receiver: nobody}")
    page = system.eventually(
        lambda: not (found := system.get("alerts", "/routes"))["current"] and found, "the broken file is noticed"
    )
    assert page["problems"][0]["field"] == "route.receiver"
    assert "samplewatch_routes_current 0.0" in system.get("alerts", "/metrics")
    other = unique()
    world.produce(other)
    system.eventually(lambda: world.told(other), "the old routes are in force")
    routes.write_text(ROUTES.replace("receiver: duty", "receiver: operations"))
    system.eventually(lambda: system.get("alerts", "/routes")["current"], "the new file is read")
    third = unique()
    world.produce(third)
    system.eventually(
        lambda: any(third in request.body["message"] for request in world.operations.taken), "the new routes lead"
    )
    assert not world.told(third)

    for log in (system.dir / "logs").glob("*.log"):
        assert SECRET not in log.read_text("utf-8", "replace"), log
    for topic in TOPICS:
        for record in system.records(topic.name):
            assert SECRET.encode() not in (record.value or b"") + repr(record.headers).encode(), topic.name
    assert SECRET not in json.dumps(page)


def test_a_receiver_that_fails_hangs_and_is_late_gets_everything_once_in_order(world: World) -> None:
    system = world.system
    names, log = [unique() for _ in range(7)], system.dir / "logs" / "alerts.log"
    world.hook.mode = "fail"
    world.mail.refuse = True
    world.fail_samples(*names[:2])
    system.eventually(lambda: len(world.hook.requests) >= 3, "it is tried again")
    # where the mail was reported first, the hook is with the group's interval of 30 s
    system.eventually(
        lambda: any("duty/hook" in request.body["message"] for request in world.operations.taken), "it is reported"
    )
    failing = system.get("alerts", "/routes")["failing"]
    assert failing["duty/hook"]["failures"] >= 3
    world.fail_samples(names[2])
    world.hook.mode = "down"
    world.fail_samples(names[3])
    world.kill()
    system.up()
    world.hook.mode = "hang"
    world.fail_samples(names[4], names[5])
    system.eventually(lambda: "ReadTimeout" in log.read_text("utf-8", "replace"), "it hangs")
    world.hook.mode, world.hook.delay = "late", 0.7
    world.mail.refuse = False
    world.fail_samples(names[6])
    system.eventually(lambda: all(world.told(name) for name in names), "everything has come")
    system.eventually(lambda: sum(len(named(names, mail.text)) for mail in world.mail.mails) == 7, "by mail too")
    time.sleep(2)
    # alerts that came within a second may share a message
    assert [name for request in world.hook.taken for name in named(names, request.body["message"])] == names
    assert [name for mail in world.mail.mails for name in named(names, mail.text)] == names
    # stopped while a message is on its way, it is not sent again
    last = unique()
    world.hook.delay = 1.5
    world.produce(last)
    system.eventually(lambda: world.told(last), "it is on its way")
    system.down()
    system.up()
    system.wait_idle()
    time.sleep(3)
    assert len(world.told(last)) == 1
    system.eventually(
        lambda: any("again" in request.body["message"] for request in world.operations.taken), "recovery is told"
    )


def test_killed_at_every_step_it_tells_once_and_after_a_wipe_nothing_again(world: World) -> None:
    system = world.system
    names: list[str] = []
    # one destination is told, and nothing else is under way when the process dies
    robot = "routes: [{match: {kind: failed_sample}, receiver: robot, group_wait: 0s}]"
    routes = ROUTES.replace("group_wait: 0s", "group_wait: 1h", 1).replace(
        "routes: [{match: {kind: failed_sample}, receiver: duty}]", robot
    )
    (world.folder / "routes.yaml").write_text(routes)
    # between the send and its record, what was sent is sent once more, under the same id
    steps = ["dispatch before-apply", "dispatch after-apply", "deliver after-apply", "deliver mid-publish"]
    steps += ["sender claimed", "sender recorded", "deliver after-publish", "sender sent"]
    for step in steps:
        stage, _, where = step.partition(" ")
        system.eventually(world.all_recorded, "what was told is recorded")
        world.fault(stage, f"{where}:1")
        world.end()
        system.cli("up", check=False)  # the step may be reached while it starts
        names.append(unique())
        world.produce(names[-1])
        system.eventually(lambda: not world.faults_left(), f"{step} is reached")
        system.eventually(lambda: system.services["alerts"].exit is not None, "its end is noticed")
        system.up()
        system.eventually(lambda: world.told(names[-1]), f"it is told after {step}")
    system.wait_idle()
    time.sleep(3)
    counts = Counter(world.hook.ids)
    twice = [identity for identity, count in counts.items() if count > 1]
    assert len(counts) == len(names)
    assert all(len(world.told(name)) == 1 for name in names[:-1])
    assert len(world.told(names[-1])) <= 2
    assert [counts[identity] for identity in twice] in ([], [2])
    told = len(world.hook.taken)

    wipe(system)
    system.wait_idle()
    time.sleep(5)
    assert len(world.hook.taken) == told
    # and what comes now is told, also to those who were told before the wipe
    alert = world.alert_of(names[0])
    system.produce([binary(order("Close", str(alert["alert_id"]), reason="settled"), world.source)])
    system.eventually(lambda: any("已办结" in text for text in world.told(names[0])), "the end is told")
    outcomes = Counter(message["outcome"] for message in system.messages(DELIVERIES.name))
    assert set(outcomes) == {"delivered"}
