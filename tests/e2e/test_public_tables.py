"""The public tables from the record, and a table that was imported comes out again as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from services.importers.samr_public_tables import Numbered, read_rows
from services.public_tables.columns import FAIL_COLUMNS, PASS_COLUMNS, FailedLine, PublicRow
from services.public_tables.workbook import write_tables
from tests.events import FAILED_ITEM, PASSED_ITEM, SALMONELLA, amended, binary, result, retest, sample_taken, voided
from tests.events import withdrawn as withdrawal
from tests.system import System, unique

#: Years of this module alone: the system is shared.
FIRST, LAST = "2021-05-01", "2021-05-31"
ISSUED = "2021-05-10T12:00:00+08:00"
_OPENED = {"sampled_at": "2021-05-02T09:00:00+08:00"}


def cells(path: str) -> list[dict[str, Any]]:
    header, *rows = load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def published(
    system: System, out: Path, *words: str
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    said = system.json("publish-tables", "--out", str(out), *words)
    passed, failed = map(cells, said["files"])
    return said, passed, failed


def test_what_the_tables_publish(embedded_system: System, tmp_path: Path) -> None:
    system, source, lab = embedded_system, unique("/lims"), unique("lab")
    names = ("passes", "fails", "late", "overturned", "upheld", "corrected", "withdrawn", "voided", "inconclusive")
    ids = {name: unique(name) for name in (*names, "monitored", "rapid", "drug", "june")}
    more: dict[str, dict[str, Any]] = {
        "monitored": {"plan": "risk_monitoring"},
        "rapid": {"domain": "food_rapid"},
        "drug": {"domain": "drug"},
        "fails": {
            "producer": {"name": "某面粉厂", "address": "甘肃省庆阳市1号"},
            "sampled_party": {"name": "某超市", "licence": "91620000000000000X", "address": "西峰区2号"},
            "task": "市级监督抽检",
            "brand": "=某牌",
            "specification": "5kg/袋",
            "batch": "A1",
            "production_date": "2021-04-01",
        },
    }
    first = {name: result(ids[name], lab, FAILED_ITEM, issued_at=ISSUED) for name in ids}
    first["passes"] = result(ids["passes"], lab, issued_at=ISSUED)
    first["fails"] = result(ids["fails"], lab, FAILED_ITEM, SALMONELLA, PASSED_ITEM | {"item": "镉"}, issued_at=ISSUED)
    first["late"] = result(ids["late"], lab, FAILED_ITEM, issued_at="2021-05-25T12:00:00+08:00")
    first["june"] = result(ids["june"], lab, FAILED_ITEM, issued_at="2021-06-01T00:10:00+08:00")
    untested = {"item": "镉", "verdict": "untested"}
    first["inconclusive"] = {
        **result(ids["inconclusive"], lab, untested, issued_at=ISSUED),
        "conclusion": "inconclusive",
    }
    system.produce(binary(sample_taken(ids[name], **_OPENED, **more.get(name, {})), source) for name in ids)
    system.wait_idle()
    system.produce(binary(report, source) for report in first.values())
    system.wait_idle()
    system.produce(
        [
            binary(retest(first["overturned"], PASSED_ITEM), source),
            binary(retest(first["upheld"], FAILED_ITEM, issued_at="2021-05-28T12:00:00+08:00"), source),
            binary(amended(first["corrected"], PASSED_ITEM), source),
            binary(withdrawal(first["withdrawn"]), source),
            binary(voided(ids["voided"]), source),
        ]
    )
    system.wait_idle()

    # on 31 May the period of what was concluded on the 25th runs
    span = ("--from", FIRST, "--to", LAST)
    said, passed, failed = published(system, tmp_path / "out", *span, "--as-of", "2021-05-31")
    assert [list(row) for row in (passed[0], failed[0])] == [list(PASS_COLUMNS), list(FAIL_COLUMNS)]
    assert {row["抽样编号"] for row in passed} == {ids[name] for name in ("passes", "overturned", "corrected")}
    assert {row["抽样编号"] for row in failed} == {ids[name] for name in ("fails", "upheld")}
    assert (said["pass"], said["fail"], said["pending"]) == (3, 2, 1)
    assert [row["序号"] for row in passed] == ["1", "2", "3"]
    for row in (*passed, *failed):
        assert [row[name] for name in ("公告号", "公告日期", "公告网址链接", "备注")] == [None, None, None, "/"]
    assert {row["被抽样单位所在省份"] for row in passed} == {"甘肃省"}
    [whole] = [row for row in failed if row["抽样编号"] == ids["fails"]]
    assert whole == {
        "抽样编号": ids["fails"],
        "序号": whole["序号"],
        "标称生产企业名称": "某面粉厂",
        "标称生产企业地址": "甘肃省庆阳市1号",
        "被抽样单位名称": "某超市",
        "被抽样单位地址": "西峰区2号",
        "食品名称": "大米",
        "规格型号": "5kg/袋",
        "商标": "=某牌",
        "生产日期/批号": "2021-04-01/A1",
        "不合格项目": "铅(以Pb计)、沙门氏菌",
        "分类": "粮食加工品",
        "公告号": None,
        "公告日期": None,
        "任务来源/项目名称": "市级监督抽检",
        "检验机构": lab,
        "备注": "/",
        "公告网址链接": None,
    }

    said, _, failed = published(system, tmp_path / "pending", *span, "--as-of", "2021-05-31", "--include-pending")
    assert {row["抽样编号"] for row in failed} == {ids[name] for name in ("fails", "upheld", "late")}
    _, _, failed = published(
        system, tmp_path / "later", *span, "--as-of", "2021-06-30", "--number", "第3号", "--values"
    )
    assert {row["抽样编号"] for row in failed} == {ids[name] for name in ("fails", "upheld", "late")}
    assert {row["公告号"] for row in failed} == {"第3号"}
    [whole] = [row for row in failed if row["抽样编号"] == ids["fails"]]
    assert whole["不合格项目"] == "铅(以Pb计)║0.31mg/kg║≤0.2mg/kg、沙门氏菌║检出║不得检出"


def test_a_table_that_is_imported_comes_out_again(embedded_system: System, tmp_path: Path) -> None:
    common = PublicRow(
        sample_id="",
        producer_name="某厂",
        producer_address="甘肃省庆阳市1号",
        party_name="某超市",
        product_name="蛋糕",
        specification="散装",
        made="20210401/乙",
        category="糕点",
        announced_on="2021-08-03",
        announcement_no="2021年第8号",
        task="省级监督抽检",
        remark="备注：见附件",
        link="https://example.org/6?a=1&b=2",
    )
    failures = {"party_address": "甘肃省庆阳市西峰区2号", "laboratory": "某检验院", "brand": "某\x0b牌"}
    items = (FailedLine("铅、镉之和", "0.31mg/kg", "≤0.2mg/kg"), FailedLine("菌落总数", "①1；②2", "n=5"))
    passed = [replace(common, sample_id=unique("P"), number=1, province="甘肃省")]
    failed = [replace(common, sample_id=unique("F"), number=1, items=items, **failures)]
    for path in write_tables(tmp_path, passed, failed, with_values=True):
        said = embedded_system.json("import", str(path), "--format", "public-table", "--stage", "online")
        assert (said["accepted"], said["rejected"], said["bad_rows"]) == (2, 0, [])
        again = embedded_system.json("import", str(path), "--format", "public-table", "--stage", "online")
        assert again["duplicate"] == 2
    embedded_system.wait_idle()
    announcement = ("--number", "2021年第8号", "--date", "2021-08-03", "--remark", "备注：见附件")
    span = ("--from", "2021-08-01", "--to", "2021-08-31", "--values", "--link", "https://example.org/6?a=1&b=2")
    files = embedded_system.json("publish-tables", *span, *announcement, "--out", str(tmp_path / "again"))["files"]
    for path, rows in zip(files, (passed, failed), strict=True):
        read = list(read_rows(Path(path)))
        assert [one.row for one in read if isinstance(one, Numbered)] == rows


def test_what_is_asked_wrongly(embedded_system: System, tmp_path: Path) -> None:
    done = embedded_system.cli("publish-tables", "--from", "2021-02-01", "--to", "2021-01-01", check=False)
    assert done.returncode == 2 and "later than --to" in done.stderr
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    done = embedded_system.cli(*("import", str(tmp_path / "t.csv"), "--format", "public-table"), check=False)
    assert done.returncode == 1 and "抽样编号" in done.stderr
    done = embedded_system.cli(
        *("import", str(tmp_path / "t.csv"), "--format", "chicago", "--stage", "use"), check=False
    )
    assert done.returncode == 2 and "--stage goes with --format public-table only" in done.stderr
