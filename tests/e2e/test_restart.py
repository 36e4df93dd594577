"""Services that are killed at any moment come back with `up`, and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.embedded.process import is_alive
from schemas.topics import RECEIPTS, VERDICTS
from tests.events import FAILED_ITEM, binary, result, sample_taken
from tests.system import SERVICES, WAIT_S, Raw, System, embedded, unique

SAMPLES = 4_000
#: Every tenth fails.
FAILED = SAMPLES // 10


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """What is killed is waited for as long as a session, so let that be short."""
    with embedded(tmp_path_factory.mktemp("restart"), {"SAMPLEWATCH_SESSION_SECONDS": "3"}) as found:
        yield found


def kill(system: System, *services: str) -> None:
    """kill -9, and waits until the status says so."""
    pids = [system.services[service].pid for service in services]
    for pid in pids:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    system.eventually(lambda: not any(is_alive(pid) for pid in pids if pid), "the killed services are gone")
    system.eventually(
        lambda: all(system.services[service].exit == -signal.SIGKILL for service in services), "the end is noticed"
    )


def unready(system: System) -> set[str]:
    """The services that `status` does not call ready."""
    return {name for name, service in system.status()["services"].items() if not service["ready"]}


def batch(source: str, lab: str) -> tuple[list[Raw], list[Raw], list[str]]:
    """Samples, their results, and their ids."""
    ids = [unique() for _ in range(SAMPLES)]
    failed = set(ids[::10])
    samples = [binary(sample_taken(sample_id), source) for sample_id in ids]
    results = [
        binary(result(sample_id, lab, *([FAILED_ITEM] if sample_id in failed else [])), source) for sample_id in ids
    ]
    return samples, results, ids


@pytest.mark.parametrize("services", [(service,) for service in SERVICES] + [SERVICES], ids="-".join)
def test_a_killed_service_comes_back_and_nothing_is_lost_or_doubled(system: System, services: tuple[str, ...]) -> None:
    source, lab = unique("/lims"), unique("lab")
    samples, results, ids = batch(source, lab)
    before = {name: service.pid for name, service in system.services.items()}
    # the kill comes when the first receipts of the first half are out; the second half is sent while they are away
    answered = sum(system.ends(RECEIPTS.name).values())
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(system.produce, samples[: SAMPLES // 2] + results[: SAMPLES // 2])
        system.eventually(lambda: sum(system.ends(RECEIPTS.name).values()) > answered, "the first receipts are out")
        kill(system, *services)
        sending.result(WAIT_S)
    system.produce(results[SAMPLES // 2 :] + samples[SAMPLES // 2 :])
    # `status` waits a second for an answer: those that run have much to do
    system.eventually(lambda: unready(system) == set(services), "the status says which are away")
    system.up()
    for name, service in system.services.items():
        assert (service.pid != before[name]) == (name in services), name
    system.wait_idle()

    receipts = [receipt["receipt_id"] for receipt in system.messages(RECEIPTS.name, source)]
    assert len(set(receipts)) == 2 * SAMPLES
    [row] = system.rates(cut="laboratory", cell=lab)
    assert (row["pass"], row["fail"]) == (SAMPLES - FAILED, FAILED)
    wanted = set(ids)
    verdicts = [one for one in system.messages(VERDICTS.name) if one["sample_id"] in wanted]
    assert {one["sample_id"] for one in verdicts} == wanted
    # a message may be written twice around a kill, but then it is the very same, under the same id
    assert len({(one["sample_id"], one["revision"]) for one in verdicts}) == SAMPLES
    alerts = [alert["sample_id"] for alert in system.alerts(state="raised") if alert["sample_id"] in wanted]
    assert sorted(alerts) == sorted(ids[::10])
    system.eventually(lambda: not unready(system), "the status says that all are ready")


def test_everything_stopped_and_started_is_as_it_was(system: System) -> None:
    source, lab, sample_id = unique("/lims"), unique("lab"), unique()
    system.produce([binary(result(sample_id, lab, FAILED_ITEM), source)])
    system.wait_idle()

    def seen() -> object:
        return system.rates(cut="laboratory"), system.alerts(), len(system.messages(RECEIPTS.name))

    before = seen()
    system.down()
    system.up()
    system.wait_idle()
    assert seen() == before
    # what was parked before still waits, and what was taken before is still known
    system.produce([binary(sample_taken(sample_id), source)])
    system.wait_idle()
    assert [alert["state"] for alert in system.alerts(sample_id=sample_id)] == ["raised"]
    [row] = system.rates(cut="laboratory", cell=lab)
    assert (row["pass"], row["fail"]) == (0, 1)
