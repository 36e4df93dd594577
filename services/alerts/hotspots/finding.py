"""The finding about a cell: what it says to people, and how grave it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any

from schemas.alerts import Evidence, Severity, Wording
from schemas.findings import Finding
from schemas.structs import struct_of
from services.alerts.hotspots.cell import Visit
from services.alerts.hotspots.detector import log_ratios
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.intervals import beta_interval
from services.alerts.hotspots.levels import GUARANTEES, Level, confirmation_threshold, evidence
from services.alerts.hotspots.quarters import closes_on, last_day
from services.alerts.hotspots.standing import Standing
from services.alerts.words import DOMAINS, PLANS
from services.lab_results.cuts import Cell as CellKey
from services.runtime.calendar import day_from_number

RULE = "hotspot"
SOURCE = "samplewatch/hotspots"
FindingFacts: Any = struct_of(Finding)
EvidenceFacts: Any = struct_of(Evidence)
WordingFacts: Any = struct_of(Wording)

#: So many failed samples are named, the latest, and kept from being told beside the hotspot; a message has an end.
_NAMED = 500
#: How strongly a cell's failure rate is drawn to its expectation: as so many units would.
_PRIOR_UNITS = 50.0
_SEVERITY: dict[Level | None, Severity] = {"high_confidence": "Severe", "confirmed": "Severe", "watch": "Minor"}
_LEVEL_NAMES: dict[Level, tuple[str, str]] = {
    "high_confidence": ("高度可信", "high confidence"),
    "confirmed": ("确认", "confirmed"),
    "watch": ("关注", "watch"),
}


def finding_of(
    key: str, quarter: str, standing: Standing, visits: Iterable[Visit], in_force: InForce, reason: str | None
) -> Finding:
    """What is to be said of the cell now, in the finding's mirror: open at a level, over when the quarter has ended,
    void where a correction has taken the level back."""
    cell = CellKey.parse(key)
    status = "void" if standing.level is None else "over" if standing.ended else "open"
    active_cells, cluster = in_force.active_cells, in_force.cluster_of(cell)
    zh, en = _description(cell, quarter, standing, active_cells)
    if cluster is not None:
        zh += f"空间扫描亦在相邻 {len(cluster.places)} 个区县发现聚集(p = {cluster.p_value:.3f})。"
        en += f" The spatial scan, too, finds a cluster of {len(cluster.places)} counties (p = {cluster.p_value:.3f})."
    rate = _shrunken(standing)
    finding: Finding = FindingFacts(
        rule=RULE,
        subject=key,
        epoch=quarter,
        revision=standing.revision(quarter),
        status=status,
        kind="hotspot",
        severity=_SEVERITY.get(standing.level, "Minor"),
        urgency="Expected" if standing.level in ("confirmed", "high_confidence") else "Future",
        certainty="Likely" if standing.level in ("confirmed", "high_confidence") else "Possible",
        onset=f"{day_from_number(standing.cell.since).isoformat()}T00:00:00+08:00" if standing.cell.since else None,
        event=WordingFacts(zh="风险热点", en="risk hotspot"),
        headline=_headline(cell, standing),
        description=WordingFacts(zh=zh, en=en),
        instruction=_instruction(quarter, standing),
        area=standing.area,
        domain=cell.domain,
        plan=cell.plan,
        measure=cell.measure,
        cell=key,
        evidence=tuple(
            EvidenceFacts(name=name, value=value)
            for name, value in (
                ("level", standing.level or "none"),
                ("units", str(standing.cell.units)),
                ("failed", str(standing.cell.failed)),
                ("expected", f"{standing.cell.expected:.2f}"),
                ("rate", f"{rate[0]:.4f}"),
                ("rate_low", f"{rate[1]:.4f}"),
                ("rate_high", f"{rate[2]:.4f}"),
                ("e_value", f"{evidence(standing.peak_evidence):.4g}"),
                ("threshold", f"{confirmation_threshold(active_cells):g}"),
                ("planned", str(standing.planned)),
                ("model", standing.model),
                *([("spatial_scan_p", f"{cluster.p_value:.4f}")] if cluster is not None else ()),
                *(("sample", sample) for sample in _failed_samples(visits)),
            )
        ),
        reason=reason,
        source=SOURCE,
    )
    return finding


def words(cell: CellKey) -> str:
    """The cell for people: domain, plan, and what it is of."""
    return f"{DOMAINS.get(cell.domain, cell.domain)}{PLANS.get(cell.plan, cell.plan)} {cell.value}"


def _headline(cell: CellKey, standing: Standing) -> Any:
    failed, expected = standing.cell.failed, standing.cell.expected
    zh, en = _LEVEL_NAMES[standing.level] if standing.level else ("撤销", "withdrawn")
    return WordingFacts(
        zh=f"风险热点({zh}):{words(cell)},{failed} 批不合格,预期 {expected:.1f} 批",
        en=f"Risk hotspot ({en}): {cell.domain} {cell.plan} {cell.value}: {failed} failed, {expected:.1f} expected",
    )


def _description(cell: CellKey, quarter: str, standing: Standing, active_cells: int) -> tuple[str, str]:
    counts, (rate, low, high) = standing.cell, _shrunken(standing)
    since = day_from_number(counts.since).isoformat() if counts.since else "?"
    value, bound = evidence(standing.peak_evidence), confirmation_threshold(active_cells)
    zh_guarantee, en_guarantee = GUARANTEES[standing.level] if standing.level else ("", "")
    zh = (
        f"{quarter} {words(cell)}:已检 {counts.units} 个抽样单元(同日同一被抽样单位计为一个),不合格 {counts.failed} 个,"
        f"按品种结构预期 {counts.expected:.1f} 个;收缩后的不合格率 {rate:.1%}(95% 区间 {low:.1%} 至 {high:.1%})。"
        f"上升最可能始于 {since}。检验值 E = {value:.3g},确认线 {bound:g}。{zh_guarantee}。"
        f"预期概率模型版本 {standing.model}。"
    )
    en = (
        f"{quarter}, {cell.domain} {cell.plan} {cell.value}: {counts.units} units (samples of one party and day are "
        f"one), {counts.failed} failed, {counts.expected:.1f} expected by case mix; shrunken failure rate {rate:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%}). The rise most likely began on {since}. E = {value:.3g}, confirmed "
        f"from {bound:g}. What that guarantees: {en_guarantee}. Expected probabilities: model {standing.model}."
    )
    if standing.assumed:
        zh += f"其中 {standing.assumed} 个单元无历史数据,采用假定概率。"
        en += f" {standing.assumed} of the units have no history; their probability is assumed."
    if counts.units > standing.planned:
        zh += f"单元数已超过计划的 {standing.planned} 个,超出部分的统计保证较弱。"
        en += f" More units than the {standing.planned} planned have come; beyond the plan the guarantee is weaker."
    return zh, en


def _instruction(quarter: str, standing: Standing) -> Any:
    """What to do, and what would make the hotspot go away."""
    passes = _passes_to_quiet(standing)
    closes = closes_on(quarter).isoformat()
    return WordingFacts(
        zh=(
            f"请现场核查,并对该单元追加抽样。若接下来约 {passes} 个单元全部合格,上升迹象即告消失;"
            f"现场处置后请关闭预警;{last_day(quarter)} 季度结束、{closes} 结果收齐后自动结束。"
        ),
        en=(
            f"Inspect on the spot and sample more of it. If about the next {passes} units all pass, the sign of a rise "
            f"is gone. Close the alert once the field has reported; it ends by itself on {closes}, when the results of "
            f"the quarter (to {last_day(quarter)}) are in."
        ),
    )


def _passes_to_quiet(standing: Standing) -> int:
    counts = standing.cell
    mean = counts.expected / counts.units if counts.units else 0.03
    return max(1, ceil(counts.run / -log_ratios(min(max(mean, 1e-4), 0.9999)).passed[1]))


def _shrunken(standing: Standing) -> tuple[float, float, float]:
    """The cell's failure rate, drawn to its expectation, with the 95 % interval of its posterior."""
    counts = standing.cell
    mean = min(max(counts.expected / counts.units, 1e-4), 0.9999) if counts.units else 0.03
    a = counts.failed + _PRIOR_UNITS * mean
    b = counts.units - counts.failed + _PRIOR_UNITS * (1 - mean)
    return a / (a + b), *beta_interval(a, b)


def _failed_samples(visits: Iterable[Visit]) -> list[str]:
    failed = [sample for visit in sorted(visits) for sample in visit.failed_samples]
    return failed[-_NAMED:]
