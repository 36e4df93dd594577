"""The columns of the two public tables, and one of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FailedLine:
    """One failed item as a table has it: its name, and where the cell says more, the result and the limit in words."""

    item: str
    value: str | None = None
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class PublicRow:
    """A row of either table, as the texts of its cells; None where a cell says nothing.

    `province` is in the table of passes only; `party_address`, `brand`, `items` and `laboratory` in that of failures.
    """

    sample_id: str
    number: int | None = None
    producer_name: str | None = None
    producer_address: str | None = None
    party_name: str | None = None
    party_address: str | None = None
    province: str | None = None
    product_name: str | None = None
    specification: str | None = None
    brand: str | None = None
    made: str | None = None
    items: tuple[FailedLine, ...] = ()
    category: str | None = None
    announcement_no: str | None = None
    announced_on: str | None = None
    task: str | None = None
    laboratory: str | None = None
    remark: str | None = None
    link: str | None = None


#: Header -> the row's field, in the order of the columns.
PASS_COLUMNS: Final[Mapping[str, str]] = {
    "抽样编号": "sample_id",
    "序号": "number",
    "标称生产企业名称": "producer_name",
    "标称生产企业地址": "producer_address",
    "被抽样单位名称": "party_name",
    "被抽样单位所在省份": "province",
    "食品名称": "product_name",
    "规格型号": "specification",
    "生产日期/批号": "made",
    "分类": "category",
    "公告号": "announcement_no",
    "公告日期": "announced_on",
    "任务来源/项目名称": "task",
    "备注": "remark",
    "公告网址链接": "link",
}
FAIL_COLUMNS: Final[Mapping[str, str]] = {
    "抽样编号": "sample_id",
    "序号": "number",
    "标称生产企业名称": "producer_name",
    "标称生产企业地址": "producer_address",
    "被抽样单位名称": "party_name",
    "被抽样单位地址": "party_address",
    "食品名称": "product_name",
    "规格型号": "specification",
    "商标": "brand",
    "生产日期/批号": "made",
    "不合格项目": "items",
    "分类": "category",
    "公告号": "announcement_no",
    "公告日期": "announced_on",
    "任务来源/项目名称": "task",
    "检验机构": "laboratory",
    "备注": "remark",
    "公告网址链接": "link",
}
#: Fields of the announcement: their cells stay empty where there is nothing, all others say EMPTY.
ANNOUNCEMENT: Final = frozenset({"announcement_no", "announced_on", "link"})
EMPTY: Final = "/"
