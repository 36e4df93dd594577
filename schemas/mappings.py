"""The national export's columns and words, translated to the contracts and back (SSD2: see schemas/ssd2.py).

The export has one row per sample and test item, in the sheet `data_1`. Its column names are those of the field
dictionary, or shorter ones; both are known here. A path names contract and field: ``SampleTaken.producer.name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from schemas.samr_dictionary import RESULT_FIELDS, SAMPLE_FIELDS, NotCarried
from schemas.values import Domain, ItemVerdict, Measure, Outcome, Plan, Stage

T = TypeVar("T")

#: The sheet of the export that holds the rows.
SAMR_SHEET: Final = "data_1"

_DICTIONARY: Final = (*SAMPLE_FIELDS, *RESULT_FIELDS)


def column_key(name: str) -> str:
    """A column's name as the tables here spell it: without spaces, required-field star and full-width brackets."""
    return "".join(name.split()).replace("（", "(").replace("）", ")").rstrip("*")


#: Fields of the dictionary that the contracts do not carry, by code, with the reason.
NOT_CARRIED: Final[Mapping[str, str]] = {
    field.code: str(field.target) for field in _DICTIONARY if isinstance(field.target, NotCarried)
}

#: Names that the export gives to fields of the dictionary, and its own columns.
_EXPORT_COLUMNS: Final[Mapping[str, str]] = {
    "报告分类": "ResultReported.conclusion",
    "检验目的": "SampleTaken.plan",
    "任务类别": "SampleTaken.plan",
    "抽样性质": "SampleTaken.plan",
    "抽样环节": "SampleTaken.stage",
    "抽样地点": "SampleTaken.stage",
    "被抽样单位省": "SampleTaken.region",
    "被抽样单位市": "SampleTaken.region",
    "被抽样单位县": "SampleTaken.region",
    "被抽样省份": "SampleTaken.region",
    "被抽样地市": "SampleTaken.region",
    "县(市、区)": "SampleTaken.region",
    "被抽样单位地址": "SampleTaken.sampled_party.address",
    "标称生产企业名称": "SampleTaken.producer.name",
    "标称生产企业地址": "SampleTaken.producer.address",
    "检出限": "Item.lod",
    "定量限": "Item.loq",
}

#: Column of the export (as `column_key` spells it) -> path of the contract's field. Several columns may share a path.
SAMR_COLUMNS: Final[Mapping[str, str]] = {
    **{column_key(field.name): field.target for field in _DICTIONARY if not isinstance(field.target, NotCarried)},
    **_EXPORT_COLUMNS,
}

#: 结果判定 -> an item's verdict. 不判定项 was measured but not judged; 未检验 was not measured.
VERDICT_OF_SAMR: Final[Mapping[str, ItemVerdict]] = {
    "合格项": "pass",
    "合格": "pass",
    "符合": "pass",
    "不合格项": "fail",
    "不合格": "fail",
    "不符合": "fail",
    "问题项": "fail",
    "不判定项": "inconclusive",
    "不判定": "inconclusive",
    "未检验": "untested",
}

#: 结论 and 报告分类 -> a report's conclusion. A 24小时限时报告 is sent because something grave has failed.
CONCLUSION_OF_SAMR: Final[Mapping[str, Outcome]] = {
    "合格": "pass",
    "合格样品": "pass",
    "纯抽检合格样品": "pass",
    "合格报告": "pass",
    "不合格": "fail",
    "不合格样品": "fail",
    "纯抽检不合格样品": "fail",
    "问题样品": "fail",
    "一般不合格报告": "fail",
    "一般问题报告": "fail",
    "一般不合格(问题)报告": "fail",
    "24小时限时报告": "fail",
    "不判定样品": "inconclusive",
    "不判定": "inconclusive",
}

_STAGES: Final[Mapping[str, Stage]] = {
    "生产": "production",
    "流通": "circulation",
    "餐饮": "catering",
    "使用": "use",
    "网络": "online",
    "经营": "circulation",
    "销售": "circulation",
    "网购": "online",
    "网络交易": "online",
}

#: 抽样地点 or 抽样环节 -> stage, with or without 环节; drugs, devices and cosmetics say 经营 and 使用.
STAGE_OF_SAMR: Final[Mapping[str, Stage]] = {
    **_STAGES,
    **{f"{word}环节": stage for word, stage in _STAGES.items()},
}

#: 检验目的/任务类别 or 抽样性质 -> plan. 抽检监测 is the former name of supervision sampling with monitoring items.
PLAN_OF_SAMR: Final[Mapping[str, Plan]] = {
    "监督抽检": "supervision",
    "监督抽查": "supervision",
    "抽检监测": "supervision",
    "风险监测": "risk_monitoring",
    "评价性抽检": "evaluation",
    "专项抽检": "special",
    "专项": "special",
}

#: What the regulator calls the kinds of product -> domain.
DOMAIN_OF_SAMR: Final[Mapping[str, Domain]] = {
    "食品": "food",
    "食品快检": "food_rapid",
    "药品": "drug",
    "医疗器械": "medical_device",
    "化妆品": "cosmetic",
    "工业产品": "product",
    "普通食品": "food",
    "食用农产品": "food",
    "快检": "food_rapid",
    "产品质量": "product",
}


def _first_word(of_samr: Mapping[str, T]) -> Mapping[T, str]:
    """The way back: of the words for a value, the one listed first."""
    back: dict[T, str] = {}
    for word, value in of_samr.items():
        back.setdefault(value, word)
    return back


SAMR_OF_STAGE: Final = _first_word(STAGE_OF_SAMR)
SAMR_OF_PLAN: Final = _first_word(PLAN_OF_SAMR)
SAMR_OF_DOMAIN: Final = _first_word(DOMAIN_OF_SAMR)
_SAMR_OF_VERDICT: Final = _first_word(VERDICT_OF_SAMR)
_SAMR_OF_OUTCOME: Final[Mapping[Outcome, str]] = {
    "pass": "合格样品",
    "fail": "不合格样品",
    "inconclusive": "不判定样品",
}


def samr_of_verdict(verdict: ItemVerdict, measure: Measure) -> str:
    """结果判定 of an item; what fails in risk monitoring is a 问题项 and never a 不合格项."""
    return "问题项" if verdict == "fail" and measure == "problem" else _SAMR_OF_VERDICT[verdict]


def samr_of_outcome(outcome: Outcome, measure: Measure) -> str:
    """结论 of a report; what fails in risk monitoring is a 问题样品 and never a 不合格样品."""
    return "问题样品" if outcome == "fail" and measure == "problem" else _SAMR_OF_OUTCOME[outcome]
