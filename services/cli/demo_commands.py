"""`samplewatch demo`: the whole way once, from an empty directory to rates and alerts, checked against the truth."""

from __future__ import annotations

import json
import os
import platform
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console

from deploy.embedded.jars import KAFKA_VERSION
from deploy.embedded.state import write_json
from services.cli.demo_checks import Check, checks
from services.cli.demo_input import LABORATORY_DATA, Input, laboratory_data, synthetic_year
from services.cli.demo_screen import Screen
from services.cli.demo_system import SUMMARY, DemoSystem, make_fresh, running
from services.cli.demo_watch import Stalled, Watch
from services.cli.http import ask
from services.cli.publishing import Publisher
from services.simulate.simulate import MOST_SAMPLES

_START = date(2025, 1, 1)
#: Alerts shown of each input, and which.
_NEWEST = 5
_RAISED = {"kind": "failed_sample", "state": "raised", "limit": _NEWEST}
#: Seconds without any answer before the demo gives up.
_TIMEOUT_S = 60.0
_LIBRARIES = ("samplewatch", "faust-streaming", "aiokafka", "kafka-python", "pydantic", "redis")


class _Interrupted(BaseException):
    """Ctrl-C, SIGTERM, or the terminal is gone."""


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), default="var/demo", show_default=True)
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
@click.option("--samples", type=click.IntRange(1, MOST_SAMPLES), default=5_000, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same year.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON; the rest goes to standard error.")
def demo(*, directory: Path, keep: bool, samples: int, seed: int, as_json: bool) -> None:
    """Show the whole way once: start everything, feed it, show what comes out, compare it, and stop everything.

    Fed are a synthetic year of a city with its ground truth, and real laboratory data where it lies beside the
    checkout (../shared/data). The directory is made anew each time; summary.json in it says what came out. The exit
    status is 0 only if every count is as the ground truth says. Always on the embedded runtime: of the SAMPLEWATCH_…
    variables only SAMPLEWATCH_LOG_LEVEL counts.

    \b
    samplewatch demo
    samplewatch demo --keep          and look around with the other commands
    """
    directory = directory.resolve()
    screen = Screen(_console(as_json))
    ok = False
    try:
        with _interruptible():
            make_fresh(directory)
            screen.say(f"starting Kafka, Redis and the services in {directory}")
            with running(directory, screen.say) as system:
                summary = _run(system, screen, samples, seed)
                ok = summary["ok"]
                write_json(directory / SUMMARY, summary)
                if as_json:
                    click.echo(json.dumps(summary, ensure_ascii=False))
                _conclude(screen, summary, directory, keep)
                if keep:
                    _stay(system, screen)
                screen.say("stopping")
    except _Interrupted:
        screen.say("stopped")
        raise SystemExit(0 if ok and keep else 130) from None
    except Stalled as error:
        raise click.ClickException(str(error)) from error
    screen.say(f"stopped; everything took {screen.seconds:.1f} s")
    if not ok:
        raise SystemExit(1)


def _console(as_json: bool) -> Console:
    console = Console(stderr=as_json)
    # where nobody knows the width, the tables get what they need
    return console if console.is_terminal else Console(stderr=as_json, width=120)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turns the signals that end the demo into an exception; while it stops what it started, they are ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise _Interrupted

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(system: DemoSystem, screen: Screen, samples: int, seed: int) -> dict[str, Any]:
    """Feeds everything, waits for what follows, and returns the summary."""
    ready = screen.seconds
    inputs = [synthetic_year(samples, seed, _START)]
    if LABORATORY_DATA.exists():
        inputs.append(laboratory_data(LABORATORY_DATA))
    else:
        screen.say(f"no laboratory data beside the checkout ({LABORATORY_DATA.name}); only the synthetic year is fed")
    total = sum(fed.truth.events for fed in inputs)
    began = screen.seconds
    with Watch(system.instance.bootstrap) as watch:
        with screen.live(watch, total):
            answered = _feed(system, screen, inputs)
            fed = screen.seconds
            screen.doing("waiting until everything has been taken in")
            watch.settle()
            settled = screen.seconds
            screen.doing("comparing with the ground truth")
            checked = [(each.truth.name, check) for each in inputs for check in checks(each.truth, watch, _ask(system))]
            screen.doing("done")
        look = _ask(system)
        return {
            "ok": all(check.ok for _, check in checked),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "samples": samples,
            "seed": seed,
            "inputs": {each.truth.name: each.truth.events for each in inputs},
            "events": total,
            "answers": dict(answered),
            "receipts": dict(watch.outcomes()),
            "verdicts": dict(watch.concluded()),
            "alerts": dict(watch.alert_states()),
            "rates": look("lab_results", "/rates", {"cut": "province"})["rates"],
            "newest_alerts": [
                alert for each in inputs for alert in look("alerts", "/alerts", {**_RAISED, "area": each.truth.city})
            ],
            "ground_truth": [{"input": name, **check.as_dict()} for name, check in checked],
            "seconds": {
                "start": round(ready, 2),
                "read": round(began - ready, 2),
                "feed": round(fed - began, 2),
                "settle": round(settled - fed, 2),
                "compare": round(screen.seconds - settled, 2),
                "total": round(screen.seconds, 2),
            },
            "services": {name: service.http for name, service in system.instance.services.items()},
            "versions": _versions(system),
        }


def _feed(system: DemoSystem, screen: Screen, inputs: Sequence[Input]) -> Counter[str]:
    """Publishes the inputs step by step; returns the answers by outcome."""

    def progress(published: int, _answered: int) -> None:
        screen.sent(published)
        if (broken := system.broken()) is not None:
            raise click.ClickException(broken)

    with Publisher(system.instance.bootstrap, _TIMEOUT_S, progress, keep=False) as publisher:
        for each in inputs:
            screen.doing(f"feeding {each.truth.name}")
            for step in each.steps:
                publisher.publish(step)
                answers = publisher.answers()
    return answers.counts


def _ask(system: DemoSystem) -> Any:
    return lambda service, path, parameters: ask(str(system.directory), service, path, parameters)


def _conclude(screen: Screen, summary: dict[str, Any], directory: Path, running: bool) -> None:
    screen.rates(summary["rates"])
    screen.alerts(summary["newest_alerts"])
    screen.comparison([(each["input"], _check(each)) for each in summary["ground_truth"]])
    verdict = "every count is as the ground truth says" if summary["ok"] else "NOT every count is as it must be"
    screen.say(f"{verdict}; {summary['events']:,} events in {summary['seconds']['total']:.1f} s")
    shown = directory.relative_to(Path.cwd()) if directory.is_relative_to(Path.cwd()) else directory
    screen.say(f"wrote {shown / SUMMARY}")
    sample_id = summary["newest_alerts"][0]["sample_id"] if summary["newest_alerts"] else "SAMPLE_ID"
    screen.further(shown, sample_id, running)


def _check(each: dict[str, Any]) -> Check:
    return Check(each["what"], each["expected"], each["found"], tuple(each.get("differences", ())))


def _stay(system: DemoSystem, screen: Screen) -> None:
    """Waits for a signal; raises click.ClickException where something ends by itself."""
    instance = system.instance
    screen.say(f"kafka        {instance.bootstrap}\nredis        {instance.redis}")
    for name, service in instance.services.items():
        screen.say(f"{name:<12} {service.http}")
    screen.say("everything runs; Ctrl-C stops it")
    while (broken := system.broken()) is None:
        time.sleep(0.5)
    if system.supervisor.poll() != 0:  # 0: `samplewatch down`
        raise click.ClickException(broken)


def _versions(system: DemoSystem) -> dict[str, str]:
    from redis import Redis

    with Redis.from_url(system.instance.redis) as redis:
        server: dict[str, Any] = redis.info("server")  # type: ignore[assignment,unused-ignore]
    name = "valkey" if "valkey_version" in server else "redis"
    return {
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        name: str(server[f"{name}_version"]),
        **{library: version(library) for library in _LIBRARIES},
        "cores": str(os.cpu_count()),
    }
