"""What becomes of a message that a server will never take, or that a process was about to send."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.alerts.notify import store
from services.alerts.notify.channels import Result
from services.alerts.notify.deliveries import Deliveries
from services.alerts.notify.groups import Line, Planned
from services.alerts.notify.items import item_of
from services.alerts.notify.live import LiveConfiguration
from services.alerts.notify.sender import Sender
from services.runtime.messages import Message
from services.runtime.stage import Changes
from tests.unit.test_notify_messages import alert


class Redis:
    """As much as the sender reads: what is planned, and claims."""

    def __init__(self, planned: list[Planned]) -> None:
        state, changes = Deliveries(planned={one.planned_id: one for one in planned}), Changes()
        state.changed = {("planned", one.planned_id) for one in planned}
        store.note_changes(changes, 0, state)
        self.planned = changes.put[store.key_of(0, "planned")]
        self.claims: dict[str, int] = defaultdict(int)
        #: So many claims are made and answered too late.
        self.slow = 0
        self._asked: list[str] = []

    def pipeline(self, transaction: bool) -> Redis:
        return self

    async def __aenter__(self) -> Redis:
        self._asked = []
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    def hkeys(self, key: str) -> None:
        self._asked.append(key)

    async def execute(self) -> list[list[bytes]]:
        names = [name.encode() for name in self.planned]
        return [names if key == store.key_of(0, "planned") else [] for key in self._asked]

    async def hget(self, key: str, name: str) -> Any:
        return self.planned[name] if key == store.key_of(0, "planned") else self.claims[name]

    async def hset(self, _key: str, name: str, value: int) -> None:
        self.claims[name] = value

    def register_script(self, _text: str) -> Any:
        async def claim(keys: list[str], args: list[Any]) -> int:
            self.claims[args[0]] = args[1]
            if self.slow:
                self.slow -= 1
                raise TimeoutError
            return 1

        return claim


class Outside:
    """Owns the partition, and takes what is published."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    def settled(self, _stage: str) -> list[int]:
        return [0]

    async def publish(self, messages: list[Message]) -> None:
        self.log += [msgspec.json.decode(message.value or b"") for message in messages]


@pytest.fixture
def live(tmp_path: Path) -> LiveConfiguration:
    (tmp_path / "routes.yaml").write_text("route: {receiver: duty}")
    (tmp_path / "receivers.yaml").write_text("receivers: {duty: {channels: {hook: json://duty.test}}}")
    return LiveConfiguration(tmp_path / "routes.yaml", {})


def messages(count: int) -> list[Planned]:
    item = item_of(alert(), alert().model_dump_json().encode())
    return [Planned(f"p{n}", "duty/hook", "g", {}, n, n, (Line("raised", item),)) for n in range(1, count + 1)]


def outcomes(redis: Any, live: LiveConfiguration, answers: list[Result], looks: int = 1) -> list[Any]:
    """What the log says after so many looks, if channels answer so."""
    outside, coming = Outside(), iter(answers)

    async def send(*_: object) -> Result:
        return next(coming)

    async def look() -> None:
        sender = Sender(outside, redis, outside, live, clock=lambda: 0.0)
        sender._channels.send = send  # type: ignore[method-assign]
        for _ in range(looks):
            await sender._look()
            await asyncio.gather(*sender._busy.values())

    asyncio.run(look())
    return [(delivery["delivery_id"], delivery["outcome"], delivery.get("reason")) for delivery in outside.log]


def test_what_is_too_long_for_the_server_is_given_up_and_holds_up_nothing(live: LiveConfiguration) -> None:
    answers = [Result(False, "answered 413", hopeless=True), Result(True)]
    told = outcomes(Redis(messages(2)), live, answers)
    assert told == [("p1", "abandoned", "answered 413"), ("p2", "delivered", None)]


def test_a_redis_that_answers_too_late_is_no_process_that_ended(live: LiveConfiguration) -> None:
    redis = Redis(messages(1))
    redis.slow = 3
    assert outcomes(redis, live, [Result(True)], looks=4) == [("p1", "delivered", None)]
    assert redis.claims["p1"] == 1


def test_what_two_processes_were_about_to_send_is_not_sent_again(live: LiveConfiguration) -> None:
    redis = Redis(messages(1))
    redis.claims["p1"] = 2
    [(_, outcome, _)] = outcomes(redis, live, [])
    assert outcome == "unknown"


def test_a_failure_leaves_no_claim(live: LiveConfiguration) -> None:
    redis = Redis(messages(1))
    redis.claims["p1"] = 1
    assert outcomes(redis, live, [Result(False, "answered 503")]) == []
    assert redis.claims["p1"] == 1
