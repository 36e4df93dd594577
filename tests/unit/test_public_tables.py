"""The public tables: what is published as which row, and that reading a table gives back what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from schemas.sampling import Sample
from schemas.structs import mirror
from schemas.verdicts import Verdict
from services.importers import BadRow, Imported
from services.importers.samr_cells import text as normal
from services.importers.samr_public_tables import Numbered, Unsaid, load, read_rows
from services.lab_results import domain as lab
from services.lab_results.domain import EMPTY, Dossier
from services.lab_results.domain import SampleFacts as SampleOfLab
from services.lab_results.facts import content_mark, facts_of
from services.public_tables import item_cells, made_on
from services.public_tables.columns import FAIL_COLUMNS, PASS_COLUMNS, FailedLine, PublicRow
from services.public_tables.rows import Announcement, Choice, SampleFacts, row_of
from services.public_tables.workbook import MOST_CHARACTERS, TooLarge, numbered, write_table, write_tables
from services.runtime.marks import mark_of
from services.sampling.domain import UNKNOWN, sample_of, take
from tests.events import sample_taken

#: The header rows of the regulator's tables.
PASS_HEADER = [
    *(
        "抽样编号",
        "序号",
        "标称生产企业名称",
        "标称生产企业地址",
        "被抽样单位名称",
        "被抽样单位所在省份",
        "食品名称",
        "规格型号",
    ),
    *("生产日期/批号", "分类", "公告号", "公告日期", "任务来源/项目名称", "备注", "公告网址链接"),
]
FAIL_HEADER = [
    *(
        "抽样编号",
        "序号",
        "标称生产企业名称",
        "标称生产企业地址",
        "被抽样单位名称",
        "被抽样单位地址",
        "食品名称",
        "规格型号",
        "商标",
    ),
    *(
        "生产日期/批号",
        "不合格项目",
        "分类",
        "公告号",
        "公告日期",
        "任务来源/项目名称",
        "检验机构",
        "备注",
        "公告网址链接",
    ),
]

#: Any text that JSON can carry: control characters, formulas, marks and separators among them.
_SIGNS = st.characters(exclude_categories=("Cs",)) | st.sampled_from("=+-@/\\║|‖；;、“”()（）_xX0D\n\t\r '\"《》0159")
_AWKWARD = st.sampled_from(
    [
        "=1+1",
        "#N/A",
        "_x000D_",
        "_x005F_x",
        "a\r\nb",
        "1,000",
        "00012",
        "2024-03-01",
        "TRUE",
        "“a”、b",
        "a║b",
        "（、",
        "-",
    ]
)


def texts(most: int = 40) -> st.SearchStrategy[str]:
    """Texts as a cell can say them: without space around them, and not one that says nothing."""
    return (st.text(_SIGNS, min_size=1, max_size=most) | _AWKWARD).map(str.strip).filter(lambda one: normal(one) == one)


def maybe(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | strategy


names = texts() | st.sampled_from(["无", "/", "-"])
#: An identifier has no line break, of whatever kind.
identifiers = texts().filter(lambda one: len(one.splitlines()) == 1)
item_names = texts() | st.sampled_from(["/", "无", "铅(以Pb计)", "多氯联苯(PCB28、PCB52)", "菌落总数"])
numbers = st.decimals(0, 9999, allow_nan=False, allow_infinity=False, places=2).map(str)
units = st.sampled_from(["", "mg/kg", "CFU/g", "%", "μg/kg"])


@st.composite
def measured_lines(draw: st.DrawFn) -> FailedLine:
    unit = draw(units)
    value = draw(
        st.none() | numbers.map(lambda n: n + unit) | st.sampled_from(["检出", "2.3×10⁴ CFU/g", "①1；②2", "<LOD"])
    )
    limit = draw(
        st.none()
        | numbers.map(lambda n: f"≤{n}{unit}")
        | numbers.map(lambda n: f"≥{n}{unit}")
        | st.tuples(numbers, numbers).map(lambda pair: f"{pair[0]}~{pair[1]}{unit}")
        | st.sampled_from(["不得检出", "n=5,c=2,m=10⁴,M=10⁵ CFU/g", "≤3 个", "见备注；另附"])
    )
    return FailedLine(draw(item_names), value, limit)


lines = st.lists(item_names.map(FailedLine), min_size=1, max_size=4, unique=True).map(tuple)
valued = st.lists(measured_lines(), min_size=1, max_size=4, unique=True).map(tuple)
days = st.dates(date(2000, 1, 2), date(2026, 1, 1))
#: What stands in the rows of both tables.
_COMMON: dict[str, st.SearchStrategy[Any]] = {
    "sample_id": identifiers,
    "producer_name": maybe(texts()),
    "producer_address": maybe(texts()),
    "party_name": maybe(texts()),
    "product_name": names,
    "specification": maybe(texts()),
    "made": maybe(texts() | days.map(str) | st.tuples(days, texts()).map(lambda pair: f"{pair[0]}/{pair[1]}")),
    "category": names,
    "announcement_no": maybe(texts()),
    "announced_on": days.map(str),
    "task": maybe(texts()),
    "remark": maybe(texts()),
    "link": maybe(texts()),
}
passes = st.builds(PublicRow, **_COMMON, province=maybe(texts()))
failures = st.builds(
    PublicRow,
    **_COMMON,
    party_address=maybe(texts()),
    brand=maybe(texts()),
    laboratory=maybe(identifiers),
    items=lines | valued,
)
tables = st.tuples(
    st.lists(passes, max_size=4, unique_by=lambda row: row.sample_id),
    st.lists(failures, max_size=4, unique_by=lambda row: row.sample_id),
)


def written(folder: Path, passed: list[PublicRow], failed: list[PublicRow], values: bool = True) -> Iterator[Any]:
    for path in write_tables(folder, passed, failed, values):
        yield list(read_rows(path))


def rows(read: list[Any]) -> list[PublicRow]:
    assert all(isinstance(one, Numbered) for one in read), read
    return [one.row for one in read]


@given(tables)
@settings(max_examples=120)
def test_records_to_xlsx_and_back(both: tuple[list[PublicRow], list[PublicRow]]) -> None:
    passed, failed = map(numbered, both)
    with TemporaryDirectory() as folder:
        read_passes, read_failures = written(Path(folder), passed, failed)
    assert rows(read_passes) == passed
    assert rows(read_failures) == failed


@given(lines)
def test_names_alone_come_back(names_of: tuple[FailedLine, ...]) -> None:
    assert item_cells.read(item_cells.write(names_of)) == names_of


def concluded(one: Imported) -> tuple[Sample, Verdict]:
    """The sample and its verdict as the services conclude them and write them to their topics."""
    event = type(one.sample).model_validate_json(one.sample.model_dump_json())
    life, answer = take(UNKNOWN, event, event.source, b"1", 0)
    assert answer.outcome == "accepted"
    sample = sample_of(life)
    assert sample is not None and one.result is not None
    dossier: Dossier = lab.register(EMPTY, mirror(sample, SampleOfLab))
    result = facts_of(one.result)
    dossier, answer = lab.take(dossier, result, "import", mark_of("import", "1"), content_mark(result))
    assert answer.outcome == "accepted"
    verdict = lab.verdict_of(dossier)
    return sample, Verdict.model_validate_json(msgspec.json.encode(verdict))


def with_parties(row: PublicRow) -> PublicRow:
    """An address without a name belongs to nobody, and is left out with a note."""
    return replace(
        row,
        producer_address=row.producer_address if row.producer_name else None,
        party_address=row.party_address if row.party_name else None,
    )


@given(tables, st.sampled_from(["甘肃省", "北京市", "US-IL"]))
@settings(max_examples=120)
def test_importer_to_events_to_exporter(both: tuple[list[PublicRow], list[PublicRow]], province: str) -> None:
    passed = numbered(replace(with_parties(row), province=province) for row in both[0])
    failed = numbered(map(with_parties, both[1]))
    with TemporaryDirectory() as folder:
        files = write_tables(Path(folder), passed, failed, with_values=True)
        found = [list(load(path, Unsaid(region="621002"))) for path in files]
    for imported, expected in zip(found, (passed, failed), strict=True):
        assert not [one for one in imported if isinstance(one, BadRow)]
        events = [one for one in imported if isinstance(one, Imported)]
        again = []
        for one, row in zip(events, expected, strict=True):
            announced = Announcement(
                row.announcement_no, date.fromisoformat(str(row.announced_on)), row.link, row.remark
            )
            again.append(row_of(*concluded(one), announced))
        assert numbered(again) == expected


def test_the_headers_are_the_regulators(tmp_path: Path) -> None:
    for path, header in zip(write_tables(tmp_path, [], []), (PASS_HEADER, FAIL_HEADER), strict=True):
        [row] = load_workbook(path).active.iter_rows(values_only=True)
        assert list(row) == header
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["不合格公示表.xlsx", "合格公示表.xlsx"]


def test_empty_cells(tmp_path: Path) -> None:
    write_tables(tmp_path, [PublicRow("S", 1)], [PublicRow("S", 1)])
    for name, columns in (("合格公示表", PASS_COLUMNS), ("不合格公示表", FAIL_COLUMNS)):
        _, cells = load_workbook(tmp_path / f"{name}.xlsx").active.iter_rows(values_only=True)
        said = dict(zip(columns, cells, strict=True))
        assert {said.pop(column) for column in ("公告号", "公告日期", "公告网址链接")} == {None}
        assert (said.pop("抽样编号"), said.pop("序号")) == ("S", "1")
        assert set(said.values()) == {"/"}


def test_failed_items_are_joined(tmp_path: Path) -> None:
    items = (FailedLine("铅(以Pb计)", "0.31mg/kg", "≤0.2mg/kg"), FailedLine("沙门氏菌", "检出", "不得检出"))
    assert item_cells.write(items) == "铅(以Pb计)、沙门氏菌"
    assert item_cells.write(items, True) == "铅(以Pb计)║0.31mg/kg║≤0.2mg/kg、沙门氏菌║检出║不得检出"


def test_a_simulated_sample_is_said_to_be_one() -> None:
    body = {**sample_taken("S"), "revision": 1, "status": "taken"}
    for source, remark, written in (
        ("synthetic:inspectors-621002", None, "模拟数据，非真实样品"),
        ("synthetic:inspectors-621002", "见附件", "模拟数据，非真实样品；见附件"),
        ("/inspectors/qingyang", "见附件", "见附件"),
        ("/inspectors/qingyang", None, None),
    ):
        sample = msgspec.json.decode(json.dumps({**body, "source": source}), type=SampleFacts)
        assert row_of(sample, verdict(), Announcement(remark=remark)).remark == written


def test_nothing_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="S9: 备注"):
        write_table(tmp_path / "t.xlsx", PASS_COLUMNS, [PublicRow("S9", 1, remark="长" * (MOST_CHARACTERS + 1))])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("made", "batch", "cell"),
    [
        (date(2024, 3, 1), None, "2024-03-01"),
        (None, "A1", "A1"),
        (date(2024, 3, 1), "20240301", "20240301"),
        (date(2024, 3, 1), "A/1", "2024-03-01/A/1"),
        (date(2024, 3, 1), "2024/3/1", "2024/3/1"),
        (date(2024, 3, 1), "20240302", "2024-03-01/20240302"),
        (None, "202403", "202403"),
        (None, None, None),
    ],
)
def test_production_date_and_batch(made: date | None, batch: str | None, cell: str | None) -> None:
    assert made_on.write(made, batch) == cell
    if cell is not None:
        assert made_on.read(cell) == (made, batch)


AS_OF = date(2024, 6, 30)


def verdict(**more: Any) -> Verdict:
    fields: dict[str, Any] = {
        "sample_id": "S",
        "revision": 2,
        "status": "concluded",
        "outcome": "fail",
        "measure": "qualification",
        "counted_on": date(2024, 3, 1),
        "concluded_at": "2024-03-01T12:00:00+08:00",
        "items": 1,
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "category": ("粮食加工品",),
        "product_name": "大米",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2024-02-20T09:30:00+08:00",
        "source": "lab",
    }
    return Verdict(**{**fields, **more})


def choice(closed: bool, pending: bool = False) -> Choice:
    return Choice(date(2024, 3, 1), date(2024, 3, 31), AS_OF, lambda verdict, as_of: closed, pending)


@pytest.mark.parametrize(
    ("more", "published"),
    [
        ({}, True),
        ({"outcome": "pass"}, True),
        ({"plan": "evaluation"}, True),
        ({"counted_on": date(2024, 3, 31)}, True),
        ({"counted_on": date(2024, 4, 1)}, False),
        ({"counted_on": date(2024, 2, 29)}, False),
        ({"outcome": "inconclusive"}, False),
        ({"outcome": None, "status": "voided", "counted_on": None}, False),
        ({"outcome": None, "status": "withdrawn", "counted_on": None}, False),
        ({"plan": "risk_monitoring", "measure": "problem"}, False),
        ({"domain": "food_rapid", "measure": "suspicion"}, False),
        ({"domain": "cosmetic"}, False),
    ],
)
def test_what_is_published(more: dict[str, Any], published: bool) -> None:
    assert choice(closed=True).takes(verdict(**more)) is published


def test_a_retest_that_may_still_come_is_waited_for() -> None:
    asked: list[tuple[Verdict, date]] = []

    def closed(one: Verdict, as_of: date) -> bool:
        asked.append((one, as_of))
        return False

    open_case = verdict()
    waiting = replace(choice(closed=False), retest_closed=closed)
    assert not waiting.takes(open_case)
    assert asked == [(open_case, AS_OF)]
    assert choice(closed=False, pending=True).takes(open_case)
