"""At this time this receiver has got this, and nothing else: what routes, groups and the notification log promise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.alerts.notify import live
from services.alerts.notify.reading import Configuration, read_configuration
from services.deadlines.reckoning import due
from services.deadlines.table import load_table
from services.deadlines.working_days import load_working_days
from tests.unit.timeline import RECEIVERS, Timeline

Make = Callable[..., Timeline]

PLAIN = """
operations: operations
route: {receiver: duty, group_by: [county, kind], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
"""
LEVELS = """
route:
  receiver: desk
  group_by: [county]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 1d
  routes:
    - {match: {level: township}, receiver: duty}
    - {match: {level: county}, receiver: county}
    - {match: {level: city}, receiver: city}
"""
INHIBIT = """
route: {receiver: duty, group_by: [kind], group_wait: 30s, group_interval: 5m, repeat_interval: 0s}
inhibit:
  - {source: {kind: hotspot}, target: {kind: failed_sample}, evidence: true}
"""
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda routes=PLAIN, receivers=RECEIVERS, **more: Timeline(tmp_path, routes, receivers, **more)


def raised(*names: str) -> list[tuple[str, str]]:
    return [("raised", name) for name in names]


def test_a_new_group_waits_for_more_and_tells_once(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(10)
    t.alert("B")
    t.run(600)
    t.got("duty", (30, 31), *raised("A", "B"))
    t.nothing_else()


def test_a_later_alert_of_a_group_waits_for_the_interval(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(60)
    t.alert("B")
    t.run(1000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (330, 331), *raised("B"))
    t.nothing_else()


def test_after_a_quiet_time_a_group_waits_no_longer_than_a_new_one(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(1000)
    t.alert("B")
    t.run(2000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (1030, 1031), *raised("B"))
    t.nothing_else()


def test_groups_are_told_apart(make: Make) -> None:
    t = make()
    t.alert("A", area="621002")
    t.alert("B", area="621021")
    t.run(100)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (30, 31), *raised("B"))
    t.nothing_else()


def test_what_nobody_acknowledges_is_told_again(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(9 * HOUR)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (30 + 4 * HOUR, 31 + 4 * HOUR), ("repeated", "A"))
    t.got("duty", (30 + 8 * HOUR, 31 + 8 * HOUR), ("repeated", "A"))
    t.nothing_else()


def test_an_acknowledged_alert_is_not_told_again_until_the_acknowledgement_lapses(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(HOUR)
    t.acknowledge("A")
    t.run(30 * HOUR)
    t.got("duty", (30, 31), *raised("A"))
    t.nothing_else()
    t.change("A", "ack_expired", state="notified")
    t.run(31 * HOUR)
    t.got("duty", (30 * HOUR, 30 * HOUR + 1), ("repeated", "A"))
    t.nothing_else()


def test_a_changed_value_updates_and_the_same_one_does_not(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(100)
    t.change("A", "updated", headline={"zh": "A 铅 0.5", "en": "A lead 0.5"})
    t.run(1000)
    t.change("A", "updated", reason="the same report, revised")
    t.run(3000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (330, 331), ("updated", "A"))
    t.nothing_else()


def test_an_overturned_verdict_is_told_to_those_who_were_told(make: Make) -> None:
    t = make(LEVELS)
    t.alert("A")
    t.run(100)
    t.cancel("A")
    t.run(1000)
    t.got("duty", (10, 11), *raised("A"))
    message = t.got("duty", (110, 111), ("cancelled", "A"))
    assert "撤销" in message.text().title
    t.nothing_else()


def test_what_is_overturned_before_anybody_was_told_is_not_told(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(10)
    t.cancel("A")
    t.run(HOUR)
    t.nothing_else()


def test_what_failed_again_is_raised_again(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(100)
    t.cancel("A")
    t.run(1000)
    t.alert("A")
    t.run(2000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (330, 331), ("cancelled", "A"))
    t.got("duty", (1030, 1031), *raised("A"))
    t.nothing_else()


def test_escalation_through_three_levels(make: Make) -> None:
    t = make(LEVELS)
    t.alert("A")
    t.run(HOUR)
    t.escalate("A", "county")
    t.run(2 * HOUR)
    t.escalate("A", "city")
    t.run(3 * HOUR)
    t.close("A")
    t.run(4 * HOUR)
    t.got("duty", (10, 11), *raised("A"))
    t.got("county", (HOUR + 10, HOUR + 11), *raised("A"))
    t.got("duty", (HOUR + 10, HOUR + 11), ("escalated", "A"))
    t.got("city", (2 * HOUR + 10, 2 * HOUR + 11), *raised("A"))
    t.got("county", (2 * HOUR + 10, 2 * HOUR + 11), ("escalated", "A"))
    t.got("duty", (2 * HOUR + 10, 2 * HOUR + 11), ("escalated", "A"))
    for receiver in ("duty", "county", "city"):
        t.got(receiver, (3 * HOUR + 10, 3 * HOUR + 11), ("closed", "A"))
    t.nothing_else()


def test_whoever_it_was_passed_on_by_is_not_reminded(make: Make) -> None:
    t = make(LEVELS)
    t.alert("A")
    t.run(HOUR)
    t.escalate("A", "county")
    t.run(DAY + 2 * HOUR)
    t.got("duty", (10, 11), *raised("A"))
    t.got("duty", (HOUR + 10, HOUR + 11), ("escalated", "A"))
    t.got("county", (HOUR + 10, HOUR + 11), *raised("A"))
    t.got("county", (DAY + HOUR + 10, DAY + HOUR + 11), ("repeated", "A"))
    t.nothing_else()


def test_what_escalates_before_the_first_level_was_told_is_told_to_the_next_alone(make: Make) -> None:
    t = make(LEVELS)
    t.alert("A")
    t.run(5)
    t.escalate("A", "county")
    t.run(HOUR)
    t.got("county", (15, 16), *raised("A"))
    t.nothing_else()


def test_a_silence_on_an_alert_that_ends(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(10)
    t.silence("A", until=2 * HOUR)
    t.run(2 * HOUR - 1)
    t.nothing_else()
    t.run(3 * HOUR)
    t.got("duty", (2 * HOUR, 2 * HOUR + 1), *raised("A"))
    t.nothing_else()


def test_a_silenced_alert_tells_its_end_after_the_silence(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(100)
    t.silence("A", until=HOUR)
    t.cancel("A")
    t.run(2 * HOUR)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (HOUR, HOUR + 1), ("cancelled", "A"))
    t.nothing_else()


SILENCED = """
silences:
  - {id: move, match: {lab_id: lab-7}, author: 王芳, reason: 搬迁, begins: 2026-03-09 09:00, ends: 2026-03-09 11:00}
"""


def test_a_general_silence_that_ends(make: Make) -> None:
    t = make(PLAIN + SILENCED)
    t.alert("A", lab_id="lab-7")
    t.alert("B", lab_id="lab-8")
    t.run(3 * HOUR)
    t.got("duty", (30, 31), *raised("B"))
    t.got("duty", (2 * HOUR, 2 * HOUR + 1), *raised("A"))
    t.nothing_else()


def test_a_general_silence_that_is_taken_out_of_the_file(make: Make) -> None:
    t = make(PLAIN + SILENCED)
    t.alert("A", lab_id="lab-7")
    t.run(600)
    assert t.reload(PLAIN)
    t.run(HOUR)
    t.got("duty", (600, 931), *raised("A"))
    t.nothing_else()


def hotspot(t: Timeline, name: str, *samples: str) -> None:
    evidence = [{"name": "sample", "value": f"S-{sample}"} for sample in samples]
    t.alert(name, kind="hotspot", certainty="Likely", sample_id=None, evidence=evidence)


def test_a_hotspot_absorbs_its_samples(make: Make) -> None:
    t = make(INHIBIT)
    for name in ("A", "B", "C"):
        t.alert(name)
    t.run(20)
    hotspot(t, "H", "A", "B")
    t.run(HOUR)
    t.got("duty", (30, 31), *raised("C"))
    t.got("duty", (50, 51), *raised("H"))
    t.nothing_else()


def test_what_a_hotspot_has_absorbed_is_told_when_the_hotspot_is_over(make: Make) -> None:
    t = make(INHIBIT)
    t.alert("A")
    t.alert("B")
    t.run(10)
    hotspot(t, "H", "A", "B")
    t.run(HOUR)
    t.cancel("B")
    t.run(HOUR + 10)
    t.close("H")
    t.run(2 * HOUR)
    t.got("duty", (40, 41), *raised("H"))
    t.got("duty", (HOUR + 40, HOUR + 41), ("closed", "H"))
    t.got("duty", (HOUR + 10, HOUR + 311), *raised("A"))
    t.nothing_else()


@pytest.mark.parametrize("end", ["taken back", "fallen to a watch"])
def test_a_hotspot_that_no_longer_matches_absorbs_nothing(make: Make, end: str) -> None:
    rule = "{source: {kind: hotspot, certainty: [Likely, Observed]}, target: {kind: failed_sample}, evidence: true}"
    timeline = make(PLAIN + f"inhibit: [{rule}]")
    timeline.alert("A")
    evidence = [{"name": "sample", "value": "S-A"}]
    timeline.alert("H", kind="hotspot", certainty="Likely", sample_id=None, evidence=evidence)
    timeline.run(HOUR)
    timeline.got("duty", (30, 31), *raised("H"))
    fainter = {"certainty": "Possible", "severity": "Minor"}
    if end == "taken back":
        timeline.change("H", "cancelled", state="cancelled", **fainter)
        news = "cancelled"
    else:
        timeline.change("H", "updated", **fainter)
        news = "updated"
    timeline.run(HOUR + 700)
    told = sorted(line for received in timeline.sent[1:] for line in received.lines)
    assert told == sorted([(news, "H"), ("raised", "A")])


def test_an_absorbed_sample_that_was_told_before_still_tells_its_end(make: Make) -> None:
    t = make(INHIBIT)
    t.alert("A")
    t.run(100)
    hotspot(t, "H", "A")
    t.change("A", "updated", headline={"zh": "A 2", "en": "A 2"})
    t.run(1000)
    t.cancel("A")
    t.run(2000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (130, 131), *raised("H"))
    t.got("duty", (1030, 1031), ("cancelled", "A"))
    t.nothing_else()


def test_two_that_match_both_sides_of_a_rule_do_not_silence_each_other(make: Make) -> None:
    timeline = make(
        PLAIN + "inhibit: [{source: {severity: Extreme}, target: {kind: failed_sample}, equal: [sample_id]}]"
    )
    timeline.alert("A", severity="Extreme", item_class="prohibited", sample_id="S1")
    timeline.alert("B", severity="Extreme", item_class="pathogen", sample_id="S1")
    timeline.alert("C", severity="Severe", sample_id="S1")
    timeline.run(HOUR)
    timeline.got("duty", (30, 31), *raised("A", "B"))
    timeline.nothing_else()


def test_a_rule_with_equal_labels_inhibits_there_alone(make: Make) -> None:
    rules = "inhibit: [{source: {severity: Extreme}, target: {severity: Minor}, equal: [county]}]"
    t = make(PLAIN + rules)
    t.alert("A", severity="Extreme", area="621002")
    t.alert("B", severity="Minor", area="621002")
    t.alert("C", severity="Minor", area="621021")
    t.run(HOUR)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (30, 31), *raised("C"))
    t.nothing_else()


DIGEST = "route: {receiver: digest, group_by: [county], group_wait: 10s, group_interval: 1m, repeat_interval: 0s}"


def test_a_digest_comes_at_its_hour_and_the_urgent_do_not_wait(make: Make) -> None:
    t = make(DIGEST)
    t.alert("A", area="621002")
    t.alert("B", area="621021")
    t.run(60)
    t.alert("U", urgency="Immediate")
    t.run_to("2026-03-09T18:00:00+08:00")
    t.got("digest", (70, 71), *raised("U"))
    t.got("digest", (8 * HOUR, 8 * HOUR + 1), *raised("A", "B"))
    t.nothing_else()


def test_what_becomes_urgent_leaves_the_digest(make: Make) -> None:
    t = make(DIGEST)
    t.alert("A")
    t.alert("B")
    t.run(60)
    t.change("A", "updated", urgency="Immediate", severity="Extreme")
    t.run(9 * HOUR)
    t.got("digest", (70, 71), *raised("A"))
    t.got("digest", (8 * HOUR, 8 * HOUR + 1), *raised("B"))
    t.nothing_else()


def test_what_happens_while_a_digest_is_late_puts_nothing_off_to_the_next(make: Make) -> None:
    t = make(DIGEST)
    t.alert("A")
    t.alert("B")
    t.run(8 * HOUR - 1)
    t.now += 2_000  # the service was away, or looks in a moment
    t.change("A", "updated", severity="Extreme")
    t.alert("C")
    t.run(9 * HOUR)
    t.got("digest", (8 * HOUR, 8 * HOUR + 2), *raised("A", "B"))
    t.nothing_else()
    t.change("A", "updated", severity="Minor")
    t.run_to("2026-03-10T09:00:00+08:00")
    t.got("digest", (23.5 * HOUR, 23.5 * HOUR + 1), ("updated", "A"), ("raised", "C"))
    t.nothing_else()


@pytest.mark.parametrize("general", [False, True])
def test_what_a_silence_held_back_comes_with_the_next_digest_and_not_at_night(make: Make, general: bool) -> None:
    ends = "2026-03-09T23:00:00+08:00"
    silence = f"{{id: s, match: {{kind: failed_sample}}, author: w, reason: r, ends: {ends}}}"
    t = make(DIGEST + (f"\nsilences: [{silence}]\n" if general else ""))
    t.alert("A")
    if not general:
        t.silence("A", 14 * HOUR)
    t.run_to("2026-03-10T09:00:00+08:00")
    t.got("digest", (23.5 * HOUR, 23.5 * HOUR + 1), *raised("A"))
    t.nothing_else()


def test_a_digest_of_the_next_morning(make: Make) -> None:
    t = make(DIGEST, start="2026-03-09T17:00:01+08:00")
    t.alert("A")
    t.run_to("2026-03-10T09:00:00+08:00")
    t.got("digest", (15.5 * HOUR - 2, 15.5 * HOUR), *raised("A"))
    t.nothing_else()


def test_a_receiver_that_is_down_for_two_hours_gets_everything_once_in_order(make: Make) -> None:
    t = make()
    t.down.add("duty")
    for number in range(12):
        t.alert(f"A{number}")
        t.run((number + 1) * 600)
    t.down.clear()
    t.run(3 * HOUR)
    got = [received for received in t.sent if received.destination == "duty/hook"]
    assert [received.lines for received in got] == [raised(f"A{number}") for number in range(12)]
    assert all(2 * HOUR <= received.at <= 2 * HOUR + 300 for received in got)
    assert len({received.planned.planned_id for received in got}) == 12


def test_while_a_receiver_is_down_nothing_is_repeated_to_it(make: Make) -> None:
    t = make()
    t.down.add("duty")
    t.alert("A")
    t.run(10 * HOUR)
    t.down.clear()
    t.run(11 * HOUR)
    assert [received.lines for received in t.sent if received.destination == "duty/hook"] == [raised("A")]
    t.got("duty", (10 * HOUR, 10 * HOUR + 300), *raised("A"))


def test_a_channel_that_is_down_does_not_hold_up_another(make: Make) -> None:
    t = make("route: {receiver: [duty, desk], group_wait: 30s}")
    t.down.add("duty")
    t.alert("A")
    t.run(600)
    t.got("desk", (30, 31), *raised("A"))
    t.nothing_else()


def test_a_dead_channel_is_reported_to_operations_and_so_is_its_recovery(make: Make) -> None:
    t = make()
    t.down.add("duty")
    t.alert("A")
    t.run(2 * HOUR)
    report = t.got("operations", (60, 1000), ("raised", "channel:duty/hook"))
    assert "duty/hook" in report.text("en").body
    t.down.clear()
    t.run(3 * HOUR)
    t.got("duty", (2 * HOUR, 2 * HOUR + 300), *raised("A"))
    t.got("operations", (2 * HOUR, 2 * HOUR + 400), ("closed", "channel:duty/hook"))
    t.nothing_else()


def test_a_dead_channel_of_operations_does_not_report_on_itself(make: Make) -> None:
    t = make()
    t.down |= {"duty", "operations"}
    t.alert("A")
    t.run(DAY)
    t.down.clear()
    t.run(DAY + HOUR)
    t.got("duty", (DAY, DAY + 300), *raised("A"))
    reports = [received for received in t.sent if received.destination == "operations/hook"]
    assert {line for received in reports for line in received.lines} <= {
        ("raised", "channel:duty/hook"),
        ("repeated", "channel:duty/hook"),
        ("closed", "channel:duty/hook"),
    }


def test_a_message_that_cannot_be_delivered_for_a_week_is_given_up(make: Make) -> None:
    t = make(PLAIN.replace("4h", "0s"))
    t.down.add("duty")
    t.alert("A")
    t.run(8 * DAY)
    t.down.clear()
    t.run(9 * DAY)
    assert not [received for received in t.sent if received.destination == "duty/hook"]


def test_killed_and_started_again_it_tells_nothing_twice(make: Make) -> None:
    t = make(LEVELS)
    t.alert("A")
    t.run(5)
    t.kill()
    t.run(100)
    t.kill()
    t.escalate("A", "county")
    t.kill()
    t.run(1000)
    t.kill()
    t.run(2000)
    t.got("duty", (10, 11), *raised("A"))
    t.got("county", (110, 111), *raised("A"))
    t.got("duty", (110, 111), ("escalated", "A"))
    t.nothing_else()


def test_after_a_wiped_redis_nothing_old_is_told_again(make: Make) -> None:
    t = make(LEVELS)
    for name in ("A", "B", "C"):
        t.alert(name)
    t.run(100)
    t.escalate("A", "county")
    t.cancel("B")
    t.run(1000)
    told = len(t.sent)
    t.wipe()
    t.run(2000)
    assert len(t.sent) == told
    t.close("A")
    t.close("C")
    t.run(3000)
    closed = [(received.destination, line) for received in t.sent[told:] for line in received.lines]
    assert sorted(closed) == [
        ("county/hook", ("closed", "A")),
        ("duty/hook", ("closed", "A")),
        ("duty/hook", ("closed", "C")),
    ]


def test_after_a_wiped_redis_what_was_not_delivered_is_told(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(100)
    t.down.add("duty")
    t.alert("B")
    t.run(HOUR)
    t.wipe()
    t.down.clear()
    t.run(2 * HOUR)
    first = t.got("duty", (30, 31), *raised("A"))
    second = t.got("duty", (HOUR, HOUR + 60), *raised("B"))
    assert first.planned.planned_id != second.planned.planned_id
    assert [received.destination for received in t.sent].count("duty/hook") == 2


def test_a_broken_file_keeps_the_old_routes_and_says_so(make: Make) -> None:
    t = make()
    assert not t.reload("route: {receiver: nobody}")
    [problem] = t.live.as_page()["problems"]
    assert (problem["file"], problem["field"]) == ("routes.yaml", "route.receiver")
    t.alert("A")
    t.run(100)
    t.got("duty", (30, 31), *raised("A"))
    assert t.reload(PLAIN.replace("receiver: duty", "receiver: desk"))
    assert t.live.as_page()["current"] is True
    t.alert("B")
    t.run(1000)
    t.got("desk", (130, 131), *raised("B"))
    t.nothing_else()


def test_an_impossible_date_keeps_the_old_routes(make: Make) -> None:
    timeline = make()
    silence = "{id: a, match: {kind: overdue}, author: w, reason: r, ends: 2026-06-31}"
    assert not timeline.reload(PLAIN + f"silences: [{silence}]")
    assert timeline.live.error is not None and "silences[0].ends" in str(timeline.live.error)
    timeline.alert("A")
    timeline.run(60)
    timeline.got("duty", (30, 31), *raised("A"))


def test_files_that_were_broken_are_read_again_once_they_are_mended(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    timeline = make()
    live, folder = timeline.live, timeline.folder
    timeline.write("receivers: new.yaml\n" + PLAIN)
    assert not live.refresh() and "new.yaml" in str(live.error)
    assert not live.refresh() and not live.refresh()
    key = folder / "key"
    hook = f"'json://duty.test/${{file:{key}}}'"
    people = f"{{duty: {{channels: {{hook: {hook}}}}}, operations: {{members: [duty]}}}}"
    (folder / "new.yaml").write_text(f"receivers: {people}")
    assert not live.refresh() and str(key) in str(live.error)
    assert not live.refresh() and not live.refresh()
    assert len(caplog.records) == 2, "each problem is logged once"
    key.write_text("abc")
    assert live.refresh() and live.error is None
    assert live.current.addresses == {"duty/hook": "json://duty.test/abc"}
    assert not live.refresh()


@pytest.mark.parametrize("others", [False, True], ids=["the same files", "another file of receivers"])
def test_a_file_that_is_saved_while_it_is_read_is_read_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    timeline = make()
    folder = timeline.folder
    (folder / "others.yaml").write_text((folder / "receivers.yaml").read_text())

    def read(*arguments: Any) -> Configuration:
        found = read_configuration(*arguments)
        monkeypatch.undo()
        (folder / "routes.yaml").write_text(PLAIN.replace("receiver: duty", "receiver: county"))
        return found

    monkeypatch.setattr(live, "read_configuration", read)
    timeline.reload((PLAIN + "receivers: others.yaml\n" if others else PLAIN).replace("duty", "desk"))
    timeline.live.refresh()
    assert timeline.live.routing.root.receivers == ("county",)


def test_whoever_was_told_under_other_routes_hears_of_the_end(make: Make) -> None:
    t = make()
    t.alert("A")
    t.run(100)
    t.reload(PLAIN.replace("receiver: duty", "receiver: desk"))
    t.cancel("A")
    t.run(1000)
    t.got("duty", (30, 31), *raised("A"))
    t.got("duty", (330, 331), ("cancelled", "A"))
    t.nothing_else()


def test_a_receiver_that_two_routes_lead_to_is_told_once(make: Make) -> None:
    t = make(
        """
route:
  receiver: duty
  group_wait: 30s
  routes:
    - {match: {severity: Extreme}, receiver: [duty, desk], group_wait: 0s, continue: true}
    - {match: {region: "6210"}, receiver: duty}
"""
    )
    t.alert("A", severity="Extreme")
    t.run(100)
    t.got("duty", (0, 1), *raised("A"))
    t.got("desk", (0, 1), *raised("A"))
    t.nothing_else()


def test_the_first_delivery_makes_an_alert_notified(make: Make) -> None:
    t = make("route: {receiver: [duty, desk], group_wait: 30s}")
    t.alert("A")
    t.run(29)
    assert not t.commands
    t.run(100)
    assert {command["type"] for command in t.commands} == {"Notified"}
    assert t.commands[0]["receiver"] in ("duty", "desk")
    assert t.commands[0]["channel"] == "hook"
    t.got("duty", (30, 31), *raised("A"))
    t.got("desk", (30, 31), *raised("A"))
    t.nothing_else()


def test_a_thousand_alerts_in_a_second_become_messages_that_can_be_read(make: Make) -> None:
    t = make()
    for number in range(1000):
        area = ("621002", "621021", "621022")[number % 3]
        grave: dict[str, Any] = {"severity": "Extreme", "item_class": "pathogen"} if number == 777 else {}
        t.now += 1
        t.alert(f"A{number}", area=area, **grave)
    t.run(100)
    got = [received for received in t.sent if received.destination == "duty/hook"]
    assert len(got) == 3
    assert sum(len(received.lines) for received in got) == 1000
    text = next(received for received in got if ("raised", "A777") in received.lines).text()
    assert "1. 【新预警】A777" in text.body
    assert "重金属" in text.body
    assert "samplewatch alerts list --area 6210" in text.body
    assert len(text.body) < 2000


def test_more_than_one_message_holds_come_with_the_next_the_gravest_first(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.alerts.notify.groups.MOST_LINES", 4)
    t = make()
    for number in range(6):
        t.alert(f"A{number}", severity="Extreme" if number == 5 else "Minor")
    t.run(HOUR)
    t.got("duty", (30, 31), *raised("A5", "A0", "A1", "A2"))
    t.got("duty", (330, 331), *raised("A3", "A4"))
    t.nothing_else()


def test_a_deadline_across_a_holiday(make: Make) -> None:
    # 2026's Spring Festival: 15 to 23 February are free, Saturday the 14th is worked
    began = datetime.fromisoformat("2026-02-13T10:00:00+08:00")
    rule = load_table().version("food_fail_reported", began)
    assert rule is not None
    end = due(rule, began, load_working_days()).at
    assert end.isoformat() == "2026-02-25T00:00:00+08:00"
    t = make(start="2026-02-13T10:00:00+08:00")
    t.alert("A", act_by=end.isoformat(), act_by_provisional=False, area="621002")
    t.run(100)
    t.acknowledge("A")
    message = t.got("duty", (30, 31), *raised("A"))
    assert "2026-02-25 00:00 前处置" in message.text().body
    t.run_to("2026-02-24T23:59:59+08:00")
    t.nothing_else()
    t.run_to(end.isoformat())
    t.alert("late", kind="overdue", rule="food_fail_reported", act_by=end.isoformat(), area="621002")
    t.run_to("2026-02-25T00:01:00+08:00")
    late = t.seconds - 60
    t.got("duty", (late + 30, late + 31), *raised("late"))
    t.nothing_else()
