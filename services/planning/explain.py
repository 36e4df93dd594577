"""Why a line of a plan has its samples, in words. Pure."""

from __future__ import annotations

from services.alerts.hotspots.intervals import beta_interval
from services.planning.allocation import Line


def explain(line: Line) -> tuple[str, str]:
    """In Chinese and in English."""
    prospect = line.prospect
    low, high = beta_interval(prospect.a, prospect.b)
    known_zh = (
        f"近一年 {prospect.units} 批、不合格 {prospect.failed} 批" if prospect.units else "近一年无合格或不合格结论"
    )
    known_en = (
        f"{prospect.failed} of {prospect.units} failed in the last year"
        if prospect.units
        else "nothing passed or failed in the last year"
    )
    zh = f"{known_zh};估计不合格率 {prospect.mean:.1%}(95% 区间 {low:.1%} 至 {high:.1%})。"
    en = f"{known_en}; failure rate estimated at {prospect.mean:.1%} (95 % interval {low:.1%} to {high:.1%})."
    parts_zh, parts_en = [], []
    if line.floor:
        parts_zh.append(f"{line.floor} 批保底覆盖")
        parts_en.append(f"{line.floor} so that its county, stage and category stay covered")
    if line.information:
        parts_zh.append(f"{line.information} 批因所知不足")
        parts_en.append(f"{line.information} because little is known of it")
    if line.risk:
        parts_zh.append(f"{line.risk} 批因风险较高")
        parts_en.append(f"{line.risk} because it may be among the riskiest")
    return f"{zh}{'、'.join(parts_zh)}。", f"{en} {', '.join(parts_en)}."
