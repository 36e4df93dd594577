"""Each kind of channel on a real server on this machine: what is sent, what counts as delivered, and what is logged."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from services.alerts.notify import channels as module
from services.alerts.notify.channels import Channels, Result, is_address, kind_of, redact, spacing_ms
from services.alerts.notify.rendering import Text
from tests.receivers import Hook, Mailbox, hook, mailbox

TEXT = Text("大米不合格", "铅 0.31 mg/kg(限量 ≤0.2 mg/kg)", "Severe")
ROBOTS = {
    "wecombot": ("wecombot://SECRETKEY12345", NotifyWeComBot, "{server}/wecom?key={{key}}"),
    "dingtalk": ("dingtalk://SECRETKEY12345", NotifyDingTalk, "{server}/ding?access_token={{token}}"),
    "feishu": ("feishu://SECRETKEY12345", NotifyFeishu, "{server}/feishu/{{token}}/"),
}


@pytest.fixture
def receiver() -> Iterator[Hook]:
    with hook() as found:
        yield found


@pytest.fixture
def post() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def robot(receiver: Hook, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    def address(kind: str) -> str:
        found, plugin, url = ROBOTS[kind]
        monkeypatch.setattr(plugin, "notify_url", url.format(server=f"http://127.0.0.1:{receiver.port}"))
        return found

    return address


def send(address: str, message_id: str = "m-1", timeout: float = 5.0, text: Text = TEXT) -> Result:
    return asyncio.run(Channels().send(address, message_id, text, timeout))


def test_a_webhook_gets_the_text_and_the_id_twice(receiver: Hook) -> None:
    assert send(f"json://127.0.0.1:{receiver.port}/x").delivered
    [request] = receiver.requests
    assert request.headers["idempotency-key"] == "m-1"
    assert (request.body["id"], request.body["title"], request.body["message"]) == ("m-1", TEXT.title, TEXT.body)


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_robot_gets_the_text(kind: str, receiver: Hook, robot: Callable[[str], str]) -> None:
    assert send(robot(kind)).delivered
    [request] = receiver.requests
    assert TEXT.body in str(request.body)
    assert TEXT.title in str(request.body)
    assert "SECRETKEY12345" in request.path


@pytest.mark.parametrize("kind", ROBOTS)
@pytest.mark.parametrize("answer", ["", "<html>please log in</html>", "[]", "{}", '{"errmsg": "ok"}', '{"code": null}'])
def test_a_robot_that_does_not_say_that_it_took_the_message_has_not_delivered(
    kind: str, answer: str, receiver: Hook, robot: Callable[[str], str]
) -> None:
    receiver.answer = answer
    assert not send(robot(kind)).delivered


@pytest.mark.parametrize("answer", ['{"code": 0, "data": {}}', '{"StatusCode": 0, "StatusMessage": "success"}'])
def test_feishu_says_so_in_two_ways(answer: str, receiver: Hook, robot: Callable[[str], str]) -> None:
    receiver.answer = answer
    assert send(robot("feishu")).delivered


@pytest.mark.parametrize("kind", ["json", *ROBOTS])
def test_a_redirect_is_not_followed_and_is_no_delivery(kind: str, receiver: Hook, robot: Callable[[str], str]) -> None:
    receiver.mode = "redirect"
    address = f"json://127.0.0.1:{receiver.port}/?redirect=yes" if kind == "json" else robot(kind)
    assert send(address) == Result(False, "answered 302")


@pytest.mark.parametrize("kind", ["wecombot", "dingtalk"])
def test_a_robot_that_refuses_with_status_200_has_not_delivered(
    kind: str, receiver: Hook, robot: Callable[[str], str]
) -> None:
    receiver.mode = "refuse"
    assert send(robot(kind)) == Result(False, "answered errcode 93000")


@pytest.mark.parametrize("kind", ["json", *ROBOTS])
def test_a_server_that_fails_is_named_by_its_status_alone(
    kind: str, receiver: Hook, robot: Callable[[str], str]
) -> None:
    receiver.mode = "fail"
    address = f"json://user:SECRETKEY12345@127.0.0.1:{receiver.port}" if kind == "json" else robot(kind)
    assert send(address) == Result(False, "answered 503")


def test_a_text_that_is_too_long_for_wecom_is_cut_and_taken(receiver: Hook, robot: Callable[[str], str]) -> None:
    receiver.most = 2_048
    long = Text("大米" * 60, "\n".join("铅超标" * 10 for _ in range(60)), "Severe", "(其余:samplewatch alerts list)")
    assert send(robot("wecombot"), text=long).delivered
    content = receiver.requests[0].body["text"]["content"]
    assert content.startswith(long.title) and content.endswith("铅超标\n(其余:samplewatch alerts list)")
    assert send(robot("dingtalk"), text=long._replace(body=long.body * 20)).reason == "answered errcode 40058"
    assert len(receiver.requests[1].body["text"]["content"].encode()) <= 9_000


@pytest.mark.parametrize("kind", ["wecombot", "dingtalk"])
def test_a_message_that_stays_too_long_is_hopeless(kind: str, receiver: Hook, robot: Callable[[str], str]) -> None:
    receiver.most = 10
    assert send(robot(kind)) == Result(False, "answered errcode 40058", hopeless=True)


def test_a_server_that_is_away_has_not_delivered() -> None:
    result = send("json://127.0.0.1:9/")
    assert not result.delivered
    assert "ConnectionError" in result.reason


def test_a_server_that_hangs_is_left_after_the_timeout(receiver: Hook) -> None:
    receiver.mode = "hang"
    result = send(f"json://127.0.0.1:{receiver.port}", timeout=0.5)
    assert result == Result(False, "ReadTimeout")


def test_a_server_that_answers_late_but_in_time_has_delivered(receiver: Hook) -> None:
    receiver.mode, receiver.delay = "late", 0.5
    assert send(f"json://127.0.0.1:{receiver.port}", timeout=3).delivered


def test_servers_that_never_answer_hold_up_neither_another_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def sent(address: str, *_: object) -> Result:
        return Result(address == "well" or answered.wait(30))

    monkeypatch.setattr(module, "_send", sent)
    monkeypatch.setattr(module, "_MARGIN", 0.0)

    async def all_at_once() -> list[Result]:
        channels, addresses = Channels(), ["hangs"] * 40 + ["well"]
        sends = (channels.send(address, f"m-{place}", TEXT, 1.0) for place, address in enumerate(addresses))
        return await asyncio.gather(*sends)

    *hang, well = asyncio.run(all_at_once())
    assert set(hang) == {Result(False, "no answer within 1 s")}
    assert well.delivered
    waiting = [thread for thread in threading.enumerate() if thread.name.startswith("notify")]
    assert len(waiting) == 40
    assert all(thread.daemon for thread in waiting)
    answered.set()


def test_mail_has_the_messages_id_and_both_languages_letters(post: Mailbox) -> None:
    assert send(f"mailto://127.0.0.1:{post.port}?from=samplewatch@example.org&to=zhang@example.org").delivered
    [mail] = post.mails
    assert mail.message_id == "<m-1@samplewatch>"
    assert mail.recipients == ["zhang@example.org"]
    assert mail.subject == TEXT.title
    assert TEXT.body in mail.text


def test_mail_that_is_put_off_has_not_delivered(post: Mailbox) -> None:
    post.refuse = True
    assert not send(f"mailto://127.0.0.1:{post.port}?from=samplewatch@example.org&to=zhang@example.org").delivered


def test_an_unknown_kind_is_said_so() -> None:
    assert not is_address("nothing://here")
    assert send("nothing://here") == Result(False, "the address is of no known kind")
    assert [kind_of(address) for address in ("mailtos://a", "json://b", "jsons://b", "wecombot://k")] == [
        "mailto",
        "json",
        "json",
        "wecombot",
    ]


@pytest.fixture
def redacting(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    before = logging.getLogRecordFactory()
    redact(lambda: ("SECRETKEY12345",))
    caplog.set_level(logging.DEBUG)
    yield caplog
    logging.setLogRecordFactory(before)


def test_a_robots_address_as_wecom_shows_it_is_held_to_its_rate_too() -> None:
    address = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=SECRETKEY12345"
    assert is_address(address)
    assert (kind_of(address), spacing_ms(address)) == ("wecombot", spacing_ms("wecombot://SECRETKEY12345"))


def test_secrets_are_taken_out_of_the_log(
    receiver: Hook, robot: Callable[[str], str], redacting: pytest.LogCaptureFixture
) -> None:
    receiver.mode = "fail"
    for kind in ROBOTS:
        send(robot(kind))
    logging.getLogger("x").error("the address %s is wrong", "wecombot://SECRETKEY12345")
    assert "SECRETKEY12345" not in redacting.text
    assert "the address wecombot://*** is wrong" in redacting.text


def test_secrets_are_taken_out_of_tracebacks(redacting: pytest.LogCaptureFixture) -> None:
    try:
        raise OSError("cannot reach wecombot://SECRETKEY12345")
    except OSError:
        logging.getLogger("x").exception("a message could not be sent")
    assert "SECRETKEY12345" not in redacting.text
    assert "OSError: cannot reach wecombot://***" in redacting.text


def test_a_log_call_with_wrong_arguments_fails_nobody_and_shows_no_secret(
    redacting: pytest.LogCaptureFixture,
) -> None:
    two_places = "%s of %s"
    logging.getLogger("x").error(two_places, "wecombot://SECRETKEY12345")
    assert "SECRETKEY12345" not in redacting.text
    assert "wecombot://***" in redacting.text
