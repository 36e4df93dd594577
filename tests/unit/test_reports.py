"""The yearly report: every number of it is a figure, and what the record does not have is said to be absent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from docx import Document

from schemas.sampling import Sample
from schemas.topics import Topic
from schemas.values import Domain, Plan
from services.charts import Line, Point, draw_series
from services.lab_results.cuts import Cell, Place
from services.reports.docx_writing import write_docx
from services.reports.figures import Verdicts
from services.reports.regions import region_name
from services.reports.rendering import Plot, Report, escaped, render
from services.reports.samples_taken import count_taken
from services.reports.samples_taken import keys_of as keys_of_place
from services.reports.wording import ABSENT, Lang, direction, written
from services.reports.year import Comparison, YearCounts, verdicts_of

LANGS: tuple[Lang, ...] = ("zh", "en")


def keys_of(domain: str, plan: str, region: str, stage: str, category: str) -> list[str]:
    return keys_of_place(Place(domain, plan, region, (category, "其他"), stage, "routine"))


def counted() -> Comparison:
    now, before = YearCounts(2021), YearCounts(2020)
    for counts, taken, passed, failed in ((now, 120, 97, 3), (before, 100, 90, 10)):
        for key in keys_of("food", "supervision", "621002101", "circulation", "糕点|甜_点"):
            counts.taken[key] = taken
            counts.verdicts[key] = Verdicts(passed, failed, 1)
    for key in keys_of("food", "risk_monitoring", "621002", "circulation", "糕点"):
        now.taken[key], now.verdicts[key] = 8, Verdicts(5, 2)
    for key in keys_of("food_rapid", "supervision", "621002", "catering", "糕点"):
        now.taken[key], now.verdicts[key] = 7, Verdicts(4, 1)
    for key in keys_of("drug", "supervision", "621026", "use", "药品"):
        now.taken[key] = 2
    return Comparison(now, before)


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,.]*%?", text)


@pytest.mark.parametrize("lang", LANGS)
def test_every_number_is_a_figure(lang: Lang) -> None:
    report = render(counted(), lang)
    shown = {number for figure in report.figures for number in numbers(written(figure, lang))}
    text = report.text.split("\n", 1)[1]
    if lang == "en":
        text = re.sub(r"^## \d\. ", "## ", text, flags=re.MULTILINE)
    assert set(numbers(text)) <= shown
    assert len({figure.name for figure in report.figures}) == len(report.figures)


def test_the_passage_on_food() -> None:
    text = render(counted(), "zh").text
    assert (
        "监督抽检：共完成食品监督抽检 120 批次，较上年增加 20 批次；已出具合格或不合格结论 100 批次，"
        "其中不合格 3 批次，合格率为 97.00%，较上年（90.00%）提高 7.00 个百分点；不判定 1 批次。" in text
    )
    assert "| 西峰区 | 120 | 100 | 3 | 97.00% | 90.00% | +7.00 |" in text
    assert r"| 糕点\|甜\_点 | 120 |" in text
    text = render(counted(), "en").text
    assert "97.00%, up 7.00 percentage points from the year before (90.00%); 1 inconclusive." in text


@pytest.mark.parametrize("lang", LANGS)
def test_what_the_record_does_not_have_is_absent(lang: Lang) -> None:
    empty = render(Comparison(YearCounts(2021), YearCounts(2020)), lang)
    assert {figure.value for figure in empty.figures} == {None}
    assert empty.text.count(ABSENT[lang]) == len(empty.figures) > 10
    assert not re.search(r"\b0\b", empty.text)


def test_a_cell_without_verdicts_has_samples_and_no_rate() -> None:
    figures = counted().at("drug", "supervision")
    assert (figures.taken.value, figures.failed.value, figures.rate.value) == (2, None, None)
    assert "共完成药品监督抽检 2 批次（上年无记录）；检验结论：无记录。" in render(counted(), "zh").text


@pytest.mark.parametrize(("domain", "plan"), [("food", "risk_monitoring"), ("food_rapid", "supervision")])
def test_problem_samples_and_suspicions_have_no_qualification_rate(domain: str, plan: str) -> None:
    figures = counted().at(domain, plan)
    with pytest.raises(ValueError, match="no qualification rate"):
        _ = figures.rate
    of_them = [figure for figure in render(counted(), "zh").figures if figure.cell[:2] == (domain, plan)]
    assert {figure.kind for figure in of_them} >= {"taken", "failed"}
    assert not [figure for figure in of_them if "rate" in figure.kind]


@pytest.mark.parametrize("lang", LANGS)
def test_whatever_a_plan_holds_is_told(lang: Lang) -> None:
    for domain, plan in product(get_args(Domain), get_args(Plan)):
        now = YearCounts(2021)
        for key in keys_of(domain, plan, "621002", "catering", "糕点"):
            now.taken[key], now.verdicts[key] = 4321, Verdicts(1234, 5)
        figures = render(Comparison(now, YearCounts(2020)), lang).figures
        told = {figure.kind for figure in figures if figure.cell[:3] == (domain, plan, "all")}
        assert told >= {"taken", "concluded", "failed"}, (domain, plan)


@pytest.mark.parametrize("lang", LANGS)
def test_explained_figures_are_listed_in_the_order_of_the_text(lang: Lang) -> None:
    report = render(counted(), lang, explain=True)
    body, _, listed = report.text.partition("数据依据" if lang == "zh" else "Where the figures come from")
    marks = [int(mark) for mark in re.findall(r"〔(\d+)〕", body)]
    assert list(dict.fromkeys(marks)) == list(range(1, len(report.figures) + 1))
    rows = re.findall(r"^\| (\d+) \|", listed, re.MULTILINE)
    assert rows == [str(number) for number in range(1, len(report.figures) + 1)]
    assert r"food\|supervision\|all\|all" in listed
    assert "2021-01-01 – 2021-12-31" in listed and "2020-01-01 – 2020-12-31" in listed


def test_a_figure_says_what_it_follows_from() -> None:
    change = counted().at("food", "supervision", "county", "621002").rate_change
    assert change.as_dict() == {
        "name": "food|supervision|county|621002|rate_change",
        "kind": "rate_change",
        "value": pytest.approx(0.07),
        "cell": "food|supervision|county|621002",
        "measure": "qualification",
        "source": "/rates",
        "behind": [
            {"from": "2021-01-01", "to": "2021-12-31", "pass": 97, "fail": 3, "inconclusive": 1},
            {"from": "2020-01-01", "to": "2020-12-31", "pass": 90, "fail": 10, "inconclusive": 1},
        ],
    }


def rates(passed: int, failed: int, passed_before: int, failed_before: int) -> Comparison:
    key = "food|supervision|all|all"
    now = YearCounts(2021, {key: 1}, {key: Verdicts(passed, failed)})
    return Comparison(now, YearCounts(2020, {key: 1}, {key: Verdicts(passed_before, failed_before)}))


@pytest.mark.parametrize(
    ("passed", "failed", "text"),
    [
        *((1, 0, "100.00%"), (0, 1, "0.00%"), (99_999, 1, "99.999%"), (1, 99_999, "0.001%"), (972, 28, "97.20%")),
        *((157, 3, "98.13%"), (3, 157, "1.88%"), (9_999_999, 1, "99.99999%"), (10**12 - 1, 1, "100.000000%")),
    ],
)
def test_a_rate_is_rounded_to_all_or_nothing_only_where_it_is(passed: int, failed: int, text: str) -> None:
    assert written(rates(passed, failed, 1, 0).at("food", "supervision").rate, "zh") == text


@pytest.mark.parametrize(
    ("before", "word", "text", "signed"),
    [
        ((98, 2), "下降", "1.00", "-1.00"),
        ((97, 3), "持平", "0.00", "0.00"),
        ((970_001, 29_999), "持平", "0.00", "0.00"),
        ((19_399, 601), "提高", "0.01", "+0.01"),
        ((19_401, 599), "下降", "0.01", "-0.01"),
    ],
)
def test_a_change_too_small_to_be_seen_is_none(before: tuple[int, int], word: str, text: str, signed: str) -> None:
    change = rates(97, 3, *before).at("food", "supervision").rate_change
    assert (direction(change, "zh"), written(change, "zh"), written(change, "zh", signed=True)) == (word, text, signed)


def test_rows_of_the_api_become_counts() -> None:
    row = {"domain": "food", "plan": "supervision", "cut": "county", "cell": "621002"}
    assert verdicts_of([{**row, "pass": 3, "fail": 2, "inconclusive": 1, "rate": 0.6}]) == {
        "food|supervision|county|621002": Verdicts(3, 2, 1)
    }


def test_two_counties_of_one_name_are_told_apart() -> None:
    now = YearCounts(2021)
    for region in ("110105", "220104", "621002"):
        now.taken |= dict.fromkeys(keys_of("food", "supervision", region, "online", "糕点"), 1)
    text = render(Comparison(now, YearCounts(2020)), "zh").text
    assert "| 朝阳区 (110105) |" in text and "| 朝阳区 (220104) |" in text and "| 西峰区 |" in text


def test_a_category_is_shown_as_it_is_called() -> None:
    now = YearCounts(2021, dict.fromkeys(keys_of("food", "supervision", "621002", "online", "甲>乙"), 1))
    report = render(Comparison(now, YearCounts(2020)), "zh")
    assert r"| 甲\>乙 | 1 |" in report.text, "escaped once, for Markdown"
    assert r"food|supervision|category_1|甲\>乙" in {figure.cell.key for figure in report.figures}


class Samples:
    """A record that holds these messages in one partition; the services have written them."""

    def __init__(self, *samples: Sample) -> None:
        self._messages = [sample.model_dump_json(exclude_none=True) for sample in samples]

    def partitions(self, topic: Topic) -> list[int]:
        return [0]

    def latest(self, topic: Topic, partition: int, struct: type[Any], keep: Callable[[Any], Any]) -> dict[str, Any]:
        read = [msgspec.json.decode(message, type=struct) for message in self._messages]
        return {one.sample_id: kept for one in read if (kept := keep(one)) is not None}


def test_samples_count_on_the_day_they_were_taken_and_voided_ones_do_not() -> None:
    def sample(sample_id: str, sampled_at: str, status: str = "taken") -> Sample:
        place = {"region": "621002101", "stage": "catering", "category": ("糕点", "蛋糕"), "product_name": "蛋糕"}
        what = {"domain": "food", "plan": "supervision", "source": "inspectors", "revision": 1, "status": status}
        return Sample.model_validate({"sample_id": sample_id, "sampled_at": sampled_at, **place, **what})

    now, before = YearCounts(2021), YearCounts(2020)
    record = Samples(
        # 0:30 on 1 January in Shanghai
        sample("A", "2020-12-31T16:30:00Z"),
        sample("B", "2021-12-31T23:59:00+08:00", "received"),
        sample("C", "2021-06-01T09:00:00+08:00", "voided"),
        sample("D", "2020-12-31T15:30:00Z"),
        sample("E", "2022-01-01T00:00:00+08:00"),
    )
    count_taken(record, (now, before))  # type: ignore[arg-type]
    keys = keys_of("food", "supervision", "621002101", "catering", "糕点")
    assert len(keys) == 4
    assert (now.taken, before.taken) == (dict.fromkeys(keys, 2), dict.fromkeys(keys, 1))
    assert not now.synthetic


@pytest.mark.parametrize("lang", LANGS)
def test_simulated_records_of_either_year_are_told(lang: Lang) -> None:
    for simulated in ({"now"}, {"before"}, {"now", "before"}, set()):
        comparison = counted()
        comparison.now.synthetic, comparison.before.synthetic = "now" in simulated, "before" in simulated
        assert ("synthetic:" in render(comparison, lang).text) == bool(simulated)


def test_samples_after_the_last_day_that_counts_are_left_out() -> None:
    comparison = Comparison.of(2021, date(2021, 3, 9))
    what = {"domain": "food", "plan": "supervision", "source": "inspectors", "revision": 1, "status": "taken"}
    place = {"region": "621002101", "stage": "catering", "category": ("糕点",), "product_name": "蛋糕"}
    days = ("2021-03-09", "2021-03-10", "2020-03-09", "2020-03-10", "2020-12-31")
    samples = [
        Sample.model_validate({"sample_id": day, "sampled_at": f"{day}T23:59:00+08:00", **what, **place})
        for day in days
    ]
    count_taken(Samples(*samples), (comparison.now, comparison.before))  # type: ignore[arg-type]
    assert {*comparison.now.taken.values(), *comparison.before.taken.values()} == {1}


@pytest.mark.parametrize(
    ("year", "today", "last", "last_before"),
    [
        (2021, date(2022, 1, 1), date(2021, 12, 31), date(2020, 12, 31)),
        (2021, date(2021, 12, 31), date(2021, 12, 31), date(2020, 12, 31)),
        (2021, date(2021, 3, 9), date(2021, 3, 9), date(2020, 3, 9)),
        (2024, date(2024, 2, 29), date(2024, 2, 29), date(2023, 2, 28)),
        (2024, date(2023, 5, 1), date(2024, 12, 31), date(2023, 12, 31)),
    ],
)
def test_a_year_that_is_not_over_is_compared_with_the_same_days(
    year: int, today: date, last: date, last_before: date
) -> None:
    comparison = Comparison.of(year, today)
    assert (comparison.now.span.last, comparison.before.span.last) == (last, last_before)
    told = {"zh": "尚未结束", "en": "is not over"}
    for lang in LANGS:
        text = render(comparison, lang).text
        assert (told[lang] in text) == (last != date(year, 12, 31))
        assert told[lang] not in text or (last.isoformat() in text and last_before.isoformat() in text)


def test_names_of_codes() -> None:
    assert [region_name(code) for code in ("62", "6210", "621002", "999999", "US-IL/Chicago/60609")] == [
        *("甘肃省", "庆阳市", "西峰区", "999999", "60609"),
    ]


def test_names_cannot_break_a_table() -> None:
    assert escaped("a|b\n*c*") == r"a\|b \*c\*"


def test_a_control_character_in_a_name_does_not_end_a_document(tmp_path: Path) -> None:
    name = "糕\x01点\x1b\ufffe"
    write_docx(f"| a |\n| --- |\n| {escaped(name)} |\n", tmp_path / "r.docx")
    assert Document(str(tmp_path / "r.docx")).tables[0].rows[1].cells[0].text == "糕点"


@pytest.mark.parametrize("lang", LANGS)
def test_docx_says_what_the_text_says(lang: Lang, tmp_path: Path) -> None:
    report: Report = render(counted(), lang, explain=True)
    write_docx(report.text, tmp_path / "r.docx")
    document = Document(str(tmp_path / "r.docx"))
    said = "\n".join(paragraph.text for paragraph in document.paragraphs)
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    for line in report.text.splitlines():
        if line and line[0] not in "|!":
            assert re.sub(r"^#+ |\*\*|\\", "", line) in said
    assert "糕点|甜_点" in cells
    rows = [line for line in report.text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    assert sum(len(table.rows) for table in document.tables) == len(rows)
    assert Cell("food", "supervision", "all", "all").key in cells


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    "stem",
    ["2021", "年报", "a report (1)", "100%25", "a#b?c", "<甲>", "a&amp;b", "甲\\乙", "[x](y)", "data:x", "*a*_b_"],
)
def test_a_chart_is_shown_whatever_its_file_is_called(stem: str, lang: Lang, tmp_path: Path) -> None:
    day = date(2021, 1, 1)
    chart = draw_series([Line("", [Point(day, day, 0.9, 0.8, 1.0, 9)])], title="", form="png", lang=lang)
    file = f"{stem}-months.png"
    (tmp_path / file).write_bytes(chart.content)
    report = render(counted(), lang, plots=(Plot(file, "图 [1]"),))
    write_docx(report.text, tmp_path / "r.docx", tmp_path)
    document = Document(str(tmp_path / "r.docx"))
    assert len(document.inline_shapes) == 1
    assert "年报" not in stem or "年报-months.png" in report.text, "Chinese can be read"
