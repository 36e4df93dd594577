"""The headers of public tables as they are really spelt, and which field of a row each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from schemas.mappings import column_key

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "sample_id": ("抽样编号", "抽样单编号", "样品编号"),
    "number": ("序号",),
    "producer_name": ("标称生产企业名称", "标识生产企业名称", "标称生产企业", "生产企业名称", "标称生产单位名称"),
    "producer_address": ("标称生产企业地址", "标识生产企业地址", "生产企业地址", "标称生产单位地址"),
    "party_name": ("被抽样单位名称", "被抽样单位", "被抽样企业名称", "被抽检单位名称"),
    "party_address": ("被抽样单位地址", "被抽样企业地址", "被抽检单位地址"),
    "province": ("被抽样单位所在省份", "被抽样单位省份", "被抽样单位所在省", "被抽样单位省", "被抽样省份", "所在省份"),
    "product_name": ("食品名称", "样品名称", "产品名称"),
    "specification": ("规格型号", "规格", "样品规格", "型号规格", "规格/型号", "型号/规格"),
    "brand": ("商标",),
    "made": ("生产日期/批号", "生产日期或批号", "生产日期(批号)", "生产日期、批号", "生产日期", "批号"),
    "items": ("不合格项目", "不合格检验项目", "主要不合格项目"),
    "category": ("分类", "食品大类", "食品分类", "样品分类", "产品分类", "类别"),
    "announcement_no": ("公告号", "公告编号", "通告号"),
    "announced_on": ("公告日期", "通告日期", "公示日期"),
    "task": ("任务来源/项目名称", "任务来源", "项目名称", "任务来源(项目名称)"),
    "laboratory": ("检验机构", "检验机构名称", "承检机构", "承检机构名称"),
    "remark": ("备注",),
    "link": ("公告网址链接", "公告网址", "公告链接", "网址链接"),
}
_FIELDS: Final = {spelling: field for field, spellings in _SPELLINGS.items() for spelling in spellings}
#: 不合格项目║检验结果║标准值: the mark is ║, another upright line, a slash, or only a line break in the cell.
_MERGED = re.compile(
    r"不合格(?:检验)?项目(?P<mark>[^一-鿿]*)(?:检验|检测|实测)?(?:结果|值)[^一-鿿]*(?:标准|限量|规定)(?:值|要求)?"
)


def fields_of(header: Iterable[object]) -> dict[int, str]:
    """Field by the number of its column; of several columns for one field the first counts."""
    found: dict[int, str] = {}
    for place, cell in enumerate(header):
        field = _field(_key(cell))
        if field is not None and field not in found.values():
            found[place] = field
    return found


def puts_slashes(header: Iterable[object]) -> bool:
    """Whether item, result and limit are put together with slashes, by the merged column's header."""
    merged = (_MERGED.fullmatch(_key(cell)) for cell in header)
    return any(found is not None and found["mark"] in ("/", "／") for found in merged)


def _key(cell: object) -> str:
    return column_key(str(cell)) if cell is not None else ""


def _field(key: str) -> str | None:
    return "items" if _MERGED.fullmatch(key) else _FIELDS.get(key.replace("／", "/"))
