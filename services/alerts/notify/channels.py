"""Sends a text through one channel, with Apprise."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from apprise import Apprise, NotifyFormat, NotifyType

from services.alerts.notify import apprise_fixes
from services.alerts.notify.apprise_fixes import Attempt, current
from services.alerts.notify.rendering import Text, fitted

apprise_fixes.install()

#: Robots take twenty messages a minute, and shut out for ten minutes whoever sends more.
_SPACING_MS = {"wecombot": 3_000, "dingtalk": 3_000}
#: How the robot's address begins as WeCom shows it, which Apprise takes too.
_WECOMS_OWN = "https://qyapi.weixin.qq.com/"
#: Bytes of a robot's text, title included. WeCom says 2,048. DingTalk says 20,000, and a Chinese character is six bytes
#: as Apprise writes it; Feishu and Lark 20 kB for the whole request.
_MOST_BYTES = {"wecombot": 2_048, "dingtalk": 9_000, "feishu": 19_000, "lark": 19_000}
_TYPES = {"Extreme": NotifyType.FAILURE, "Severe": NotifyType.FAILURE, "Moderate": NotifyType.WARNING}
#: What a send may take longer than its time-out, which counts from the last byte.
_MARGIN = 2.0


class Result(NamedTuple):
    """Whether the message was taken, and else why not, without any part of an address. `hopeless`: it is too
    long for the server, and will be the next time."""

    delivered: bool
    reason: str = ""
    hopeless: bool = False


def kind_of(address: str) -> str:
    """The kind of channel that an address is of."""
    if address.lower().startswith(_WECOMS_OWN):
        return "wecombot"
    return address.partition(":")[0].lower().removesuffix("s") or "unknown"


def spacing_ms(address: str) -> int:
    """The least time between two messages."""
    return _SPACING_MS.get(kind_of(address), 0)


def is_address(address: str) -> bool:
    """Whether Apprise knows what to do with it."""
    return Apprise.instantiate(address) is not None


class Channels:
    """Sends; each attempt in a thread, for Apprise's plugins block."""

    def __init__(self) -> None:
        #: Attempts that took too long and may still succeed, by message.
        self._late: dict[str, asyncio.Future[Result]] = {}

    async def send(self, address: str, message_id: str, text: Text, timeout: float) -> Result:
        """One attempt. A former attempt at the same message that was given up too early, and has succeeded since,
        counts."""
        late = self._late.pop(message_id, None)
        if late is not None:
            if not late.done():
                await asyncio.wait((late,), timeout=timeout)
            if not late.done():
                self._late[message_id] = late
                return Result(False, "still unanswered")
            if late.result().delivered:
                return late.result()
        future = _in_thread(lambda: _send(address, message_id, text, timeout))
        done, _ = await asyncio.wait((future,), timeout=timeout + _MARGIN)
        if not done:
            self._late[message_id] = future
            return Result(False, f"no answer within {timeout:g} s")
        return future.result()

    def forget(self, message_id: str) -> None:
        """The message is not going to be sent again."""
        self._late.pop(message_id, None)


def _in_thread(attempt: Callable[[], Result]) -> asyncio.Future[Result]:
    """The attempt in a thread of its own: no server holds up what goes to another, nor the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        result = attempt()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(future.set_result, result)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return future


def _send(address: str, message_id: str, text: Text, timeout: float) -> Result:
    attempt = Attempt(message_id)
    current.set(attempt)
    try:
        plugin: Any = Apprise.instantiate(address)
        if plugin is None:
            return Result(False, "the address is of no known kind")
        text = fitted(text, _MOST_BYTES.get(plugin.secure_protocol))
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout
        plugin.request_rate_per_sec = 0
        plugin.redirects = False
        if isinstance(getattr(plugin, "headers", None), dict):
            plugin.headers = {**plugin.headers, "Idempotency-Key": message_id}
        if isinstance(getattr(plugin, "payload_extras", None), dict):
            plugin.payload_extras = {**plugin.payload_extras, "id": message_id}
        taken = plugin.notify(
            body=text.body,
            title=text.title,
            notify_type=_TYPES.get(text.gravity, NotifyType.INFO),
            body_format=NotifyFormat.TEXT,
        )
    except Exception as error:
        return Result(False, type(error).__name__)
    return Result(True) if taken else Result(False, attempt.reason or "refused or not reached", attempt.too_long)


def redact(secrets: Callable[[], Sequence[str]]) -> None:
    """Takes secrets out of everything that this process logs from now on, tracebacks included."""
    make = logging.getLogRecordFactory()
    traceback_of = logging.Formatter().formatException

    def made(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        hidden = sorted(secrets(), key=len, reverse=True)
        if not hidden:
            return record
        try:
            message = record.getMessage()
        except Exception:
            # the call has other arguments than its text has places: whoever made it must not fail for that
            message = f"{record.msg} {record.args}"
        if (shown := _without(hidden, message)) != message:
            record.msg, record.args = shown, ()
        if record.exc_info and record.exc_info[0] and (told := traceback_of(record.exc_info)):
            record.exc_text = _without(hidden, told)
        if record.stack_info:
            record.stack_info = _without(hidden, record.stack_info)
        return record

    logging.setLogRecordFactory(made)


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
