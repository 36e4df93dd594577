"""Rows of the national export as samples, items and reports.

Where the export leaves something open that the contracts need, the functions here say in `notes` what they took.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from schemas.mappings import CONCLUSION_OF_SAMR, PLAN_OF_SAMR, STAGE_OF_SAMR, VERDICT_OF_SAMR, column_key
from schemas.results import Item, ResultReported, conclude
from schemas.sampling import SampleTaken
from schemas.values import LimitKind, Outcome, Party, Plan, Stage
from services.importers import UNNAMED_LAB, identified, samr_cells
from services.importers.samr_row import COLUMNS_OF, Refused, Row

SOURCE = "import:samr-export"
#: What all sampling of food is called together: it says the plan only where no other word does.
_ALL_SAMPLING = "抽检监测"
#: What the limit of something that must not be found says.
_NOT_TO_BE_FOUND = "不得检出"


def sample_of(rows: Sequence[Row], notes: set[str]) -> SampleTaken:
    """The sample that its rows describe."""
    row = rows[0]
    sampled_by = samr_cells.people(row.text("SampleTaken.sampled_by"))
    category = tuple(filter(None, (row.text(f"SampleTaken.category.{level}") for level in range(4))))
    produced = row.optional("SampleTaken.production_date", samr_cells.moment, notes)
    sample = SampleTaken(
        sample_id=row.needed("SampleTaken.sample_id", samr_cells.text),
        domain="food",
        plan=_plan(rows, notes),
        task=row.text("SampleTaken.task"),
        category=category or (row.needed("SampleTaken.category.0", samr_cells.text),),
        product_name=row.needed("SampleTaken.product_name", samr_cells.text),
        brand=row.text("SampleTaken.brand"),
        specification=row.text("SampleTaken.specification"),
        batch=row.text("SampleTaken.batch"),
        production_date=produced.date() if produced else None,
        producer=_party(row, "SampleTaken.producer"),
        sampled_party=_party(row, "SampleTaken.sampled_party"),
        region=_region(row),
        stage=_stage(row, notes),
        quantity=row.optional("SampleTaken.quantity", samr_cells.amount, notes),
        quantity_unit=row.text("SampleTaken.quantity_unit"),
        backup_quantity=row.optional("SampleTaken.backup_quantity", samr_cells.amount, notes),
        sampled_at=_sampled_at(row, notes),
        # one name is no pair of samplers, and no reason to lose the sample
        sampled_by=sampled_by if len(sampled_by) > 1 else (),
    )
    return identified("sample", sample, SOURCE)


def item_of(row: Row, before: Sequence[Item], notes: set[str]) -> Item:
    """The test item of a row; one that the report has already is measured on another portion."""
    name = row.needed("Item.item", samr_cells.text)
    verdict = row.word("Item.verdict", VERDICT_OF_SAMR)
    if verdict is None:
        raise Refused("结果判定", "is missing")
    value: str | None = None
    if verdict != "untested":
        # an export without measured values still says what was found
        value = row.text("Item.value") or (row.text("Item.verdict") if verdict in ("pass", "fail") else None)
    repeats = sum(item.item == name for item in before)
    limit, low, kind, words = _limits(row)
    basis = "; ".join(filter(None, (row.text("Item.basis"), *words)))
    return Item(
        item=name,
        method=row.text("Item.method"),
        portion=str(repeats + 1) if repeats else "test",
        unit=row.text("Item.unit"),
        lod=row.optional("Item.lod", samr_cells.number, notes) if _in_unit_of_result(row, "检出限单位") else None,
        loq=row.optional("Item.loq", samr_cells.number, notes),
        value=samr_cells.decimal_or_words(value),
        limit=limit,
        limit_low=low,
        limit_kind=kind,
        basis=basis or None,
        verdict=verdict,
    )


def result_of(row: Row, sample: SampleTaken, items: tuple[Item, ...], notes: set[str]) -> ResultReported | None:
    """The report on a sample, or None where the export has none yet."""
    conclusion = _conclusion(row, items)
    if conclusion is None:
        return None
    result = ResultReported(
        report_no=row.text("ResultReported.report_no") or sample.sample_id,
        sample_id=sample.sample_id,
        lab_id=row.text("ResultReported.lab_id") or UNNAMED_LAB,
        received_at=row.optional("ResultReported.received_at", samr_cells.moment, notes),
        issued_at=row.needed("ResultReported.issued_at", samr_cells.moment),
        items=items,
        conclusion=conclusion,
    )
    return identified("result", result, SOURCE)


def _plan(rows: Sequence[Row], notes: set[str]) -> Plan:
    purpose, task = rows[0].text("SampleTaken.plan"), rows[0].text("SampleTaken.task")
    named = _plans_named(purpose or task or "")
    found = named.pop() if len(named) == 1 else None
    if found is None and purpose:
        reason = "names more than one plan" if named else "is not known"
        raise Refused(rows[0].find("SampleTaken.plan")[0], f"{purpose!r} {reason}")
    if found is None:
        notes.add(
            "检验目的/任务类别 is missing: 监督抽检 is taken, and 风险监测 where a sample or an item is called 问题"
        )
        # only risk monitoring calls a failure 问题; counted as 不合格 it would falsify the qualification rate
        called = (row.text(path) or "" for row in rows for path in ("Item.verdict", "ResultReported.conclusion"))
        found = "risk_monitoring" if any(word.startswith("问题") for word in called) else "supervision"
    return found


def _plans_named(text: str) -> set[Plan]:
    """By the words within: 省级监督抽检, 监督抽检/常规抽检. 专项监督抽检 is special; 专项风险监测 is risk monitoring,
    whose failures are no 不合格."""
    named = {plan for word, plan in PLAN_OF_SAMR.items() if word in text and word != _ALL_SAMPLING}
    if "special" in named:
        named.discard("special" if "risk_monitoring" in named else "supervision")
    return named or ({PLAN_OF_SAMR[_ALL_SAMPLING]} if _ALL_SAMPLING in text else set())


def _stage(row: Row, notes: set[str]) -> Stage:
    stage = row.word("SampleTaken.stage", STAGE_OF_SAMR)
    if stage is None:
        notes.add("抽样地点 is missing: 流通 is taken")
    return stage or "circulation"


def _sampled_at(row: Row, notes: set[str]) -> datetime:
    for path in ("SampleTaken.sampled_at", "ResultReported.received_at", "ResultReported.issued_at"):
        found = row.read(path, samr_cells.moment)
        if found is not None:
            if path != "SampleTaken.sampled_at":
                notes.add("抽样时间 is missing: 收检日期 is taken, or else 报告日期")
            return found
    raise Refused("抽样时间", "is missing")


def _region(row: Row) -> str:
    levels: list[str | None] = [None, None, None]
    for column in COLUMNS_OF["SampleTaken.region"]:
        level = 2 if "县" in column else 0 if "省" in column else 1
        levels[level] = levels[level] or samr_cells.text(row.cells.get(column))
    region = samr_cells.region(levels)
    if region is None:
        raise Refused("省(被抽样单位)", "is missing")
    return region


def _party(row: Row, path: str) -> Party | None:
    name = row.text(f"{path}.name")
    if name is None:
        return None
    return Party(name=name, licence=row.text(f"{path}.licence"), address=row.text(f"{path}.address"))


def _limits(row: Row) -> tuple[Decimal | None, Decimal | None, LimitKind | None, list[str]]:
    """(limit, limit_low, kind, words): words are limits that are no number in the result's unit."""
    found: list[Decimal | None] = []
    words: list[str] = []
    for path, column in (("Item.limit", "最大允许限"), ("Item.limit_low", "最小允许限")):
        limit = row.read(path, samr_cells.limit)
        if isinstance(limit, Decimal) and not _in_unit_of_result(row, f"{column}单位"):
            limit = f"{limit} {row.cells[f'{column}单位']}"
        found.append(limit if isinstance(limit, Decimal) else None)
        if isinstance(limit, str):
            words.append(f"{column}: {limit}")
    high, low = found
    if high is not None and low is not None:
        return high, low, "range", words
    if high is not None or low is not None:
        return (high, None, "max", words) if high is not None else (low, None, "min", words)
    return None, None, "absent" if any(_NOT_TO_BE_FOUND in word for word in words) else None, words


def _in_unit_of_result(row: Row, column: str) -> bool:
    unit, of_result = samr_cells.text(row.cells.get(column)), row.text("Item.unit")
    return unit is None or of_result is None or unit.lower() == of_result.lower()


def _conclusion(row: Row, items: tuple[Item, ...]) -> Outcome | None:
    for column in COLUMNS_OF["ResultReported.conclusion"]:
        # often a whole sentence: then the items say it
        found = CONCLUSION_OF_SAMR.get(column_key(str(row.cells.get(column))))
        if found is not None:
            return found
    return conclude(item.verdict for item in items) if items else None
