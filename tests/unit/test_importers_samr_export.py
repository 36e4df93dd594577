"""The importer of the national sampling system's export."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from services.importers import BadRow, Imported, Note, NotThisFormat, describe, samr_cells, samr_export

ROW: dict[str, Any] = {
    "抽样编号": "NCP24621002",
    "报告分类": "合格报告",
    "任务来源": "甘肃省市场监督管理局",
    "检验目的/任务类别": "监督抽检",
    "样品名称": "苹果",
    "样品规格": "散装",
    "标识生产企业名称": "/",
    "被抽样单位名称": "西峰果蔬店",
    "营业执照号": 621002600123456.0,
    "被抽样单位省": "甘肃省",
    "被抽样单位市": "庆阳市",
    "被抽样单位县": "西峰区",
    "抽样地点[生产/流通/餐饮]": "流通环节",
    "食品大类": "食用农产品",
    "食品亚类": "水果类",
    "抽样人员": "张三、李四",
    "抽样时间": datetime(2024, 3, 4, 9, 30),  # noqa: DTZ001 (a spreadsheet knows no time zone)
    "报告书编号": "R-1",
    "报告日期": "2024-03-20",
    "检验机构名称": "庆阳市食品检验检测中心",
    "检验项目": "敌敌畏",
    "检验结果": "0.05",
    "结果单位": "mg/kg",
    "最大允许限": "≤0.1",
    "结果判定": "合格项",
    "没有人认识的列": "x",
}


def events(*rows: dict[str, Any]) -> list[Any]:
    return list(samr_export.events([{**ROW, **row} for row in rows]))


def one(*rows: dict[str, Any]) -> Imported:
    (found,) = events(*rows)
    assert isinstance(found, Imported), found
    return found


def test_rows_of_one_sample_are_one_report() -> None:
    bad_item = {
        "检验项目": "克百威",
        "检验结果": 0.03,
        "最大允许限": 0.02,
        "结果判定": "不合格项",
        "报告分类": "一般不合格报告",
    }
    found = one({"报告分类": "一般不合格报告"}, bad_item)
    sample, result = found.sample, found.result
    assert result is not None and result.conclusion == "fail"
    assert [(item.item, item.value, item.limit, item.limit_kind, item.verdict) for item in result.items] == [
        ("敌敌畏", Decimal("0.05"), Decimal("0.1"), "max", "pass"),
        ("克百威", Decimal("0.03"), Decimal("0.02"), "max", "fail"),
    ]
    assert (sample.plan, sample.stage, sample.region) == ("supervision", "circulation", "甘肃省/庆阳市/西峰区")
    assert sample.category == ("食用农产品", "水果类")
    assert sample.producer is None, "a slash says that there is none"
    assert sample.sampled_party is not None and sample.sampled_party.licence == "621002600123456"
    assert sample.sampled_by == ("张三", "李四")
    assert sample.sampled_at.isoformat() == "2024-03-04T09:30:00+08:00"
    assert result.issued_at.date() == date(2024, 3, 20)
    assert (result.report_no, result.lab_id) == ("R-1", "庆阳市食品检验检测中心")


def test_a_region_code_is_taken_as_it_is() -> None:
    assert one({"被抽样单位县": 621002}).sample.region == "621002"
    assert one({"被抽样单位县": None}).sample.region == "甘肃省/庆阳市"


@pytest.mark.parametrize(
    "written", ["2024-03-20", "2024/3/20", "2024年3月20日", "20240320", date(2024, 3, 20), "2024.03.20"]
)
def test_dates_as_people_write_them(written: Any) -> None:
    result = one({"报告日期": written}).result
    assert result is not None and result.issued_at.isoformat() == "2024-03-20T00:00:00+08:00"


@pytest.mark.parametrize("written", ["2024-12", "2024/12", "2024.11", "2024年12月", "202412", "2024120", "2024-1205"])
def test_a_month_is_no_date(written: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        samr_cells.moment(written)
    found = events({"生产日期": written})
    assert [note.text for note in found if isinstance(note, Note)] == [
        f"row 2: 生产日期: {written!r} is not a date: left out"
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *((several, several) for several in ("0,0,8,0,0", "1100,1200", "0,1", "1,5", "1234,567", "＜10,＜10", ",5")),
        *((several, several) for several in ("5_10", "1_000")),
        ("1,234", Decimal(1234)),
        ("-12,345,678.90", Decimal("-12345678.90")),
        ("0.05", Decimal("0.05")),
    ],
)
def test_commas_belong_to_a_number_between_thousands_only(written: str, read: Decimal | str) -> None:
    assert samr_cells.decimal_or_words(written) == samr_cells.limit(written) == read


def test_limits() -> None:
    def limit(**cells: Any) -> tuple[Any, ...]:
        result = one(cells).result
        assert result is not None
        item = result.items[0]
        return item.limit, item.limit_low, item.limit_kind, item.basis

    assert limit(最大允许限=None, 最小允许限="0.01") == (Decimal("0.01"), None, "min", None)
    assert limit(最小允许限=0.01) == (Decimal("0.1"), Decimal("0.01"), "range", None)
    assert limit(最大允许限="不得检出") == (None, None, "absent", "最大允许限: 不得检出")
    assert limit(最大允许限="n=5,c=0", 判定依据="GB 29921") == (None, None, None, "GB 29921; 最大允许限: n=5,c=0")
    # in another unit it would be compared wrongly
    assert limit(最大允许限="100", 最大允许限单位="μg/kg") == (None, None, None, "最大允许限: 100 μg/kg")


def test_columns_may_be_missing() -> None:
    kept = ("抽样编号", "样品名称", "被抽样单位省", "食品大类", "检验项目", "结果判定", "报告日期")
    found = list(samr_export.events([{name: ROW[name] for name in kept}]))
    imported = [one for one in found if isinstance(one, Imported)]
    assert len(imported) == 1 and imported[0].result is not None
    result = imported[0].result
    assert (result.conclusion, result.report_no, result.lab_id) == ("pass", "NCP24621002", "unnamed")
    assert result.items[0].value == "合格项", "without a measured value the judgement is what was found"
    assert imported[0].sample.plan == "supervision" and imported[0].sample.stage == "circulation"
    assert len([one for one in found if isinstance(one, Note)]) == 3


def test_what_fails_in_risk_monitoring_is_never_supervision() -> None:
    found = events({"检验目的/任务类别": None, "报告分类": "问题样品", "结果判定": "问题项"})
    assert found[0].sample.plan == "risk_monitoring"
    assert one({"检验目的/任务类别": "省级风险监测"}).sample.plan == "risk_monitoring"


@pytest.mark.parametrize(
    ("purpose", "plan"),
    [
        ("省级监督抽检", "supervision"),
        ("监督抽检/常规抽检", "supervision"),
        ("专项监督抽检", "special"),
        ("专项抽检", "special"),
        ("专项风险监测", "risk_monitoring"),
        ("食品安全抽检监测", "supervision"),
        ("食品安全抽检监测/风险监测", "risk_monitoring"),
        ("抽检监测（评价性抽检）", "evaluation"),
    ],
)
def test_the_plan_is_the_one_that_its_words_name(purpose: str, plan: str) -> None:
    assert one({"检验目的/任务类别": purpose}).sample.plan == plan


def test_two_plans_in_one_cell_are_not_taken_for_one_of_them() -> None:
    [bad] = events({"检验目的/任务类别": "监督抽检、风险监测"})
    assert (bad.column, bad.reason) == ("检验目的/任务类别", "'监督抽检、风险监测' names more than one plan")
    # the name of a task only stands in for the purpose
    task = {"检验目的/任务类别": None, "任务来源": "2025年监督抽检和风险监测"}
    assert events(task)[0].sample.plan == "supervision"
    assert events({**task, "报告分类": "问题样品", "结果判定": "问题项"})[0].sample.plan == "risk_monitoring"


def test_a_bad_row_is_named_and_the_rest_goes_on() -> None:
    other = {"抽样编号": "B"}
    found = events({"样品名称": None}, {**other, "结果判定": "大概合格"}, {"抽样编号": "C"}, {"抽样编号": None})
    bad = [(one.row, one.column) for one in found if isinstance(one, BadRow)]
    assert sorted(bad) == [(2, "样品名称"), (3, "结果判定"), (5, "抽样编号")]
    imported = {one.sample.sample_id: one.result for one in found if isinstance(one, Imported)}
    assert set(imported) == {"B", "C"}
    assert imported["B"] is None, "a report without one of its items could conclude otherwise"
    assert imported["C"] is not None


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"报告分类": "一般不合格报告"}, "报告分类"),
        ({"方法检出限": "0.1"}, "检验结果"),
        ({"报告日期": "明天"}, "报告日期"),
        ({"检验目的/任务类别": "散步"}, "检验目的/任务类别"),
        ({"抽样地点[生产/流通/餐饮]": "月球"}, "抽样地点[生产/流通/餐饮]"),
    ],
)
def test_the_column_at_fault_is_named(cells: dict[str, Any], column: str) -> None:
    bad = [one for one in events(cells) if isinstance(one, BadRow)]
    assert [(one.row, one.column) for one in bad] == [(2, column)]


def test_what_nothing_depends_on_is_left_out_with_a_note() -> None:
    imported, note = events({"生产日期": "见包装"})
    assert imported.sample.production_date is None
    assert isinstance(note, Note) and "生产日期" in note.text and "row 2" in note.text


def test_repeats() -> None:
    result = one({}, {}, {"检验结果": "0.06"}).result
    assert result is not None
    assert [(item.portion, item.value) for item in result.items] == [("test", Decimal("0.05")), ("2", Decimal("0.06"))]


def test_the_event_id_follows_the_content() -> None:
    assert one({}) == one({})
    changed = one({"检验结果": "0.06"})
    assert changed.sample == one({}).sample
    assert changed.result is not None and changed.result.event_id != one({}).result.event_id


def test_a_workbook(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "data_1"
    sheet.append(["食品安全抽检数据"])
    sheet.append([f" {name} " for name in ROW])
    sheet.append(list(ROW.values()))
    sheet.append([])
    sheet.append(list({**ROW, "抽样编号": None}.values()))
    workbook.save(tmp_path / "export.xlsx")
    found = list(samr_export.load(tmp_path / "export.xlsx"))
    assert describe(found) == {"samples": 1, "results": 1, "items": 1, "pass": 1, "fail": 0, "inconclusive": 0}
    assert [one.row for one in found if isinstance(one, BadRow)] == [5]


def test_not_an_export(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.save(tmp_path / "other.xlsx")
    with pytest.raises(NotThisFormat, match="data_1"):
        list(samr_export.load(tmp_path / "other.xlsx"))
    workbook.create_sheet("data_1").append(["a"])
    workbook.save(tmp_path / "other.xlsx")
    with pytest.raises(NotThisFormat, match="抽样编号"):
        list(samr_export.load(tmp_path / "other.xlsx"))
    (tmp_path / "text.xlsx").write_text("no workbook")
    with pytest.raises(NotThisFormat, match="xlsx"):
        list(samr_export.load(tmp_path / "text.xlsx"))
