"""Where Apprise 2.3 is too easily content, or chooses what has to be ours (`tests/unit/test_notify_channels.py`).

Robots answer a refused message with status 200 and a code in the body, which Apprise does not always look at, and it
takes any other body for success. It follows redirects, at whose end a page is asked for and nothing is sent. Mail gets
a random Message-ID, by which a mail that is sent again could not be told for the same.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import make_msgid
from typing import Any

import requests
from apprise.plugins import custom_json, dingtalk, feishu, lark, wecombot
from apprise.plugins.email import base as email_base

#: Robots whose answer says in its body whether the message was taken.
_ANSWER_IN_BODY = ("errcode", "code", "StatusCode")
#: Answers to a message that is too long: HTTP's, WeCom's and DingTalk's.
_TOO_LONG = ("413", "errcode 40058", "errcode 45002", "errcode 460101")


@dataclass(slots=True)
class Attempt:
    """One attempt to send: the message's id, and why it failed, without any part of an address."""

    message_id: str
    reason: str = ""
    too_long: bool = False


current: ContextVar[Attempt | None] = ContextVar("current", default=None)


class _Refused(requests.RequestException):
    """The server answered that it does not take the message."""


class _Requests:
    """`requests`, but an answer is looked at, and a failure noted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(requests, name)

    def post(self, url: str, **options: Any) -> Any:
        """As requests.post."""
        return self.request("POST", url, robot=True, **options)

    def request(self, method: str, url: str, *, robot: bool = False, **options: Any) -> Any:
        """As requests.request, without redirects; of a robot, RequestException is raised unless the body says that the
        message was taken."""
        attempt = current.get() or Attempt("")
        try:
            response = requests.request(method, url, **(options | {"allow_redirects": False}))
        except requests.RequestException as error:
            attempt.reason = f"{type(error).__name__}"
            raise
        if not 200 <= response.status_code < 300:
            refusal = str(response.status_code)
        else:
            refusal = _refusal(response) if robot else ""
        if refusal:
            attempt.reason, attempt.too_long = f"answered {refusal}", refusal in _TOO_LONG
            if robot:
                raise _Refused(attempt.reason)
        return response


def _refusal(response: requests.Response) -> str:
    """What a robot says against the message; nothing where it says that it took it."""
    try:
        body = response.json()
    except ValueError:
        body = None
    found = {name: body[name] for name in _ANSWER_IN_BODY if name in body} if isinstance(body, dict) else {}
    if not found:
        return "without saying that the message was taken"
    return next((f"{name} {code}"[:100] for name, code in found.items() if code not in (0, "0")), "")


def _message_id(domain: str | None = None, **options: Any) -> str:
    attempt = current.get()
    if attempt is None:
        return make_msgid(domain=domain, **options)
    return f"<{attempt.message_id}@samplewatch>"


def install() -> None:
    """Makes Apprise's plugins of this process use these, and keeps addresses out of the log."""
    for module in (custom_json, dingtalk, feishu, lark, wecombot):
        setattr(module, "requests", _Requests())  # noqa: B010  the modules do not say that they have one
    setattr(email_base, "make_msgid", _message_id)  # noqa: B010
    # both log addresses; why an attempt failed is in its reason
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
