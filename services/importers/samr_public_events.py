"""A row of a public table as a sample and its report. What is derived is told in `notes`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from schemas.regions import check_region, roll_up
from schemas.results import Item, ResultReported
from schemas.sampling import SampleTaken
from schemas.values import Party, Plan, Stage
from services.importers import UNNAMED_LAB, Imported, identified, moment, samr_cells
from services.importers.samr_row import Refused
from services.public_tables import made_on, measured
from services.public_tables.columns import PublicRow
from services.reports.regions import region_of_address, region_of_names

SOURCE = "import:samr-public-table"
#: A day's report counts on that day, wherever the reader's clock stands.
_NOON = 12


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What the tables do not say. None: derived, or absent.

    laboratory: of the passes, whose table names none. region: where a row does not name the county itself, a code or
    path in the row's province. issued_on: the day of the reports; else 公告日期 is taken. sampled_on: the day of
    sampling; else the day of the report is taken.
    """

    plan: Plan = "supervision"
    stage: Stage | None = None
    laboratory: str | None = None
    region: str | None = None
    sampled_on: date | None = None
    issued_on: date | None = None


def imported(row: PublicRow, failed: bool, unsaid: Unsaid, notes: set[str]) -> Imported:
    """The sample and the report. Raises Refused where the row, with `unsaid`, does not say what they need."""
    issued_at = _issued_at(row, unsaid, notes)
    sample = _sample(row, unsaid, issued_at, notes)
    laboratory = row.laboratory if failed else unsaid.laboratory
    if laboratory is None:
        notes.add(f"检验机构 is missing in some rows: {UNNAMED_LAB!r} stands for it")
    result = ResultReported(
        report_no=row.sample_id,
        sample_id=row.sample_id,
        lab_id=laboratory or UNNAMED_LAB,
        issued_at=issued_at,
        items=_items(row) if failed else (),
        conclusion="fail" if failed else "pass",
    )
    if row.remark or row.announcement_no or row.link:
        notes.add("备注, 公告号 and 公告网址链接 belong to the announcement: no event carries them")
    return Imported(identified("sample", sample, SOURCE), identified("result", result, SOURCE))


def _sample(row: PublicRow, unsaid: Unsaid, issued_at: datetime, notes: set[str]) -> SampleTaken:
    if row.product_name is None:
        raise Refused("食品名称", "is missing")
    if row.category is None:
        raise Refused("分类", "is missing")
    if unsaid.sampled_on is None:
        notes.add("the table does not say when samples were taken: the day of the report is taken (--sampled-on)")
    if unsaid.stage is None:
        notes.add("the table does not say the stage: 流通 is taken (--stage)")
    made, batch = made_on.read(row.made) if row.made else (None, None)
    return SampleTaken(
        sample_id=row.sample_id,
        domain="food",
        plan=unsaid.plan,
        task=row.task,
        category=(row.category,),
        product_name=row.product_name,
        brand=row.brand,
        specification=row.specification,
        batch=batch,
        production_date=made,
        producer=_party(row.producer_name, row.producer_address, "标称生产企业", notes),
        sampled_party=_party(row.party_name, row.party_address, "被抽样单位", notes),
        region=_region(row, unsaid),
        stage=unsaid.stage or "circulation",
        sampled_at=moment(unsaid.sampled_on.isoformat(), 0) if unsaid.sampled_on else issued_at,
    )


def _items(row: PublicRow) -> tuple[Item, ...]:
    before: Counter[str] = Counter()
    items = []
    for line in row.items:
        before[line.item] += 1
        portion = str(before[line.item]) if before[line.item] > 1 else "test"
        items.append(measured.item_of(line, portion))
    return tuple(items)


def _issued_at(row: PublicRow, unsaid: Unsaid, notes: set[str]) -> datetime:
    if unsaid.issued_on is not None:
        return moment(unsaid.issued_on.isoformat(), _NOON)
    try:
        announced = samr_cells.moment(row.announced_on)
    except ValueError as error:
        raise Refused("公告日期", str(error)) from None
    if announced is None:
        raise Refused("公告日期", "is missing: say the day of the reports by --issued-on")
    notes.add("the table does not say when reports were issued: 公告日期 is taken (--issued-on)")
    return announced.replace(hour=_NOON)


def _party(name: str | None, address: str | None, column: str, notes: set[str]) -> Party | None:
    if name is None:
        if address is not None:
            notes.add(f"{column}名称 is missing in some rows that have {column}地址: the address is left out")
        return None
    return Party(name=name, address=address)


def _region(row: PublicRow, unsaid: Unsaid) -> str:
    # as a code either way: the two tables say the province differently, and its cell is one
    said = row.province or (region_of_address(row.party_address) if row.party_address else None)
    try:
        said = said and region_of_names(check_region(said.replace("／", "/")))
    except ValueError as error:
        raise Refused("被抽样单位所在省份", f"{said!r}: {error}") from None
    given = unsaid.region and region_of_names(unsaid.region)
    if given and (said is None or _holds(said, given)):
        return given
    if said is None:
        column = "被抽样单位所在省份" if row.party_address is None else "被抽样单位地址"
        raise Refused(column, "does not say a province or city: say the region by --region")
    return said


def _holds(region: str, other: str) -> bool:
    """Whether the other one lies in the region."""
    levels = zip(roll_up(region), roll_up(other), strict=True)
    return all(above in (None, below) for above, below in levels)
