"""What becomes of a message that a server will never take."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

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

    async def hget(self, _key: str, name: str) -> Any:
        return self.planned[name]

    async def hincrby(self, _key: str, name: str, by: int) -> None:
        self.claims[name] += by

    def register_script(self, _text: str) -> Any:
        async def claim(keys: list[str], args: list[str]) -> int:
            self.claims[args[0]] += 1
            return self.claims[args[0]]

        return claim


class Outside:
    """Owns the partition, and takes what is published."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    def settled(self, _stage: str) -> list[int]:
        return [0]

    async def publish(self, messages: list[Message]) -> None:
        self.log += [msgspec.json.decode(message.value or b"") for message in messages]


def test_what_is_too_long_for_the_server_is_given_up_and_holds_up_nothing(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text("route: {receiver: duty}")
    (tmp_path / "receivers.yaml").write_text("receivers: {duty: {channels: {hook: json://duty.test}}}")
    item = item_of(alert(), alert().model_dump_json().encode())
    planned = [Planned(f"p{n}", "duty/hook", "g", {}, n, n, (Line("raised", item),)) for n in (1, 2)]
    outside = Outside()
    redis: Any = Redis(planned)

    async def look() -> None:
        sender = Sender(outside, redis, outside, LiveConfiguration(tmp_path / "routes.yaml", {}))
        answers = iter([Result(False, "answered 413", hopeless=True), Result(True)])

        async def send(*_: object) -> Result:
            return next(answers)

        sender._channels.send = send
        await sender._look()
        await asyncio.gather(*sender._busy.values())
        sender._channels.stop()

    asyncio.run(look())
    told = [(delivery["delivery_id"], delivery["outcome"], delivery.get("reason")) for delivery in outside.log]
    assert told == [("p1", "abandoned", "answered 413"), ("p2", "delivered", None)]
