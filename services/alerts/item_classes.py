"""Which class a failed item belongs to, and how grave a class is."""

from __future__ import annotations

from typing import NamedTuple

from schemas.alerts import Severity, Urgency
from schemas.verdicts import FailedItem


class Grade(NamedTuple):
    """How grave and how urgent, in CAP's words."""

    severity: Severity
    urgency: Urgency


_GRADES = {
    "prohibited": Grade("Extreme", "Immediate"),
    "pathogen": Grade("Extreme", "Immediate"),
    "pesticide_residue": Grade("Severe", "Expected"),
    "veterinary_residue": Grade("Severe", "Expected"),
    "heavy_metal": Grade("Severe", "Expected"),
    "mycotoxin": Grade("Severe", "Expected"),
    "additive": Grade("Severe", "Expected"),
    "microbial_indicator": Grade("Moderate", "Expected"),
    "quality": Grade("Moderate", "Expected"),
    "labelling": Grade("Minor", "Future"),
}
#: A class that is not in the table is graded as a quality failure until somebody grades it.
_UNGRADED = Grade("Moderate", "Expected")

#: Words by which an item that comes without a class is classed; the first that occurs in its name decides.
_WORDS = (
    ("prohibited", ("三聚氰胺", "苏丹红", "孔雀石绿", "瘦肉精", "克伦特罗", "氯霉素", "硝基呋喃", "西布曲明", "罂粟")),
    (
        "pathogen",
        ("沙门氏菌", "金黄色葡萄球菌", "单核细胞增生李斯特", "副溶血性弧菌", "阪崎", "Salmonella", "Listeria"),
    ),
    ("mycotoxin", ("黄曲霉", "呕吐毒素", "脱氧雪腐镰刀菌烯醇", "赭曲霉", "展青霉素", "玉米赤霉烯酮", "aflatoxin")),
    ("heavy_metal", ("铅", "镉", "总汞", "甲基汞", "总砷", "无机砷", "铬", "lead", "cadmium", "mercury", "arsenic")),
    ("veterinary_residue", ("恩诺沙星", "环丙沙星", "磺胺", "地西泮", "氟苯尼考", "土霉素", "四环素", "尼卡巴嗪")),
    ("pesticide_residue", ("毒死蜱", "甲胺磷", "氧乐果", "克百威", "噻虫", "吡虫啉", "啶虫脒", "腐霉利", "联苯菊酯")),
    (
        "additive",
        ("苯甲酸", "山梨酸", "糖精", "甜蜜素", "二氧化硫", "脱氢乙酸", "亚硝酸", "柠檬黄", "日落黄", "胭脂红"),
    ),
    ("microbial_indicator", ("菌落总数", "大肠菌群", "霉菌", "酵母")),
    ("labelling", ("标签", "标识", "label")),
)


def class_of(item: FailedItem) -> str:
    """The class that the report gives, else the one that the item's name tells, else `unclassified`."""
    if item.item_class:
        return item.item_class
    return next((name for name, words in _WORDS if any(word in item.item for word in words)), "unclassified")


def grade_of(item_class: str) -> Grade:
    """How grave a failure of this class is."""
    return _GRADES.get(item_class, _UNGRADED)
