"""The mapping tables are total over the required names, name only fields that exist, and translate both ways."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from schemas import mappings
from schemas.paths import ROOTS, field_type, value_at
from schemas.results import Item
from schemas.samr_dictionary import RESULT_FIELDS, SAMPLE_FIELDS, NotCarried
from schemas.ssd2 import SSD2_ELEMENTS, VERDICT_OF_EVAL_CODE
from schemas.values import Domain, ItemVerdict, Outcome, Party, Plan, Stage

EXPORT_COLUMNS = [
    "抽样编号",
    "报告分类",
    "样品名称",
    "样品规格",
    "标识生产企业名称",
    "标识生产企业地址",
    "被抽样单位名称",
    "被抽样单位省",
    "省(被抽样单位)",
    "食品大类",
    "食品亚类",
    "食品次亚类",
    "食品细类",
    "任务来源",
    "检验项目",
    "检验结果",
    "结果单位",
    "结果判定",
    "检验依据",
    "判定依据",
    "最小允许限",
    "最大允许限",
    "检验机构名称",
    "报告书编号",
    "收检日期",
    "报告日期",
    "抽样时间",
    "抽样人员",
    "抽样数量",
    "备样数量",
    "样品批号",
    "生产日期",
    "商标",
    "结论",
]


@pytest.mark.parametrize("column", EXPORT_COLUMNS)
def test_every_required_column_of_the_export_is_mapped(column: str) -> None:
    assert column in mappings.SAMR_COLUMNS


@pytest.mark.parametrize(
    "path", sorted({*mappings.SAMR_COLUMNS.values(), *(element.path for element in SSD2_ELEMENTS)})
)
def test_only_fields_that_exist_are_named(path: str) -> None:
    assert field_type(path) is not None


def test_every_field_of_the_dictionary_is_mapped_or_not_carried_for_a_reason() -> None:
    fields = (*SAMPLE_FIELDS, *RESULT_FIELDS)
    assert (len(SAMPLE_FIELDS), len(RESULT_FIELDS)) == (94, 19)
    assert len({field.code for field in fields}) == len(fields)
    for field in fields:
        assert field.target
        assert isinstance(field.target, NotCarried) == (field.code in mappings.NOT_CARRIED)
        assert isinstance(field.target, NotCarried) or mappings.column_key(field.name) in mappings.SAMR_COLUMNS


@pytest.mark.parametrize("field", ["sample_id", "domain", "category", "product_name", "region", "stage", "sampled_at"])
def test_required_fields_of_a_sample_come_from_some_column_or_the_kind_of_export(field: str) -> None:
    carried = {path.split(".")[1] for path in mappings.SAMR_COLUMNS.values()}
    assert field in carried | {"domain"}


def test_a_column_is_found_whatever_its_brackets_stars_and_spaces() -> None:
    assert mappings.SAMR_COLUMNS[mappings.column_key(" 市（被抽样单位） *")] == "SampleTaken.region"
    assert all(mappings.column_key(column) == column for column in mappings.SAMR_COLUMNS)


@pytest.mark.parametrize(
    ("table", "vocabulary"),
    [
        (mappings.VERDICT_OF_SAMR, ItemVerdict),
        (mappings.CONCLUSION_OF_SAMR, Outcome),
        (mappings.STAGE_OF_SAMR, Stage),
        (mappings.PLAN_OF_SAMR, Plan),
        (mappings.DOMAIN_OF_SAMR, Domain),
        (VERDICT_OF_EVAL_CODE, ItemVerdict),
    ],
)
def test_words_translate_into_the_vocabulary_only(table: dict[str, str], vocabulary: object) -> None:
    assert set(table.values()) <= set(get_args(vocabulary))


@pytest.mark.parametrize(
    ("back", "there", "vocabulary"),
    [
        (mappings.SAMR_OF_STAGE, mappings.STAGE_OF_SAMR, Stage),
        (mappings.SAMR_OF_PLAN, mappings.PLAN_OF_SAMR, Plan),
        (mappings.SAMR_OF_DOMAIN, mappings.DOMAIN_OF_SAMR, Domain),
    ],
)
def test_every_value_has_a_word_that_leads_back_to_it(back: dict, there: dict, vocabulary: object) -> None:
    assert set(back) == set(get_args(vocabulary))
    assert all(there[word] == value for value, word in back.items())


@pytest.mark.parametrize("verdict", get_args(ItemVerdict))
@pytest.mark.parametrize("measure", ["qualification", "problem", "suspicion"])
def test_verdicts_translate_both_ways_under_every_measure(verdict: ItemVerdict, measure: str) -> None:
    assert mappings.VERDICT_OF_SAMR[mappings.samr_of_verdict(verdict, measure)] == verdict  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("measure", ["qualification", "problem", "suspicion"])
def test_outcomes_translate_both_ways_under_every_measure(outcome: Outcome, measure: str) -> None:
    assert mappings.CONCLUSION_OF_SAMR[mappings.samr_of_outcome(outcome, measure)] == outcome  # type: ignore[arg-type]


def test_a_problem_of_risk_monitoring_is_not_called_unqualified() -> None:
    assert mappings.samr_of_verdict("fail", "problem") == "问题项"
    assert mappings.samr_of_verdict("fail", "qualification") == "不合格项"
    assert mappings.samr_of_outcome("fail", "problem") == "问题样品"


@pytest.mark.parametrize("path", ["Nothing.name", "Item.nothing", "Party.name.deeper", "SampleTaken.category.first"])
def test_a_path_to_nothing_is_refused(path: str) -> None:
    with pytest.raises(LookupError, match="there is no"):
        field_type(path)


def test_a_path_leads_to_the_value() -> None:
    item = Item(item="铅", value="0.2", verdict="pass")
    assert value_at(item, "Item.value") == Decimal("0.2")
    with pytest.raises(LookupError, match="not a path into Item"):
        value_at(item, "Party.name")
    verdict = ROOTS["Verdict"].model_construct(producer=Party(name="甲"), sampled_party=None, category=("粮食加工品",))
    assert value_at(verdict, "Verdict.producer.name") == "甲"
    assert value_at(verdict, "Verdict.sampled_party.name") is None
    assert value_at(verdict, "Verdict.category.1") is None
