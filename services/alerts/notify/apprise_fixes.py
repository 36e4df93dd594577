"""Where Apprise 2.3 is too easily content, or chooses what has to be ours (`tests/unit/test_notify_channels.py`).

WeCom and DingTalk answer a refused message with status 200 and an `errcode`, which Apprise takes for success. Mail gets
a random Message-ID, by which a mail that is sent again could not be told for the same.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import make_msgid
from typing import Any

import requests
from apprise.plugins import custom_json, dingtalk, feishu, wecombot
from apprise.plugins.email import base as email_base

#: Robots whose answer says in its body whether the message was taken.
_ANSWER_IN_BODY = ("errcode", "code")
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
        """As requests.request; of a robot, RequestException is raised where the body says that it refuses."""
        attempt = current.get() or Attempt("")
        try:
            response = requests.request(method, url, **options)
        except requests.RequestException as error:
            attempt.reason = f"{type(error).__name__}"
            raise
        refusal = str(response.status_code) if not response.ok else _refusal(response) if robot else ""
        if refusal:
            attempt.reason, attempt.too_long = f"answered {refusal}", refusal in _TOO_LONG
        if refusal and response.ok:
            raise _Refused(attempt.reason)
        return response


def _refusal(response: requests.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    found = ((name, body.get(name)) for name in _ANSWER_IN_BODY) if isinstance(body, dict) else ()
    return next((f"{name} {code}" for name, code in found if code not in (None, 0, "0")), "")


def _message_id(domain: str | None = None, **options: Any) -> str:
    attempt = current.get()
    if attempt is None:
        return make_msgid(domain=domain, **options)
    return f"<{attempt.message_id}@samplewatch>"


def install() -> None:
    """Makes Apprise's plugins of this process use these, and keeps addresses out of the log."""
    for module in (custom_json, dingtalk, feishu, wecombot):
        setattr(module, "requests", _Requests())  # noqa: B010  the modules do not say that they have one
    setattr(email_base, "make_msgid", _message_id)  # noqa: B010
    # both log addresses; why an attempt failed is in its reason
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
