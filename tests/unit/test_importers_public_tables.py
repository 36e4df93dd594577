"""The importer of public tables: the spellings of real ones, and what it derives where they say nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook, load_workbook

from schemas.regions import roll_up
from services.importers import BadRow, Found, Imported, Note, NotThisFormat, samr_export
from services.importers.samr_public_columns import fields_of
from services.importers.samr_public_tables import NOTHING_SAID, Unsaid, load
from services.public_tables import item_cells
from services.public_tables.columns import FAIL_COLUMNS, PASS_COLUMNS, FailedLine
from services.reports.regions import region_of_address, region_of_names

_ITEMS = "不合格项目║检验结果║标准值"
FAILED: dict[str, Any] = {
    "序号": 1,
    "抽样编号": "NCP24621002330001",
    "标称生产企业名称": "/",
    "标称生产企业地址": "/",
    "被抽样单位名称": "西峰果蔬店",
    "被抽样单位地址": "甘肃省庆阳市西峰区北大街1号",
    "食品名称": "韭菜",
    "规格型号": "散装",
    "商标": "/",
    "生产日期/批号": "2024-02-20",
    _ITEMS: "腐霉利║0.5mg/kg║≤0.2mg/kg",
    "分类": "食用农产品",
    "公告号": "2024年第3号",
    "公告日期": "2024-04-02",
    "检验机构": "庆阳市食品检验检测中心",
    "备注": "/",
}
PASSED: dict[str, Any] = {
    "抽样编号": "SC24621002330002",
    "序号": 1,
    "被抽样单位名称": "西峰超市",
    "被抽样单位所在省份": "甘肃",
    "食品名称": "大米",
    "分类": "粮食加工品",
    "公告日期": datetime(2024, 4, 2),  # noqa: DTZ001 (a spreadsheet knows no time zone)
}


def book(folder: Path, *rows: Sequence[Any], title: str | None = None) -> Path:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    if title:
        sheet.append([title])
    for row in rows:
        sheet.append(list(row))
    workbook.save(folder / "table.xlsx")
    return folder / "table.xlsx"


def load_one(folder: Path, row: dict[str, Any], unsaid: Unsaid = NOTHING_SAID) -> list[Found]:
    return list(load(book(folder, row.keys(), row.values()), unsaid))


def event(found: list[Found]) -> Imported:
    [one] = [one for one in found if isinstance(one, Imported)]
    assert not [one for one in found if isinstance(one, BadRow)], found
    return one


def test_a_failure(tmp_path: Path) -> None:
    one = event(load_one(tmp_path, FAILED))
    sample, result = one.sample, one.result
    assert (sample.sample_id, sample.product_name, sample.category) == ("NCP24621002330001", "韭菜", ("食用农产品",))
    assert (sample.domain, sample.plan, sample.stage, sample.region) == ("food", "supervision", "circulation", "621002")
    assert (sample.producer, sample.brand, sample.batch) == (None, None, None)
    assert sample.production_date == date(2024, 2, 20)
    assert sample.sampled_party is not None and sample.sampled_party.address == FAILED["被抽样单位地址"]
    assert result is not None and result.lab_id == "庆阳市食品检验检测中心"
    assert result.issued_at.isoformat() == "2024-04-02T12:00:00+08:00"
    [item] = result.items
    assert (item.item, item.value, item.unit) == ("腐霉利", Decimal("0.5"), "mg/kg")
    assert (item.limit, item.limit_kind, item.verdict, result.conclusion) == (Decimal("0.2"), "max", "fail", "fail")


def test_a_pass_and_what_is_derived(tmp_path: Path) -> None:
    found = load_one(tmp_path, PASSED)
    one = event(found)
    assert one.result is not None
    assert (one.sample.region, one.sample.sampled_at) == ("620000", one.result.issued_at)
    assert (one.result.conclusion, one.result.items, one.result.lab_id) == ("pass", (), "unnamed")
    notes = " ".join(note.text for note in found if isinstance(note, Note))
    assert all(word in notes for word in ("检验机构", "公告日期 is taken", "--sampled-on", "--stage"))


def test_what_the_table_does_not_say_can_be_said(tmp_path: Path) -> None:
    said = Unsaid("special", "online", "lab-1", "621002", date(2024, 2, 1), date(2024, 3, 1))
    found = load_one(tmp_path, {**PASSED, "被抽样单位所在省份": "甘肃省", "公告日期": None}, said)
    one = event(found)
    assert one.result is not None
    assert (one.sample.plan, one.sample.stage, one.sample.region) == ("special", "online", "621002")
    assert (one.sample.sampled_at.date(), one.result.issued_at.date()) == (date(2024, 2, 1), date(2024, 3, 1))
    assert one.result.lab_id == "lab-1"
    assert not [note for note in found if isinstance(note, Note)]
    other = event(load_one(tmp_path, {**PASSED, "被抽样单位所在省份": "陕西省"}, said))
    assert other.sample.region == "610000", "a county of another province would be wrong"


@pytest.mark.parametrize("province", ["甘肃", "甘肃省", "甘肃省／庆阳市", "620000"])
def test_a_province_is_one_however_it_is_written(tmp_path: Path, province: str) -> None:
    row = {**PASSED, "被抽样单位所在省份": province}
    passed, failed = event(load_one(tmp_path, row)), event(load_one(tmp_path, FAILED))
    assert roll_up(passed.sample.region).province == roll_up(failed.sample.region).province == "62"
    assert roll_up(passed.sample.region).county is None
    assert event(load_one(tmp_path, row, Unsaid(region="621002"))).sample.region == "621002"
    assert event(load_one(tmp_path, row, Unsaid(region="甘肃省/庆阳市/西峰区"))).sample.region == "621002"


def test_what_the_row_says_is_kept_where_the_option_says_another(tmp_path: Path) -> None:
    assert event(load_one(tmp_path, FAILED, Unsaid(region="621026"))).sample.region == "621002"
    city = {**FAILED, "被抽样单位地址": "甘肃省兰州市"}
    assert event(load_one(tmp_path, city, Unsaid(region="621026"))).sample.region == "620100"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *((name, "450000") for name in ("广西", "广西壮族自治区")),
        *((name, "150000") for name in ("内蒙古", "内蒙古自治区")),
        *((name, "110000") for name in ("北京", "北京市")),
        *((name, "650000") for name in ("新疆", "新疆维吾尔自治区")),
        *((name, "640000") for name in ("宁夏", "宁夏回族自治区")),
        *((name, "810000") for name in ("香港", "香港特别行政区")),
        ("甘肃省/庆阳市", "621000"),
        ("甘肃/庆阳市/西峰区", "621002"),
        ("北京市/朝阳区", "110105"),
        ("北京市/北京市/朝阳区", "110105"),
        ("重庆市/市辖区/渝北区", "500112"),
        ("湖北省/省直辖县级行政区划/仙桃市", "429004"),
        ("吉林省/吉林市/船营区", "220204"),
        ("甘肃省/某地", "620000"),
        ("某省", "某省"),
        ("US-IL/Chicago", "US-IL/Chicago"),
    ],
)
def test_the_code_of_names(path: str, code: str) -> None:
    assert region_of_names(path) == code


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"公告日期": None}, "公告日期"),
        ({"公告日期": "四月"}, "公告日期"),
        ({"被抽样单位地址": "北大街1号"}, "被抽样单位地址"),
        ({"被抽样单位所在省份": "62"}, "被抽样单位所在省份"),
        ({"被抽样单位所在省份": "甘肃省/"}, "被抽样单位所在省份"),
        ({_ITEMS: None}, "不合格项目"),
        ({_ITEMS: "甲║1║2║3"}, "不合格项目"),
        ({"食品名称": None}, "食品名称"),
        ({"分类": None}, "分类"),
    ],
)
def test_a_row_that_says_too_little_is_named(tmp_path: Path, change: dict[str, Any], column: str) -> None:
    [bad] = [one for one in load_one(tmp_path, {**FAILED, **change}) if isinstance(one, BadRow)]
    assert (bad.row, bad.column) == (2, column)


@pytest.mark.parametrize("mark", ["║", "‖", "|", "｜", "||", "/", "\n", " ║ ", "\n║\n", "（║）"])
def test_the_merged_column_in_its_variants(mark: str) -> None:
    assert fields_of([f"不合格项目{mark}检验结果{mark}标准值"]) == {0: "items"}
    assert fields_of([f"不合格\n项目　{mark}检测结果{mark}标准\n限量值"]) in ({0: "items"}, {})


@pytest.mark.parametrize(
    "header", ["食品\n名称", "食 品 名 称", "食品　名称", "\r\n食品名称 ", "食品名称*", "样品名称"]
)
def test_headers_are_broken_and_spaced(header: str) -> None:
    assert fields_of([header]) == {0: "product_name"}


def test_every_column_of_the_issue_is_known() -> None:
    for columns in (PASS_COLUMNS, FAIL_COLUMNS):
        assert fields_of(columns) == dict(enumerate(columns.values()))


A, B = FailedLine("铅(以Pb计)", "0.31mg/kg", "≤0.2mg/kg"), FailedLine("沙门氏菌", "检出", "不得检出")


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        *((f"铅(以Pb计){mark}0.31mg/kg{mark}≤0.2mg/kg", (A,)) for mark in ("║", "‖", "|", "｜", "||", " ║ ")),
        *(
            (f"铅(以Pb计)║0.31mg/kg║≤0.2mg/kg{separator}沙门氏菌║检出║不得检出", (A, B))
            for separator in ("；", ";", "、", "\n", "；\n", "\r\n", "\n\n")
        ),
        *(
            (f"铅{separator}镉{separator}", (FailedLine("铅"), FailedLine("镉")))
            for separator in ("；", ";", "、", "\n")
        ),
        ("铅、镉║0.3、0.4║≤0.2、≤0.1", (FailedLine("铅", "0.3", "≤0.2"), FailedLine("镉", "0.4", "≤0.1"))),
        ("菌落总数║①1；②2║n=5；大肠菌群║①3；②4║n=5", None),
        ("菌落总数║①1；②2║n=5", (FailedLine("菌落总数", "①1；②2", "n=5"),)),
        ("多氯联苯(PCB28、PCB52)", (FailedLine("多氯联苯(PCB28、PCB52)"),)),
        ("苯甲酸及其钠盐\n(以苯甲酸计)", (FailedLine("苯甲酸及其钠盐(以苯甲酸计)"),)),
        ("铅(以Pb计、镉", (FailedLine("铅(以Pb计"), FailedLine("镉"))),
        ("铅║0.3", (FailedLine("铅", "0.3"),)),
        ("铅║/║≤0.2", (FailedLine("铅", None, "≤0.2"),)),
    ],
)
def test_cells_of_failed_items(cell: str, lines: tuple[FailedLine, ...] | None) -> None:
    expected = (FailedLine("菌落总数", "①1；②2", "n=5"), FailedLine("大肠菌群", "①3；②4", "n=5"))
    assert item_cells.read(cell) == (expected if lines is None else lines)


def test_slashes_as_marks_where_the_header_says_so(tmp_path: Path) -> None:
    row = {name: cell for name, cell in FAILED.items() if name != _ITEMS}
    merged = {"不合格项目/检验结果/标准值": "腐霉利/0.5mg/kg/≤0.2mg/kg\n沙门氏菌/检出/不得检出"}
    result = event(load_one(tmp_path, {**row, **merged})).result
    assert result is not None
    assert [(item.item, item.value, item.limit, item.limit_kind) for item in result.items] == [
        ("腐霉利", Decimal("0.5"), Decimal("0.2"), "max"),
        ("沙门氏菌", "检出", None, "absent"),
    ]
    assert item_cells.read("甲/乙") == (FailedLine("甲/乙"),), "a slash in a name is one"


def test_titles_footnotes_and_empty_rows(tmp_path: Path) -> None:
    path = book(
        *(tmp_path, FAILED.keys(), FAILED.values(), [], ["注：以上信息仅指本次抽检"]), title="附件2 不合格食品信息"
    )
    assert event(list(load(path))).sample.sample_id == FAILED["抽样编号"]


def test_both_tables_in_one_workbook(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.create_sheet("说明").append(["说明"])
    for row in (PASSED, FAILED):
        sheet = workbook.create_sheet()
        sheet.append(list(row))
        sheet.append(list(row.values()))
    workbook.save(tmp_path / "both.xlsx")
    found = [one.result for one in load(tmp_path / "both.xlsx") if isinstance(one, Imported)]
    assert [result and result.conclusion for result in found] == ["pass", "fail"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv(tmp_path: Path, encoding: str) -> None:
    text = ",".join(FAILED) + "\r\n" + ",".join(f'"{cell}"' for cell in FAILED.values()) + "\r\n"
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    assert event(list(load(tmp_path / "table.csv"))) == event(load_one(tmp_path, FAILED))


def test_the_same_sample_twice_is_told(tmp_path: Path) -> None:
    found = list(load(book(tmp_path, FAILED.keys(), FAILED.values(), FAILED.values())))
    assert [(one.row, one.column) for one in found if isinstance(one, BadRow)] == [(3, "抽样编号")]


def test_not_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("no workbook")
    with pytest.raises(NotThisFormat, match="xlsx"):
        list(load(tmp_path / "t.xlsx"))
    with pytest.raises(NotThisFormat, match="抽样编号"):
        list(load(book(tmp_path, ["a"], ["b"])))
    # a quote that is never closed makes one cell of the rest
    (tmp_path / "t.csv").write_text(",".join(FAILED) + '\n"' + "甲,\n" * 200_000)
    with pytest.raises(NotThisFormat, match=r"t\.csv can't be read to its end"):
        list(load(tmp_path / "t.csv"))


@pytest.mark.parametrize("read", [load, samr_export.load])
def test_a_damaged_workbook_is_refused_whatever_is_damaged(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    whole = book(tmp_path, FAILED.keys(), *[FAILED.values()] * 20)
    workbook = load_workbook(whole)
    workbook.active.title = "data_1"
    workbook.save(whole)
    content, damaged = whole.read_bytes(), tmp_path / "damaged.xlsx"
    for place in range(30, len(content), 41):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with contextlib.suppress(NotThisFormat):
            list(read(damaged))
    with ZipFile(whole) as parts, ZipFile(damaged, "w") as left:
        for name in parts.namelist():
            text = parts.read(name)
            left.writestr(name, text[:-200] if name.startswith("xl/worksheets") else text)
    with pytest.raises(NotThisFormat, match=r"damaged\.xlsx can't be read to its end"):
        list(read(damaged))


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("甘肃省庆阳市西峰区北大街1号", "621002"),
        ("甘肃省 庆阳市\n西峰区", "621002"),
        ("庆阳市宁县早胜镇", "621026"),
        ("甘肃省庆阳市", "621000"),
        ("甘肃省某地", "620000"),
        ("北京市朝阳区建国路", "110105"),
        ("广东省东莞市长安镇", "441900"),
        ("新疆维吾尔自治区乌鲁木齐市天山区", "650102"),
        ("朝阳区建国路", None),
        ("北大街1号", None),
    ],
)
def test_the_region_that_an_address_begins_with(address: str, region: str | None) -> None:
    assert region_of_address(address) == region


def test_the_laboratory_and_the_number_may_be_wrapped(tmp_path: Path) -> None:
    wrapped = {"抽样编号": "NCP24621002\n330001", "检验机构": "庆阳市食品\r\n检验检测中心"}
    one = event(load_one(tmp_path, {**FAILED, **wrapped}))
    assert one.result is not None
    assert (one.sample.sample_id, one.result.lab_id) == (FAILED["抽样编号"], FAILED["检验机构"])
