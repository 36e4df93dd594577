"""Faults that happen for real, each seen by its alert in a real Prometheus, and gone once its runbook was followed.

The rules are the deployed ones with their times a sixtieth as long: a minute is a second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from redis import Redis

from deploy.embedded.ports import Ports
from deploy.embedded.state import read_state
from schemas.topics import LAB_RESULTS
from tests.chaos.runs import second
from tests.prometheus import RULES, Prometheus, prometheus, why_not
from tests.system import COMMAND, WAIT_S, Raw, System
from tests.watched import LABORATORY, Watched, watched

OTHERS = "another-lab"
_SCALE = 1 / 60
#: Records a second that come in while nothing is applied.
_INPUT = 400


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not run for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Story:
    """A watched system under the eyes of a Prometheus."""

    def __init__(self, world: Watched, server: Prometheus) -> None:
        self.world, self.server = world, server
        self.seen: set[str] = set()
        self.began = time.monotonic()

    @property
    def system(self) -> System:
        return self.world.system

    def sees(self, *alerts: str) -> None:
        """Waits until they fire, together."""
        wanted = {f"Samplewatch{alert}" for alert in alerts}
        self.waits(lambda: wanted <= self.server.firing(), f"{alerts} fire")
        self.seen |= wanted

    def saw(self, *alerts: str, since: float) -> None:
        """Waits until each has fired at some time since then."""
        wanted = {f"Samplewatch{alert}" for alert in alerts}
        self.waits(lambda: wanted <= self.server.fired(time.monotonic() - since), f"{alerts} have fired")
        self.seen |= wanted

    def sees_the_end_of(self, *alerts: str) -> None:
        """Waits until none of them fires."""
        gone = {f"Samplewatch{alert}" for alert in alerts}
        self.waits(lambda: not gone & self.server.firing(), f"{alerts} end")

    def waits(self, look: Callable[[], bool], what: str) -> None:
        """Looks until it is so, and says how long that took."""
        began = time.monotonic()
        self.server.eventually(look, what)
        print(f"{began - self.began:5.1f} s: {what} after {time.monotonic() - began:.1f} s")

    def pid(self, backend: str) -> int:
        state = read_state(self.system.dir)
        assert state is not None
        return int(state[f"{backend}_pid"])


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_each_fault_is_seen_by_its_alert(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    days = {today + timedelta(days=ahead): "working" for ahead in range(3)}
    (tmp_path / "days.yaml").write_text(yaml.safe_dump({"days": days}))
    env = {"SAMPLEWATCH_STALL_SECONDS": "0", "SAMPLEWATCH_WORKING_DAYS": str(tmp_path / "days.yaml")}
    with watched(tmp_path, env) as world:
        targets = {name: info.http.removeprefix("http://") for name, info in world.system.services.items()}
        port = Ports(tmp_path).get("prometheus")
        with prometheus(tmp_path / "prometheus", targets, port, _SCALE) as server:
            story = Story(world, server)
            server.eventually(lambda: len(server.query("up == 1")) == len(targets), "all are scraped")
            world.work()
            silent_since = time.monotonic()
            redis_forgets_and_fills_up(story)
            slow_since = time.monotonic()
            messages_do_not_arrive(story)
            nothing_is_applied_and_then_not_published(story)
            one_of_two_processes_is_killed(story, tmp_path)
            story.saw("VerdictBudgetBurns", "UrgentBudgetBurns", since=slow_since)  # they take longer than the rest
            a_laboratory_is_silent(story, silent_since)
            a_service_is_not_discovered(story)
            redis_is_wiped(story)
            routes_are_broken(story)
            a_source_sends_garbage(story)
            story.waits(lambda: nothing_fires(story), "nothing fires any more")
    rules = yaml.safe_load((RULES / "alerting_rules.yaml").read_text())
    assert story.seen == {rule["alert"] for group in rules["groups"] for rule in group["rules"]}


def redis_forgets_and_fills_up(story: Story) -> None:
    with Redis.from_url(story.system.redis) as redis:
        used = redis.info("memory")["used_memory"]
        redis.config_set("appendonly", "no")
        redis.config_set("maxmemory", round(used / 0.9))
        story.sees("RedisWithoutAppendOnlyFile", "RedisNearItsMemory")
        redis.config_set("maxmemory", 0)
        redis.config_set("appendonly", "yes")
    story.sees_the_end_of("RedisWithoutAppendOnlyFile", "RedisNearItsMemory")


def messages_do_not_arrive(story: Story) -> None:
    world, began = story.world, time.monotonic()
    world.hook.mode = "fail"
    [name] = world.fail(lab_id=OTHERS)
    story.sees("DeliveryFailing")
    world.hook.mode = "ok"
    story.system.eventually(lambda: any(name in one.body["message"] for one in world.hook.taken), "what waited is told")
    story.saw("UrgentAlertsSlow", since=began)
    story.sees_the_end_of("DeliveryFailing")


def nothing_is_applied_and_then_not_published(story: Story) -> None:
    """Redis stops and input goes on; then Kafka stops and Redis goes on with what was fetched."""
    began = time.monotonic()
    with contextlib.ExitStack() as until_mended:
        with stopped(story.pid("redis")):
            wanted, deadline = {"SamplewatchConsumerStalled", "SamplewatchLagGrowing"}, time.monotonic() + WAIT_S
            while not wanted <= story.server.firing():
                assert time.monotonic() < deadline, story.server.alerts()
                story.world.passes(_INPUT // 2, OTHERS)
                time.sleep(1)
            story.seen |= wanted
            until_mended.enter_context(stopped(story.pid("kafka")))
        story.sees("OutboxStuck")
    story.saw("VerdictsSlow", since=began)
    story.system.wait_idle()
    story.sees_the_end_of("ConsumerStalled", "LagGrowing", "OutboxStuck")


def one_of_two_processes_is_killed(story: Story, folder: Path) -> None:
    """Until its session ends nobody has its partitions, though the other one answers and is ready."""
    service = story.system.services["hotspots"]
    assert service.pid is not None and service.http is not None
    address = service.http.removeprefix("http://")
    port = Ports(folder).get("second-alerts.hotspots")
    with second(story.system, "alerts.hotspots", folder):
        story.server.discovers("hotspots", address, f"127.0.0.1:{port}")
        owned = "min(samplewatch_assigned_partitions{job='hotspots'}) > 0 and count(up{job='hotspots'} == 1) == 2"
        story.server.eventually(lambda: story.server.query(owned), "both have partitions")
        killed = time.monotonic()
        os.kill(service.pid, signal.SIGKILL)
        story.sees("ServiceDown")
        story.saw("PartitionsUnowned", since=killed)
        story.system.eventually(lambda: story.system.services["hotspots"].exit is not None, "its end is noticed")
        story.system.up()
    story.server.discovers("hotspots", address)
    story.sees_the_end_of("ServiceDown", "PartitionsUnowned")


def a_service_is_not_discovered(story: Story) -> None:
    story.server.discovers("hotspots")
    story.sees("ServiceMissing")
    story.server.discovers("hotspots", story.system.services["hotspots"].http.removeprefix("http://"))
    story.sees_the_end_of("ServiceMissing")


def routes_are_broken(story: Story) -> None:
    file = Path(story.system.env["SAMPLEWATCH_ROUTES"])
    good = file.read_text()
    file.write_text(good.replace("receiver: duty", "receiver: nobody"))
    story.sees("RoutesBroken")
    argv = [str(COMMAND), "alerts", "routes", "check", str(file)]
    done = subprocess.run(argv, env=story.system.env, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode != 0 and "nobody" in done.stdout + done.stderr
    file.write_text(good)
    story.sees_the_end_of("RoutesBroken")


def redis_is_wiped(story: Story) -> None:
    wiped = time.monotonic()
    with Redis.from_url(story.system.redis) as redis:
        redis.flushall()
    story.saw("RedisWentBack", since=wiped)
    story.system.eventually(
        lambda: all(one["value"][1] == "1" for one in story.server.query("samplewatch_ready")), "all are rebuilt"
    )


def a_laboratory_is_silent(story: Story, since: float) -> None:
    story.sees("LaboratorySilent")
    assert time.monotonic() - since > 30
    [silent] = [one for one in story.server.alerts() if one["labels"]["alertname"] == "SamplewatchLaboratorySilent"]
    assert silent["labels"]["lab_id"] == LABORATORY
    story.world.passes()
    story.sees_the_end_of("LaboratorySilent")


def a_source_sends_garbage(story: Story) -> None:
    system = story.system
    header = [("ce_source", b"/broken-lims"), ("ce_type", b"ResultReported"), ("ce_id", b"x")]
    began, garbage = time.monotonic(), Raw(LAB_RESULTS.name, b"k", b"{", header, partition=3)
    # too few for the limit, which may stop all the others before the first of them is a dead letter
    system.produce([garbage] * 500)
    story.saw("DeadLetterSurge", since=began)
    system.produce([garbage] * 5_000)
    story.sees("PartitionPaused")
    system.down()
    system.env["SAMPLEWATCH_DLQ_RATIO"] = system.env["SAMPLEWATCH_DLQ_RUN"] = "0"
    system.up()
    system.wait_idle()


def nothing_fires(story: Story) -> bool:
    """Whether it is so while the laboratory goes on reporting."""
    story.world.passes()
    return not story.server.firing()
