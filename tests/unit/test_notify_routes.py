"""routes.yaml and receivers.yaml: what they mean, and what is said of one that is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from apprise import Apprise
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.notify.labels import SEVERITIES, VOCABULARY
from services.alerts.notify.matching import Match
from services.alerts.notify.reading import BadConfiguration, Configuration, read_configuration
from services.alerts.notify.secrets import BadAddress, resolve
from services.alerts.notify.specs import ReceiversFile, RoutesFile
from services.cli.routes_commands import routes

EXAMPLES = Path(__file__).parents[2] / "services/alerts/notify/examples"
ENV = {
    name: name.replace("_", "").lower()
    for name in (
        "WECOM_PROVINCE_KEY",
        "MAIL_USER",
        "MAIL_PASSWORD",
        "DINGTALK_QINGYANG_TOKEN",
        "FEISHU_XIFENG_TOKEN",
        "OPERATIONS_TOKEN",
    )
}
TWO = "receivers:\n  a: {channels: {hook: json://a.test}}\n  b: {channels: {hook: json://b.test}}\n"


def read(folder: Path, text: str, receivers: str = TWO, env: dict[str, str] | None = None) -> Configuration:
    (folder / "routes.yaml").write_text(text, "utf-8")
    (folder / "receivers.yaml").write_text(receivers, "utf-8")
    return read_configuration(folder / "routes.yaml", env or {})


def problems(folder: Path, text: str, receivers: str = TWO) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        read(folder, text, receivers)
    return [str(problem) for problem in caught.value.problems]


def test_the_example_is_right_and_its_urgent_go_two_ways() -> None:
    found = read_configuration(EXAMPLES / "routes.yaml", ENV)
    labels = {"kind": "failed_sample", "urgency": "Immediate", "region": "621002101", "level": "county"}
    ways = [[route.place for route in way] for way in found.routing.path(labels)]
    assert ways == [["route", "route.routes[0]"], ["route", "route.routes[2]", "route.routes[2].routes[1]"]]
    aims = {str(aim.destination): aim for aim in found.routing.aims(labels)}
    assert list(aims) == ["province/robot", "zhang-san/mail", "li-si/mail"]
    assert aims["province/robot"].timing.wait == 0
    assert aims["zhang-san/mail"].urgent
    later = {str(aim.destination): aim for aim in found.routing.aims({**labels, "urgency": "Expected"})}
    assert later["zhang-san/mail"].digest == (510, 1020)


def test_a_route_has_what_it_leaves_out_from_the_one_above(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
route:
  receiver: a
  group_by: [county]
  group_wait: 1m
  repeat_interval: 2h
  routes:
    - match: {kind: hotspot}
      group_interval: 90s
      routes: [{match: {severity: Extreme}, receiver: b, group_by: []}]
""",
    )
    [outer] = found.routing.root.routes
    [inner] = outer.routes
    assert (outer.receivers, outer.group_by, outer.timing) == (("a",), ("county",), (60, 90, 7200))
    assert (inner.receivers, inner.group_by, inner.timing) == (("b",), (), (60, 90, 7200))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("route: {receiver: c}", "routes.yaml:1: route.receiver: there is no receiver 'c'; receivers.yaml has a, b"),
        ("route: {group_wait: 5s}", "routes.yaml:1: route.receiver: is missing: the default, for what no route takes"),
        ("inhibit: []", "routes.yaml:1: route: Field required"),
        (
            "route:\n  receiver: a\n  routes:\n    - match: {kind: hotspot}\n      recevier: b",
            "routes.yaml:5: route.routes[0].recevier: is not a field here",
        ),
        (
            "route:\n  receiver: a\n  routes:\n    - match:\n        severity: Grave",
            "routes.yaml:4: route.routes[0].match: severity: 'Grave' is not one of Extreme, Severe, Moderate, Minor",
        ),
        (
            "route: {receiver: a, group_wait: soon}",
            "routes.yaml:1: route.group_wait: is no duration: write 30s, 5m, 4h or 1d",
        ),
        ("route: {receiver: a, match: {kind: hotspot}}", "takes everything"),
        ("route: [", "routes.yaml:1: YAML:"),
        ("operations: [x]\nroute: {receiver: a}", "routes.yaml:1: operations: there is no receiver 'x'"),
        (
            "route:\n  receiver: a\n  routes:\n    - {match: {region: '6210'}}\n    - {match: {region: '621002'}}",
            "routes.yaml:5: route.routes[1].match: can never match: routes[0] before it takes all of it",
        ),
        (
            "route:\n  receiver: a\n  routes:\n    - match: {kind: hotspot}\n"
            "      routes:\n        - match: {kind: overdue}",
            "routes.yaml:6: route.routes[0].routes[0].match: can never match: kind=overdue contradicts",
        ),
        (
            "route: {receiver: a}\nsilences:\n  - {id: x, match: {}, author: w, reason: r, ends: 2026-01-01 00:00}",
            "routes.yaml:3: silences[0].match:",
        ),
        (
            "route: {receiver: a}\nsilences:\n  - {id: x, match: {kind: hotspot}, reason: r, ends: 2026-01-01 00:00}",
            "routes.yaml:3: silences[0].author: Field required",
        ),
        (
            "route: {receiver: a}\nsilences:\n"
            "  - {id: x, match: {kind: hotspot}, author: w, reason: r, ends: 2026-06-31}",
            "routes.yaml:3: silences[0].ends: is no moment: write 2026-03-01 08:00",
        ),
        *(
            (
                f"route:\n  receiver: a\n  routes:\n    - match: {{lab_id: {written}}}",
                f"routes.yaml:4: route.routes[0].match: lab_id: YAML takes {taken}: write it in quotes",
            )
            for written, taken in (
                ("1.10", "1.1 for a float"),
                ("yes", "True for a bool"),
                ("2026-03-01", "2026-03-01 for a date"),
                ("[L1, {a: b}]", "{'a': 'b'} for a dict"),
            )
        ),
        ("route:\n  receiver: a\n  routes: [{match: {lab_id: }}]", "lab_id names no value"),
        ("route: {receiver: a, group_wait: .inf}", "routes.yaml:1: route.group_wait: "),
        ('receivers: "a\\0b"\nroute: {receiver: a}', "a\0b:1: file: cannot be read: embedded null byte"),
        ("[" * 2000, "routes.yaml:1: file: cannot be read: maximum recursion depth"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(tmp_path: Path, text: str, wanted: str) -> None:
    assert any(wanted in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_a_route_behind_one_that_goes_on_can_match(tmp_path: Path) -> None:
    read(
        tmp_path,
        "route: {receiver: a, routes: "
        "[{match: {kind: overdue}, continue: true}, {match: {kind: overdue}, receiver: b}]}",
    )


@pytest.mark.parametrize(
    ("receivers", "wanted"),
    [
        ("receivers: {a: {}}", "receivers.yaml:1: receivers.a: has neither channels nor members"),
        (
            "receivers:\n  a: {members: [b]}\n  b: {members: [a]}",
            "receivers.a.members: the group is a member of itself",
        ),
        ("receivers:\n  a: {members: [c]}", "receivers.yaml:2: receivers.a.members: there is no receiver 'c'"),
        (
            "receivers:\n  a:\n    channels:\n      r: wecombot://abcdefgh",
            "receivers.yaml:4: receivers.a.channels.r: has its",
        ),
        ("receivers:\n  a: {channels: {m: 'mailtos://me:pass@h.test'}}", "has a password in it"),
        ("receivers:\n  a: {channels: {m: 'json://${NOT_SET}.test'}}", "names the variable NOT_SET, which is not set"),
        ("receivers:\n  a: {channels: {m: 'file:/does/not/exist'}}", "which cannot be read: FileNotFoundError"),
        ('receivers:\n  a: {channels: {m: "file:/a\\0b"}}', "which cannot be read: ValueError"),
        (
            "receivers:\n  2026-02-30: {channels: {m: 'json://x'}}",
            "there is no receiver 'a'; receivers.yaml has 2026-02-30",
        ),
        ("receivers:\n  a: {channels: {m: 'wat://x'}}", "is no address that Apprise understands"),
        ("receivers:\n  a: {channels: {m: 'json://x'}, digest: {hours: ['25:00']}}", "is no time of day: write 08:30"),
    ],
)
def test_what_is_wrong_with_receivers(tmp_path: Path, receivers: str, wanted: str) -> None:
    found = problems(tmp_path, "route: {receiver: a}", receivers)
    assert any(wanted in problem for problem in found), found
    assert not any("pass@" in problem or "abcdefgh" in problem for problem in found)


def test_the_examples_of_the_page_are_right() -> None:
    page = (Path(__file__).parents[2] / "docs/notifications.md").read_text("utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    assert len(blocks) == 3
    for block in blocks:
        if isinstance(block.get("receivers"), dict):
            ReceiversFile.model_validate(block)
        else:
            RoutesFile.model_validate({"route": {"receiver": "duty"}, **block})


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key-in-a-file\n")
    whole = tmp_path / "whole"
    whole.write_text("wecombot://the-whole-address\n")
    assert resolve("json://u:${PASS}@h", {"PASS": "p-1"}) == ("json://u:p-1@h", ("p-1",))
    assert resolve(f"wecombot://${{file:{key}}}", {}) == ("wecombot://key-in-a-file", ("key-in-a-file",))
    address, secrets = resolve(f"file:{whole}", {})
    assert address == "wecombot://the-whole-address"
    assert "the-whole-address" in secrets
    with pytest.raises(BadAddress):
        resolve("dingtalk://literal-token", {})


@pytest.mark.parametrize(
    "address",
    [
        "mailtos://${file:/run/user}:abcdefgh@mail.test",
        "mailtos://mail.test?user=${X}&pass=abcdefgh",
        "jsons://hooks.test/x?+Authorization=Bearer abcdefgh",
        "jsons://hooks.test/${X}?%2BX-Api-Key=abcdefgh",
        "WECOMBOT://abcdefgh",
        "wecombot://?key=abcdefgh",
        "feishu://abcdefgh?format=${X}",
        "dingtalk://${X}@abcdefgh/13800000000",
        "dingtalk://abcdefgh@${X}",
        "https://open.feishu.cn/open-apis/bot/v2/hook/abcdefgh",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcdefgh",
    ],
)
def test_a_secret_that_stands_in_an_address_is_refused_wherever_it_stands(address: str) -> None:
    with pytest.raises(BadAddress, match=r"has .* in it: write") as refused:
        resolve(address, {"X": "x"})
    assert "abcdefgh" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "mailto://mail.test:25?from=a@a.test&to=b@b.test",
        "mailtos://user@mail.test?pass=${X}",
        "dingtalk://${X}@${X}/13800000000",
        "feishu://${X}?format=markdown",
        "jsons://hooks.test/x?+Idempotency=on&-verify=yes",
        "https://open.feishu.cn/open-apis/bot/v2/hook/${X}",
        "json://u:a-${X}@h.test",
    ],
)
def test_an_address_without_a_secret_of_its_own_is_taken(address: str) -> None:
    assert resolve(address, {"X": "x"})[0] == address.replace("${X}", "x")


ODD = ("p@ss", "p/ss@evil.example", "a#b", "a?to=evil@example.com", "100%41", "a b+c", "x:y;&=,", "密")


@pytest.mark.parametrize("value", ODD)
def test_a_secret_means_itself_whatever_is_in_it(value: str) -> None:
    address, secrets = resolve("mailtos://${U}:${P}@mail.test?to=zhang@a.test&from=s@a.test", {"U": value, "P": value})
    mail: Any = Apprise.instantiate(address)
    assert (mail.smtp_host, mail.user, mail.password) == ("mail.test", value, value)
    assert [name for _, name in mail.targets] == ["zhang@a.test"]
    assert value in secrets, "to be taken out of the log"
    hook: Any = Apprise.instantiate(resolve("jsons://hooks.test/x?+Authorization=${T}", {"T": f"Bearer {value}"})[0])
    assert (hook.host, hook.headers) == ("hooks.test", {"Authorization": f"Bearer {value}"})


def test_a_value_may_be_a_host_with_its_port_or_a_whole_address() -> None:
    assert resolve("json://${H}/x", {"H": "hooks.test:8080"})[0] == "json://hooks.test:8080/x"
    assert resolve("json://u:${P}@${H}", {"H": "hooks.test/a", "P": "a/b"})[0] == "json://u:a%2Fb@hooks.test/a"
    assert resolve("json://${H}", {"H": "h?to=x"})[0] == "json://h%3Fto%3Dx"
    assert resolve("${WHOLE}", {"WHOLE": "json://h.test/?a=b"})[0] == "json://h.test/?a=b"
    assert resolve("${BASE}?to=a", {"BASE": "mailto://u:p@h.test"})[0] == "mailto://u:p@h.test?to=a"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(routes, arguments)


def test_the_command_checks_and_shows_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    file = str(EXAMPLES / "routes.yaml")
    done = run("check", file)
    assert done.exit_code == 0
    assert "6 routes to 8 receivers" in done.output
    broken = tmp_path / "routes.yaml"
    broken.write_text("route: {receiver: x}")
    (tmp_path / "receivers.yaml").write_text(TWO)
    done = run("check", str(broken), "--json")
    assert done.exit_code == 1
    [problem] = json.loads(done.output)["problems"]
    assert (problem["file"], problem["line"], problem["field"]) == ("routes.yaml", 1, "route.receiver")
    labels = ["--region", "621002101", "--level", "township", "--kind", "failed_sample", "--severity", "Severe"]
    shown = json.loads(run("test", file, *labels, "--json").output)
    assert [aim["destination"] for aim in shown["destinations"]] == ["xifeng-township/robot"]
    assert shown["destinations"][0]["group"] == {"county": "621002", "kind": "failed_sample"}
    assert "-> xifeng-township" in run("test", file, *labels).output
    assert "severity is 'bad'" in run("test", file, "--severity", "bad").output


REGIONS = ("62", "6210", "621002", "621002101", "6211", "US-IL", "US-IL/Chicago")
MATCHES: Any = st.dictionaries(
    st.sampled_from(["region", "severity", "kind", "lab_id"]), st.lists(st.integers(0, 3), min_size=1, max_size=3)
).map(
    lambda drawn: Match(
        {name: tuple(dict.fromkeys(_value(name, number) for number in numbers)) for name, numbers in drawn.items()}
    )
)


def _value(name: str, number: int) -> str:
    if name == "region":
        return REGIONS[number]
    return VOCABULARY[name][number] if name in VOCABULARY else f"lab-{number}"


LABELS: Any = st.fixed_dictionaries(
    {
        "region": st.sampled_from(REGIONS),
        "severity": st.sampled_from(SEVERITIES),
        "kind": st.sampled_from(VOCABULARY["kind"]),
    },
    optional={"lab_id": st.sampled_from(["lab-0", "lab-1", "lab-2"])},
)


@given(MATCHES, MATCHES, LABELS)
def test_what_is_within_two_is_what_both_take(some: Match, other: Match, labels: dict[str, str]) -> None:
    both = some.within(other)
    assert (both is not None and both.takes(labels)) == (some.takes(labels) and other.takes(labels))


@given(MATCHES, MATCHES, LABELS)
def test_what_covers_takes_all_that_the_other_takes(some: Match, other: Match, labels: dict[str, str]) -> None:
    if some.covers(other) and other.takes(labels):
        assert some.takes(labels)
